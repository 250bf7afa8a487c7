import asyncio
import errno
import os
import select
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from firmware_sims.line_noise import LineNoise
from firmware_sims.port import Port


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Port]:
    with Port(tmp_path / "scale0") as plugged:
        yield plugged


class Host:
    """Whoever opens the port at the other end."""

    def __init__(self, link: Path) -> None:
        self.descriptor = os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def read(self, size: int) -> bytes:
        arrived = b""
        while len(arrived) < size:
            select.select([self.descriptor], [], [], 2)
            arrived += os.read(self.descriptor, 4096)
        return arrived


async def test_what_is_sent_arrives_byte_for_byte(port: Port) -> None:
    with Host(port.link) as host:
        await port.send(b"\x00\x03\x04\r\n\x11\x13\xff")

        assert host.read(8) == b"\x00\x03\x04\r\n\x11\x13\xff"


async def test_a_host_may_close_and_open_again(port: Port) -> None:
    with Host(port.link):
        pass

    with Host(port.link) as host:
        await port.send(b"again")

        assert host.read(5) == b"again"


def test_what_the_host_writes_can_be_seen_and_is_not_echoed(port: Port) -> None:
    with Host(port.link) as host:
        os.write(host.descriptor, b"D?\r\n")

        seen = b""
        while len(seen) < 4:
            seen += port.written_by_host()
        assert seen == b"D?\r\n"
        assert port.written_by_host() == b""
        with pytest.raises(BlockingIOError):
            os.read(host.descriptor, 1)


def test_unplugging_removes_the_name_and_hangs_up(port: Port) -> None:
    with Host(port.link) as host:
        port.unplug()

        assert not port.link.is_symlink()
        assert os.read(host.descriptor, 1) == b""
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            os.write(host.descriptor, b"?")


async def test_plugging_in_again_brings_back_the_same_name(port: Port) -> None:
    with Host(port.link):
        port.unplug()
        port.plug()

        with Host(port.link) as again:
            await port.send(b"back")

            assert again.read(4) == b"back"


async def test_bytes_sent_while_unplugged_are_lost(port: Port) -> None:
    port.unplug()

    assert await port.send(b"nobody") == 0


async def test_bytes_beyond_the_hosts_buffer_are_lost(port: Port) -> None:
    assert await port.send(b"x" * 1_000_000) < 1_000_000


async def test_sending_is_paced(tmp_path: Path) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    with Port(tmp_path / "slow", bytes_per_s=960, pause=pause) as port:
        await port.send(b"x" * 55)

    assert sum(pauses) == pytest.approx(55 / 960)
    assert len(pauses) == 7


def test_it_knows_whether_somebody_has_the_port_open(port: Port) -> None:
    before = port.is_open_elsewhere()
    with Host(port.link):
        during = port.is_open_elsewhere()
    after = port.is_open_elsewhere()

    assert (before, during, after) == (False, True, False)


def test_a_stale_link_is_replaced(tmp_path: Path) -> None:
    link = tmp_path / "scale0"
    link.symlink_to("/dev/gone")

    with Port(link) as port:
        assert link.readlink() != Path("/dev/gone")
        assert port.is_plugged


def test_plugging_and_unplugging_twice_is_once(port: Port) -> None:
    port.plug()
    port.unplug()
    port.unplug()

    assert not port.is_plugged


def test_a_silent_line_adds_nothing() -> None:
    noise = LineNoise(0.0, seed=1)

    assert all(noise.disturb(b"frame") == b"frame" for _ in range(100))


def test_noise_stays_between_frames_unless_asked_in() -> None:
    outside = LineNoise(1.0, seed=1)
    inside = LineNoise(1.0, seed=1, inside_frames=True)

    assert all(b"frame" in outside.disturb(b"frame") for _ in range(100))
    assert any(b"frame" not in inside.disturb(b"frame") for _ in range(100))


def test_noise_is_the_same_for_a_seed() -> None:
    first, second = [LineNoise(0.5, seed=9) for _ in range(2)]

    assert [first.disturb(b"f") for _ in range(50)] == [second.disturb(b"f") for _ in range(50)]


async def test_what_the_host_writes_is_waited_for(port: Port) -> None:
    moved = await port.receive()
    with Host(port.link) as host:
        waiting = asyncio.create_task(port.receive())
        await asyncio.sleep(0)
        os.write(host.descriptor, b"PING")

        assert (moved, await waiting) == (b"", b"PING")


async def test_moving_the_cable_ends_the_waiting(port: Port) -> None:
    await port.receive()
    waiting = asyncio.create_task(port.receive())
    await asyncio.sleep(0)

    port.unplug()

    assert await waiting == b""


async def test_a_port_that_came_back_is_listened_to(port: Port) -> None:
    port.unplug()
    port.plug()
    await port.receive()
    with Host(port.link) as host:
        waiting = asyncio.create_task(port.receive())
        await asyncio.sleep(0)
        os.write(host.descriptor, b"again")

        assert await waiting == b"again"


def test_the_speed_that_the_host_set_is_known(port: Port) -> None:
    with Host(port.link) as host:
        attributes = termios.tcgetattr(host.descriptor)
        attributes[4] = attributes[5] = termios.B2400
        termios.tcsetattr(host.descriptor, termios.TCSANOW, attributes)

        assert port.host_baud() == 2400
    port.unplug()
    assert port.host_baud() is None
