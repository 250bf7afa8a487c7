"""What serial devices have in common: they measure, and push what they made down the line."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from firmware_sims.line_noise import LineNoise
from firmware_sims.port import Port
from firmware_sims.routine import Routine


class SerialDevice(Protocol):
    """A device that pushes a frame after each measurement."""

    def measure(self) -> bytes:
        """Measure once; return the bytes to send, already entered in the ledger."""


async def push(
    device: SerialDevice,
    port: Port,
    routine: Routine,
    *,
    noise: LineNoise | None = None,
    ready: Callable[[], bool] = lambda: True,
) -> None:
    """Measure by routine and send, one frame after the other, until the routine is over.

    A turn at which `ready()` is false is skipped: nobody measures.
    """
    queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    def measure() -> None:
        if ready():
            frame = device.measure()
            queue.put_nowait(noise.disturb(frame) if noise is not None else frame)

    async def measure_by_routine() -> None:
        await routine.run(measure)
        queue.put_nowait(None)

    async with asyncio.TaskGroup() as life:
        life.create_task(measure_by_routine())
        while (frame := await queue.get()) is not None:
            await port.send(frame)
