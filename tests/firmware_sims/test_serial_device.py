import os
from pathlib import Path

from firmware_sims.line_noise import LineNoise
from firmware_sims.port import Port
from firmware_sims.routine import Routine
from firmware_sims.serial_device import push


class Counting:
    """A device whose frames are its own count."""

    def __init__(self) -> None:
        self.measured = 0

    def measure(self) -> bytes:
        self.measured += 1
        return f"<{self.measured}>".encode()


def read_at_least(host: int, size: int) -> bytes:
    """Read what was sent already; the kernel hands it over in its own time."""
    arrived = b""
    while len(arrived) < size:
        arrived += os.read(host, 100)
    return arrived


async def test_frames_go_out_in_order_until_the_routine_is_over(tmp_path: Path) -> None:
    device = Counting()
    with Port(tmp_path / "port") as port:
        host = os.open(port.link, os.O_RDONLY | os.O_NOCTTY)

        await push(device, port, Routine(0.001, 5))

        arrived = read_at_least(host, 15)
        os.close(host)
    assert arrived == b"<1><2><3><4><5>"


async def test_a_turn_when_nobody_is_ready_is_skipped(tmp_path: Path) -> None:
    device = Counting()
    answers = iter([False, True, False])

    with Port(tmp_path / "port") as port:
        await push(device, port, Routine(0.001, 3), ready=lambda: next(answers))

    assert device.measured == 1


async def test_noise_disturbs_what_arrives_and_not_what_was_measured(tmp_path: Path) -> None:
    device = Counting()
    with Port(tmp_path / "port") as port:
        host = os.open(port.link, os.O_RDONLY | os.O_NOCTTY)

        await push(device, port, Routine(0.001, 1), noise=LineNoise(1.0, seed=1))

        arrived = read_at_least(host, 4)
        os.close(host)
    assert device.measured == 1
    assert b"<1>" in arrived
    assert len(arrived) > 3


async def test_a_quiet_routine_ends_the_pushing(tmp_path: Path) -> None:
    device = Counting()
    routine = Routine()
    routine.be_quiet()

    with Port(tmp_path / "port") as port:
        await push(device, port, routine)

    assert device.measured == 0
