"""What devices on a cable have in common: they measure, push what they made, and answer requests.

A device is plain computation: it never waits and never touches a port, so that a test can talk to
it with `ask`. `converse` plays it on a port.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from firmware_sims.cable import Cable, Plug
from firmware_sims.faults import Faults
from firmware_sims.hid_port import HidPort
from firmware_sims.line_noise import LineNoise
from firmware_sims.port import Port
from firmware_sims.requests import Split
from firmware_sims.routine import Routine

IDLE_S = 1.0  # after which a device forgets half a request; a guess


_Outgoing = asyncio.Queue[tuple[Sequence[bytes], float]]


class PushingDevice(Protocol):
    """A device that pushes one frame after each measurement and listens to nobody."""

    def measure(self) -> bytes:
        """Measure once; return the bytes to send, already entered in the ledger."""


class SerialDevice(Protocol):
    """A device that may push frames after a measurement, and may answer requests."""

    def measure(self) -> Sequence[bytes]:
        """Measure once, enter it in the ledger; return the frames to push, if any, in order."""

    def split(self, heard: bytes) -> Split:
        """Return the whole requests in what was heard, and the rest that may become one."""

    def answer(self, request: bytes) -> Sequence[bytes]:
        """Return the frames that answer a request, in order; none leaves the host waiting."""


@runtime_checkable
class Powered(Protocol):
    """A device that begins anew with whom it talked to when its cable is moved."""

    def cable_moved(self) -> None:
        """Forget what was agreed on."""


@dataclass(frozen=True, slots=True)
class Deaf:
    """A pushing device as a device that hears nothing."""

    device: PushingDevice

    def measure(self) -> Sequence[bytes]:
        """Measure once; return the one frame."""
        return [self.device.measure()]

    def split(self, heard: bytes) -> Split:
        """Find no request in anything."""
        return [], b""

    def answer(self, request: bytes) -> Sequence[bytes]:
        """Say nothing."""
        return []


def ask(device: SerialDevice, written: bytes) -> bytes:
    """Return all that a device answers to what a host wrote at once."""
    requests, _ = device.split(written)
    return b"".join(frame for request in requests for frame in device.answer(request))


async def converse(
    device: SerialDevice,
    port: Plug,
    routine: Routine,
    *,
    cable: Cable | None = None,
    ready: Callable[[], bool] = lambda: True,
    gap_s: float = 0.0,
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Measure by routine, push, and answer whoever asks, until cancelled.

    A turn at which `ready()` is false is skipped: nobody measures. `gap_s` is the time between
    frames of one measurement. What was half heard is forgotten after a second, or when the cable is
    moved.
    """
    line = cable or Cable(port)
    outgoing: _Outgoing = asyncio.Queue()

    def measure() -> None:
        if ready():
            outgoing.put_nowait((device.measure(), gap_s))

    async with asyncio.TaskGroup() as life:
        life.create_task(routine.run(measure))
        life.create_task(_listen(device, line, outgoing))
        life.create_task(_speak(line, outgoing, pause))


async def _listen(device: SerialDevice, line: Cable, outgoing: _Outgoing) -> None:
    rest = b""
    while True:
        try:
            async with asyncio.timeout(IDLE_S if rest else None):
                heard = await line.port.receive()
        except TimeoutError:
            heard = b""
        else:
            if not heard and isinstance(device, Powered):
                device.cable_moved()
        requests, rest = device.split(rest + line.heard(heard)) if heard else ([], b"")
        for request in requests:
            outgoing.put_nowait((device.answer(request), 0.0))


async def _speak(
    line: Cable, outgoing: _Outgoing, pause: Callable[[float], Awaitable[object]]
) -> None:
    while True:
        frames, wait_s = await outgoing.get()
        for number, frame in enumerate(frames):
            if number and wait_s:
                await pause(wait_s)
            await line.carry(frame)


@asynccontextmanager
async def playing(
    device: SerialDevice, cable: Cable, routine: Routine | None = None, *, gap_s: float = 0.0
) -> AsyncIterator[None]:
    """Play a device in this process for as long as the block lasts.

    Without a routine it measures only when its `measure` is called, and nobody sees what that
    pushes.
    """
    async with asyncio.TaskGroup() as life:
        life_of_device = life.create_task(
            converse(device, cable.port, routine or Routine(), cable=cable, gap_s=gap_s)
        )
        yield
        life_of_device.cancel()


@asynccontextmanager
async def played(
    device: SerialDevice,
    link: Path,
    routine: Routine | None = None,
    *,
    faults: Faults | None = None,
    noise: LineNoise | None = None,
    faults_after: int = 0,
) -> AsyncIterator[Port]:
    """Play a device on a serial port that is there for as long as the block lasts.

    The options are those of `Cable` and `playing`.
    """
    with Port(link) as port:
        cable = Cable(port, faults=faults, noise=noise, faults_after=faults_after)
        async with playing(device, cable, routine):
            yield port


@asynccontextmanager
async def plugged_in(
    device: SerialDevice,
    link: Path,
    routine: Routine | None = None,
    *,
    faults: Faults | None = None,
    faults_after: int = 0,
) -> AsyncIterator[HidPort]:
    """Play a device on a USB HID port that is there for as long as the block lasts.

    A frame is one report. The options are those of `Cable` and `playing`.
    """
    with HidPort(link) as port:
        cable = Cable(port, faults=faults, faults_after=faults_after)
        async with playing(device, cable, routine):
            yield port
