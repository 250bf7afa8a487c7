from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import socket
import termios
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.drivers.api import SERIAL, Line, Manifest, Reach, Sighting
from gateway.errors import (
    ConfigError,
    LinkLost,
    LinkRefused,
    LinkTimeout,
    RadioTrouble,
    RadioUnavailable,
)
from gateway.testing.clock import ManualClock
from gateway.transport import chunks
from gateway.transport.api import Cabled, OpenLink
from gateway.transport.descriptor import DescriptorLink
from gateway.transport.serial import SerialTransport
from gateway.transport.settings import PortSettings

SOON = 5.0  # s; every wait of these tests ends long before


class Pty:
    """The device's end of a pty, and its other end kept open, as a cable is."""

    def __init__(self) -> None:
        self.device, self._kept = os.openpty()
        self.path = os.ttyname(self._kept)
        self._open = [self.device, self._kept]

    def send(self, data: bytes) -> None:
        os.write(self.device, data)

    def received(self) -> bytes:
        return os.read(self.device, 4096)

    def unplug(self) -> None:
        for descriptor in self._open:
            os.close(descriptor)
        self._open = []


@pytest.fixture
def pty() -> Iterator[Pty]:
    pty = Pty()
    yield pty
    pty.unplug()


def manifest(line: Line | None = None) -> Manifest:
    return Manifest(
        "test/port", "A port", Reach.SERIAL, frozenset(), spec="none", models=(), line=line
    )


def transport_to(path: str, **settings: object) -> SerialTransport:
    port = PortSettings.model_validate(
        {"name": "cuff", "path": path, "driver": "test/port", **settings}
    )
    return SerialTransport(port, ManualClock())


async def opened(path: str, line: Line | None = None, **settings: object) -> OpenLink:
    transport = transport_to(path, **settings)
    return await transport.open(Sighting(path, Reach.SERIAL), manifest(line))


async def collected(link: OpenLink, count: int) -> bytes:
    inbox = await link.subscribe(SERIAL)
    got = b""
    while len(got) < count:
        got += (await inbox.get(within=SOON)).data
    return got


async def test_chunks_come_in_their_order_with_the_time_of_reception(pty: Pty) -> None:
    link = await opened(pty.path)
    inbox = await link.subscribe(SERIAL)

    pty.send(b"one")
    first = await inbox.get(within=SOON)
    pty.send(b"two")
    second = await inbox.get(within=SOON)
    await link.close()

    assert (first.data, second.data) == (b"one", b"two")
    assert first.channel == SERIAL
    assert first.received == ManualClock().now()


async def test_what_came_before_the_subscription_is_not_lost(pty: Pty) -> None:
    link = await opened(pty.path)

    pty.send(b"early")
    got = await collected(link, 5)
    await link.close()

    assert got == b"early"


async def test_silence_is_a_timeout_and_loses_nothing(pty: Pty) -> None:
    link = await opened(pty.path)
    inbox = await link.subscribe(SERIAL)

    with pytest.raises(LinkTimeout, match="serial:cuff"):
        await inbox.get(within=0.01)
    pty.send(b"late")
    got = await inbox.get(within=SOON)
    await link.close()

    assert got.data == b"late"


async def test_what_is_written_arrives_even_if_it_is_more_than_the_port_holds(pty: Pty) -> None:
    link = await opened(pty.path)
    data = bytes(range(256)) * 256
    arrived = bytearray()

    def device() -> None:
        while len(arrived) < len(data):
            arrived.extend(os.read(pty.device, 4096))

    reading = asyncio.create_task(asyncio.to_thread(device))
    await link.write(SERIAL, data)
    await asyncio.wait_for(reading, SOON)
    await link.close()

    assert bytes(arrived) == data


