import asyncio
import termios
from collections.abc import Sequence
from pathlib import Path

import pytest
from firmware_sims.cable import Cable
from firmware_sims.faults import Fault, Faults
from firmware_sims.line_noise import LineNoise
from firmware_sims.port import Port
from firmware_sims.requests import Split, ended_by
from firmware_sims.routine import Routine
from firmware_sims.serial_device import Deaf, PushingDevice, ask, converse, played

from tests.firmware_sims.serial_host import Host


class Counting:
    """A device whose frames are its own count."""

    def __init__(self) -> None:
        self.measured = 0

    def measure(self) -> bytes:
        self.measured += 1
        return f"<{self.measured}>".encode()


class Repeating(Counting):
    """One that answers each line with two frames of it, and pushes three of a measurement."""

    def measure(self) -> Sequence[bytes]:  # type: ignore[override] # a fuller device
        return [super().measure()] * 3

    def split(self, heard: bytes) -> Split:
        return ended_by(b"\r", heard)

    def answer(self, request: bytes) -> Sequence[bytes]:
        return [b"(" + request, b"/" + request + b")"]


def pushing(device: PushingDevice) -> Deaf:
    return Deaf(device)


async def test_frames_go_out_in_order_until_the_routine_is_over(tmp_path: Path) -> None:
    device = Counting()
    async with played(pushing(device), tmp_path / "port", Routine(0.001, 5)) as port:
        with Host(port.link) as host:
            arrived = await host.read(15)

    assert arrived == b"<1><2><3><4><5>"


async def test_a_turn_when_nobody_is_ready_is_skipped(tmp_path: Path) -> None:
    device = Counting()
    turns = [False, True, False]
    over = asyncio.Event()

    def ready() -> bool:
        if len(turns) == 1:
            over.set()
        return turns.pop(0)

    with Port(tmp_path / "port") as port:
        playing = asyncio.create_task(
            converse(pushing(device), port, Routine(0.001, 3), ready=ready)
        )
        await over.wait()
        playing.cancel()

    assert device.measured == 1


async def test_noise_disturbs_what_arrives_and_not_what_was_measured(tmp_path: Path) -> None:
    device, noise = Counting(), LineNoise(1.0, seed=1)
    async with played(pushing(device), tmp_path / "port", Routine(0.001, 1), noise=noise) as port:
        with Host(port.link) as host:
            arrived = await host.read(4)

    assert device.measured == 1
    assert b"<1>" in arrived
    assert len(arrived) > 3


async def test_a_quiet_routine_measures_nothing(tmp_path: Path) -> None:
    device = Repeating()
    routine = Routine(0.001)
    routine.be_quiet()

    async with played(device, tmp_path / "port", routine) as port:
        with Host(port.link) as host:
            host.write(b"still there?\r")
            await host.read(27)

    assert device.measured == 0


async def test_a_request_is_answered_frame_by_frame(tmp_path: Path) -> None:
    async with played(Repeating(), tmp_path / "port") as port:
        with Host(port.link) as host:
            host.write(b"one\rtw")
            first = await host.read(9)
            host.write(b"o\r")
            second = await host.read(9)

    assert (first, second) == (b"(one/one)", b"(two/two)")


async def test_frames_of_one_measurement_are_spaced(tmp_path: Path) -> None:
    gaps: list[float] = []
    done = asyncio.Event()

    async def pause(seconds: float) -> None:
        gaps.append(seconds)
        if len(gaps) == 2:
            done.set()

    with Port(tmp_path / "port") as port:
        playing = asyncio.create_task(
            converse(Repeating(), port, Routine(0.001, 1), gap_s=1.5, pause=pause)
        )
        await done.wait()
        playing.cancel()

    assert gaps == [1.5, 1.5]


async def test_half_a_request_is_forgotten_when_the_cable_is_moved(tmp_path: Path) -> None:
    async with played(Repeating(), tmp_path / "port") as port:
        with Host(port.link) as host:
            host.write(b"lost\rlo")
            await host.read(11)
        port.unplug()
        port.plug()
        with Host(port.link) as host:
            host.write(b"st\r")
            answer = await host.read(7)

    assert answer == b"(st/st)"


async def test_the_cable_can_be_pulled_in_the_middle_of_a_memory(tmp_path: Path) -> None:
    faults = Faults({Fault.UNPLUG_MID_FRAME: 1})
    async with played(Repeating(), tmp_path / "port", faults=faults, faults_after=1) as port:
        with Host(port.link) as host:
            host.write(b"one\r")
            before = await host.read(9)
        is_plugged = port.is_plugged
        port.plug()
        with Host(port.link) as host:
            host.write(b"two\r")
            again = await host.read(9)

    assert before == b"(one/o"[: len(before)]
    assert (is_plugged, again) == (False, b"(two/two)")


@pytest.mark.parametrize(
    ("fault", "arrives"),
    [
        (Fault.HALF_FRAME, b"<12|<1234>"),
        (Fault.SILENCE, b"|<1234>"),
        (Fault.SWAPPED_DIGITS, b"<2134>|<1234>"),
    ],
)
async def test_a_fault_strikes_one_frame(tmp_path: Path, fault: Fault, arrives: bytes) -> None:
    with Port(tmp_path / "port") as port, Host(port.link) as host:
        cable = Cable(port, faults=Faults({fault: 1}), seed=1)

        await cable.carry(b"<1234>")
        await port.send(b"|")
        await cable.carry(b"<1234>")

        assert await host.read(len(arrives)) == arrives


async def test_digits_are_swapped_only_where_there_are_two(tmp_path: Path) -> None:
    with Port(tmp_path / "port") as port, Host(port.link) as host:
        cable = Cable(port, faults=Faults({Fault.SWAPPED_DIGITS: 1}))

        await cable.carry(b"a1b22c")

        assert await host.read(6) == b"a1b22c"


def set_speed(descriptor: int, speed: int) -> None:
    attributes = termios.tcgetattr(descriptor)
    attributes[4] = attributes[5] = speed
    termios.tcsetattr(descriptor, termios.TCSANOW, attributes)


async def test_a_host_at_another_speed_hears_garbage(tmp_path: Path) -> None:
    with Port(tmp_path / "port") as port, Host(port.link) as host:
        cable = Cable(port, baud=2400)

        set_speed(host.descriptor, termios.B9600)
        await cable.carry(b"frame")
        wrong = await host.read(20)
        heard = cable.heard(b"request")
        set_speed(host.descriptor, termios.B2400)
        await cable.carry(b"frame")
        right = await host.read(5)

    assert len(wrong) == 20
    assert b"frame" not in wrong
    assert heard != b"request"
    assert (right, cable.heard(b"request")) == (b"frame", b"request")


def test_a_device_can_be_asked_without_a_port() -> None:
    assert ask(Repeating(), b"a\rb\rc") == b"(a/a)(b/b)"


def test_a_deaf_device_has_no_answer() -> None:
    assert ask(pushing(Counting()), b"anything\r\n") == b""
    assert pushing(Counting()).answer(b"anything") == []
