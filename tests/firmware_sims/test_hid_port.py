import asyncio
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from firmware_sims.faults import Fault, Faults
from firmware_sims.hid_port import HidPort
from firmware_sims.requests import Split
from firmware_sims.serial_device import plugged_in

from tests.firmware_sims.hid_host import Host

REPORT = bytes(range(64))


class Echoing:
    """A device that says each report twice, and counts how often it was moved."""

    def __init__(self) -> None:
        self.moved = 0

    def measure(self) -> Sequence[bytes]:
        return []

    def split(self, heard: bytes) -> Split:
        return [heard], b""

    def answer(self, request: bytes) -> Sequence[bytes]:
        return [request, request[::-1]]

    def cable_moved(self) -> None:
        self.moved += 1


@pytest.fixture
def port(tmp_path: Path) -> Iterator[HidPort]:
    with HidPort(tmp_path / "hid0") as plugged:
        yield plugged


async def test_each_packet_is_one_report_in_either_direction(tmp_path: Path) -> None:
    async with plugged_in(Echoing(), tmp_path / "hid0") as port:
        with Host(port.link) as host:
            await host.write(REPORT)
            await host.write(b"\x01\x00")

            answers = [await host.read() for _ in range(4)]

    assert answers == [REPORT, REPORT[::-1], b"\x01\x00", b"\x00\x01"]


async def test_a_host_may_close_and_open_again_and_the_device_does_not_notice(
    tmp_path: Path,
) -> None:
    device = Echoing()
    async with plugged_in(device, tmp_path / "hid0") as port:
        for _ in range(2):
            with Host(port.link) as host:
                await host.write(REPORT)
                assert await host.read() == REPORT

    assert device.moved == 1  # when it was plugged in


async def test_the_newest_host_is_served(tmp_path: Path) -> None:
    async with plugged_in(Echoing(), tmp_path / "hid0") as port:
        with Host(port.link) as older, Host(port.link) as newer:
            await newer.write(REPORT)

            assert (await newer.read(), await older.read()) == (REPORT, b"")


async def test_unplugging_ends_the_hosts_reading_and_removes_the_name(tmp_path: Path) -> None:
    device = Echoing()
    async with plugged_in(device, tmp_path / "hid0") as port:
        with Host(port.link) as host:
            await host.write(REPORT)
            await host.read()
            port.unplug()

            await host.read()
            assert await host.read() == b""
        assert not port.link.exists()
        with pytest.raises(FileNotFoundError):
            Host(port.link)


async def test_plugging_in_again_brings_back_the_same_name(tmp_path: Path) -> None:
    device = Echoing()
    async with plugged_in(device, tmp_path / "hid0") as port:
        port.unplug()
        port.plug()
        port.plug()
        with Host(port.link) as host:
            await host.write(REPORT)
            answer = await host.read()

    assert answer == REPORT
    assert device.moved == 1  # all before anybody looked


async def test_a_report_waits_until_the_host_takes_it(port: HidPort) -> None:
    with Host(port.link) as host:
        await host.write(REPORT)
        await port.receive()
        await port.receive()

        async def send() -> list[int]:
            return [await port.send(number.to_bytes(2, "big") * 32) for number in range(2000)]

        sending = asyncio.create_task(send())
        received = [int.from_bytes((await host.read())[:2], "big") for _ in range(2000)]

        assert received == list(range(2000))
        assert await sending == [64] * 2000


@pytest.mark.parametrize("how", ["unplugged", "closed", "replaced"])
async def test_whoever_sends_is_not_kept_by_a_host_that_went(port: HidPort, how: str) -> None:
    host = Host(port.link)
    await host.write(REPORT)
    await port.receive()
    await port.receive()

    async def fill() -> None:
        while await port.send(REPORT):
            pass

    filling = asyncio.create_task(fill())
    await asyncio.sleep(0)
    match how:
        case "unplugged":
            port.unplug()
        case "closed":
            host.end.close()
        case "replaced":
            with Host(port.link) as newer:
                await newer.write(REPORT)
                await port.receive()
            listening = asyncio.create_task(port.receive())
            await asyncio.sleep(0)
            listening.cancel()
    async with asyncio.timeout(5):
        await filling
    host.end.close()


async def test_what_finds_nobody_is_lost(port: HidPort) -> None:
    unheard = await port.send(REPORT)
    port.unplug()

    assert (unheard, await port.send(REPORT)) == (0, 0)


async def test_moving_the_cable_ends_the_waiting(port: HidPort) -> None:
    await port.receive()
    waiting = asyncio.create_task(port.receive())
    await asyncio.sleep(0)

    port.unplug()

    assert await waiting == b""


async def test_no_descriptor_is_left_behind(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        async with plugged_in(Echoing(), tmp_path / "hid0") as port:
            with Host(port.link) as host:
                await host.write(REPORT)
                await host.read()

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_stale_socket_is_replaced_and_what_cannot_be_is_an_error(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as killed:
        killed.bind(str(tmp_path / "hid0"))
    (tmp_path / "letter").write_text("not ours")

    with HidPort(tmp_path / "hid0") as port, Host(port.link):
        pass
    with pytest.raises(OSError, match=r"in use: .*letter"):
        HidPort(tmp_path / "letter").plug()
    assert (tmp_path / "letter").read_text() == "not ours"
    with pytest.raises(OSError, match=r"too long: .*xxx"):
        HidPort(tmp_path / ("x" * 108)).plug()
    with pytest.raises(FileNotFoundError, match=r"absent/hid0"):
        HidPort(tmp_path / "absent" / "hid0").plug()


@pytest.mark.parametrize(
    ("fault", "second"),
    [
        (Fault.SILENCE, [b"next", b"txen"]),
        (Fault.UNPLUG_MID_FRAME, [b"", b""]),
    ],
)
async def test_a_fault_strikes_one_report(
    tmp_path: Path, fault: Fault, second: list[bytes]
) -> None:
    faults = Faults({fault: 1})
    async with plugged_in(Echoing(), tmp_path / "hid0", faults=faults, faults_after=1) as port:
        with Host(port.link) as host:
            await host.write(REPORT)
            first = await host.read()
            if fault is Fault.SILENCE:
                await host.write(b"next")
            after = [await host.read() for _ in second]

    assert (first, after) == (REPORT, second)


async def test_a_flipped_bit_is_one(tmp_path: Path) -> None:
    async with plugged_in(
        Echoing(), tmp_path / "hid0", faults=Faults({Fault.FLIPPED_BIT: 1})
    ) as port:
        with Host(port.link) as host:
            await host.write(REPORT)
            damaged, whole = await host.read(), await host.read()

    differing = int.from_bytes(damaged, "big") ^ int.from_bytes(REPORT, "big")
    assert (len(damaged), differing.bit_count(), whole) == (64, 1, REPORT[::-1])