async def test_a_driver_that_is_slow_to_read_holds_the_device_back(
    pty: Pty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHUNKS", 4)
    link = await opened(pty.path)
    assert isinstance(link, DescriptorLink)
    sent = await said_until_nobody_listens(pty, link)

    await turns(100)
    kept = len(link._inbox._chunks)
    got = await collected(link, len(sent))
    await link.close()

    assert kept == 4
    assert got == sent


async def said_until_nobody_listens(pty: Pty, link: DescriptorLink) -> bytes:
    """Let the device say all that it can before it has to wait; return that."""
    said = b""
    os.set_blocking(pty.device, False)
    async with asyncio.timeout(SOON):
        while True:
            piece = b"%06d, " % len(said)
            try:
                said += piece[: os.write(pty.device, piece)]
            except BlockingIOError:
                if link._inbox.full:
                    return said
                await asyncio.sleep(0)


async def turns(count: int) -> None:
    """Let the loop do what it has to do, so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("acknowledged", "left"), [(True, []), (False, [2, 1, 0])])
async def test_an_acknowledged_write_waits_until_the_last_bit_has_left(
    pty: Pty, monkeypatch: pytest.MonkeyPatch, acknowledged: bool, left: list[int]
) -> None:
    waiting = [2, 1, 0]  # octets that the port has still to send, each time that it is asked

    def ioctl(*_: object) -> bytes:
        return waiting.pop(0).to_bytes(4, "little")

    link = await opened(pty.path)
    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    await link.write(SERIAL, b"x", acknowledged=acknowledged)
    await link.close()

    assert waiting == left


async def test_unplugging_ends_the_link_promptly(pty: Pty) -> None:
    link = await opened(pty.path)
    inbox = await link.subscribe(SERIAL)
    waiting = asyncio.create_task(inbox.get(within=60))
    await asyncio.sleep(0)

    pty.unplug()

    with pytest.raises(LinkLost, match="serial:cuff is gone"):
        await asyncio.wait_for(waiting, SOON)
    with pytest.raises(LinkLost):
        await link.write(SERIAL, b"anyone there?")
    assert isinstance(link, Cabled)
    assert link.pulled.is_set()
    await link.close()


async def test_a_device_that_is_plugged_in_again_is_seen_and_opened_under_its_name(
    tmp_path: Path,
) -> None:
    name = tmp_path / "by-id"
    first, second = Pty(), Pty()
    name.symlink_to(first.path)
    link = await opened(str(name))
    first.unplug()
    with pytest.raises(LinkLost):
        await (await link.subscribe(SERIAL)).get(within=SOON)
    await link.close()

    name.unlink()
    name.symlink_to(second.path)
    link = await opened(str(name))
    second.send(b"back")
    got = await collected(link, 4)
    await link.close()
    second.unplug()

    assert got == b"back"


async def test_a_lost_link_keeps_the_loop_idle(pty: Pty) -> None:
    link = await opened(pty.path)
    inbox = await link.subscribe(SERIAL)
    pty.unplug()
    with pytest.raises(LinkLost):
        await inbox.get(within=SOON)

    watched = asyncio.get_running_loop().remove_reader(descriptor_of(link))
    await link.close()

    assert not watched


async def test_closing_gives_back_every_descriptor_and_may_be_done_twice(pty: Pty) -> None:
    link = await opened(pty.path)
    await link.close()
    before = len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(3):
        link = await opened(pty.path)
        await link.close()
        await link.close()

    assert len(list(Path("/proc/self/fd").iterdir())) == before


async def test_a_closed_link_is_lost(pty: Pty) -> None:
    link = await opened(pty.path)
    inbox = await link.subscribe(SERIAL)
    waiting = asyncio.create_task(inbox.get(within=60))
    await asyncio.sleep(0)

    await link.close()

    with pytest.raises(LinkLost):
        await asyncio.wait_for(waiting, SOON)
    with pytest.raises(LinkLost):
        await link.write(SERIAL, b"x")


async def test_a_write_that_the_port_does_not_take_is_given_up_when_the_link_closes(
    pty: Pty,
) -> None:
    link = await opened(pty.path)
    writing = asyncio.create_task(link.write(SERIAL, bytes(1_000_000)))
    await asyncio.sleep(0)

    await link.close()

    with pytest.raises(LinkLost):
        await asyncio.wait_for(writing, SOON)


async def test_a_server_that_answers_no_more_is_a_lost_port_and_no_matter_of_flow_control(
    pty: Pty, monkeypatch: pytest.MonkeyPatch
) -> None:
    def times_out(*_: object) -> int:
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    link = await opened(pty.path)
    with monkeypatch.context() as at_the_end_of_tcp:
        at_the_end_of_tcp.setattr(os, "write", times_out)
        with pytest.raises(LinkLost):
            await link.write(SERIAL, b"?")
    with pytest.raises(LinkLost):
        await (await link.subscribe(SERIAL)).get(within=60)
    await link.close()


async def test_a_port_is_opened_for_one_program_only(pty: Pty) -> None:
    link = await opened(pty.path)

    with pytest.raises(RadioUnavailable, match="another program has it open") as caught:
        await opened(pty.path)
    await link.close()
    again = await opened(pty.path)
    await again.close()

    assert caught.value.reason is RadioTrouble.BUSY


async def test_the_line_is_set_as_the_driver_says_unless_the_owner_says_otherwise(
    pty: Pty,
) -> None:
    link = await opened(pty.path, Line(baud=2400, data_bits=7, parity="E"))
    usual = termios.tcgetattr(pty.device)[5]
    await link.close()
    link = await opened(pty.path, Line(baud=2400), baud=19200)
    owners = termios.tcgetattr(pty.device)[5]
    await link.close()

    assert (usual, owners) == (termios.B2400, termios.B19200)


def test_whatever_the_owner_says_of_the_line_goes_before_the_driver() -> None:
    settings = {"name": "cuff", "path": "/dev/ttyS0", "driver": "test/port"}
    owners = {"data_bits": 7, "parity": "E", "stop_bits": 2}
    port = PortSettings.model_validate({**settings, **owners})

    line = port.line(Line(baud=2400, data_bits=8, parity="O"))

    assert line == Line(baud=2400, data_bits=7, parity="E", stop_bits=2)


async def test_a_port_that_does_not_exist_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RadioUnavailable, match="plug the device in") as caught:
        await opened(str(tmp_path / "ttyUSB0"))

    assert caught.value.reason is RadioTrouble.NO_ADAPTER


async def test_a_forbidden_port_says_which_group_is_missing(
    pty: Pty, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)

    with pytest.raises(RadioUnavailable, match="group dialout") as caught:
        await opened(pty.path)

    assert caught.value.reason is RadioTrouble.DENIED


async def test_a_file_that_is_no_port_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(RadioUnavailable):
        await opened(str(tmp_path / "file"))


async def test_a_real_port_is_closed_to_programs_that_do_not_ask_for_the_lock(
    pty: Pty, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    ioctl = fcntl.ioctl

    def noting(fd: int, request: int, argument: bytes | int = 0) -> bytes | int:
        asked.append(request)
        return ioctl(fd, request, argument)

    monkeypatch.setattr(os.path, "realpath", lambda path: "/dev/ttyUSB0")
    monkeypatch.setattr(fcntl, "ioctl", noting)
    link = await opened(pty.path)
    ioctl(pty.device, termios.TIOCNXCL)
    await link.close()

    assert termios.TIOCEXCL in asked


async def test_a_stream_has_no_value_to_read(pty: Pty) -> None:
    link = await opened(pty.path)

    with pytest.raises(LinkRefused):
        await link.read(SERIAL)
    await link.close()

    assert set(link.channels) == {SERIAL}


async def test_a_port_is_seen_while_it_exists_and_nothing_is_ever_written(pty: Pty) -> None:
    turns = Turns(2)
    transport = SerialTransport(
        PortSettings(name="cuff", path=pty.path, driver="test/port"), ManualClock(), turns.pause
    )
    seen: list[Sighting] = []

    await turns.run(transport.watch(seen.append))

    assert seen == [Sighting(pty.path, Reach.SERIAL, driver="test/port")] * 2
    assert transport.device_id(seen[0]) == transport.name == "serial:cuff"


async def test_a_port_that_is_not_there_is_looked_for_until_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ttyACM0"
    turns = Turns(3, then=path.touch)
    transport = SerialTransport(
        PortSettings(name="cuff", path=str(path), driver="test/port"), ManualClock(), turns.pause
    )
    seen: list[Sighting] = []

    await turns.run(transport.watch(seen.append))

    assert [sighting.address for sighting in seen] == [str(path)]


async def test_a_port_behind_a_socket_is_read_written_and_lost() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        path = f"socket://127.0.0.1:{server.getsockname()[1]}"
        link = await opened(path)
        device, _ = server.accept()
        device.sendall(b"reading")
        got = await collected(link, 7)
        await link.write(SERIAL, b"thanks")
        heard = device.recv(100)
        device.close()
        inbox = await link.subscribe(SERIAL)
        with pytest.raises(LinkLost):
            await inbox.get(within=SOON)
        await link.close()

    assert (got, heard) == (b"reading", b"thanks")


async def test_a_port_of_a_server_that_lost_its_power_is_missed_within_minutes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = await opened(f"socket://127.0.0.1:{server.getsockname()[1]}")
        with socket.socket(fileno=os.dup(descriptor_of(link))) as connection:
            told = [
                connection.getsockopt(level, name)
                for level, name in (
                    (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
                    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
                )
            ]
        await link.close()

    is_on, idle_s, every_s, times = told
    assert is_on
    assert idle_s + every_s * times <= 120


async def test_a_server_that_is_down_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(RadioUnavailable, match="start what serves it") as caught:
        await opened(f"socket://127.0.0.1:{port}")

    assert caught.value.reason is RadioTrouble.NO_SERVICE


async def test_a_speed_that_the_port_cannot_run_is_the_configurations_fault(
    pty: Pty, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("Failed to set custom baud rate")

    monkeypatch.setattr("serial.serial_for_url", refuse)

    with pytest.raises(ConfigError, match="cannot be set"):
        await opened(pty.path)


async def test_a_port_is_not_left_open_when_opening_is_cancelled(
    pty: Pty, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_open = threading.Event()
    real_open = os.open

    def slow_open(path: str, flags: int, mode: int = 0o777) -> int:
        may_open.wait(SOON)
        return real_open(path, flags, mode)

    monkeypatch.setattr(os, "open", slow_open)
    opening = asyncio.create_task(opened(pty.path))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    may_open.set()
    while True:  # it is closed, so it can be opened again
        try:
            link = await opened(pty.path)
        except RadioUnavailable:
            continue
        break

    await link.close()


@pytest.mark.parametrize("path", ["ttyUSB0", "spy:///dev/ttyUSB0?file=x", "alt://x", ""])
def test_only_paths_and_plain_network_ports_are_accepted(path: str) -> None:
    with pytest.raises(ValidationError):
        PortSettings(name="cuff", path=path, driver="test/port")


class Turns:
    """A pause that returns at once, does something before the last turn, then ends the watch."""

    def __init__(self, count: int, then: Callable[[], None] = lambda: None) -> None:
        self._left = count
        self._then = then

    async def pause(self, seconds: float) -> None:
        self._left -= 1
        if self._left == 1:
            self._then()
        if self._left == 0:
            raise Ended

    async def run(self, watching: Awaitable[None]) -> None:
        with pytest.raises(Ended):
            await watching


class Ended(Exception):
    pass


def descriptor_of(link: OpenLink) -> int:
    return int(link._fd)  # type: ignore[attr-defined]
