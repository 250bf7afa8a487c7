"""How cuffs and scales give their records away: all at once, one indication after the other.

A record leaves the memory once the collector confirmed every frame of it. The device calls for a
collector for a while after each measurement, and hangs up when it has been idle for some seconds
(Blood Pressure Profile 1.1.1 section 5, Weight Scale Profile 1.0.1 section 5).
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from firmware_sims.faults import Fault, Faults
from firmware_sims.memory import RecordMemory
from firmware_sims.peripheral import Peripheral


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a device spends its time, in seconds."""

    advertise_for_s: float = 30  # after a measurement
    idle_s: float = 5  # on a link, then hang up
    settle_s: float = 0.3  # after the first subscription, for the others to come
    slow_s: float = 3  # thought before a frame, under the fault `slow`


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A record of which one characteristic's frames are still owed."""

    characteristic: Any
    frames: Callable[[int], Sequence[bytes]]


class StoreAndForward:
    """One device's memory, and the life that empties it."""

    def __init__(self, pace: Pace, faults: Faults, *, capacity: int) -> None:
        self.memory: RecordMemory[Stored] = RecordMemory(capacity)
        self._pace = pace
        self._faults = faults
        self._measured = asyncio.Event()
        self._peripheral: Peripheral | None = None

    def keep(self, *records: Stored) -> None:
        """Owe the records of one measurement, and call for a collector as after any."""
        for record in records:
            self.memory.keep(record)
        self._measured.set()
        if self._peripheral is not None:
            self._peripheral.stir()

    async def run(self, peripheral: Peripheral) -> None:
        """Call, deliver, hang up, for ever."""
        self._peripheral = peripheral
        while True:
            await self.memory.until(lambda memory: len(memory) > 0)
            if await self._called(peripheral):
                await self._converse(peripheral)
            else:
                await self._measured.wait()

    async def _called(self, peripheral: Peripheral) -> bool:
        self._measured.clear()
        await peripheral.advertise()
        if await peripheral.until(lambda: peripheral.linked, self._pace.advertise_for_s):
            return True
        await peripheral.fall_silent()
        return peripheral.linked

    async def _converse(self, peripheral: Peripheral) -> None:
        if self._faults.strikes(Fault.REFUSE):
            await peripheral.disconnect()
            return
        wanted = lambda: self._wanted(peripheral)  # noqa: E731
        if await peripheral.until_or_idle(wanted, self._pace.idle_s):
            await asyncio.sleep(self._pace.settle_s)
        while peripheral.linked:
            stored = self._next(peripheral)
            if stored is not None:
                await self._deliver(peripheral, stored)
            elif not await peripheral.until_or_idle(wanted, self._pace.idle_s):
                await peripheral.disconnect()

    async def _deliver(self, peripheral: Peripheral, stored: Stored) -> None:
        frames = stored.frames(peripheral.room)
        if self._faults.strikes(Fault.SLOW):
            await asyncio.sleep(self._pace.slow_s)
        if self._faults.strikes(Fault.GARBAGE_FRAME):
            await peripheral.indicate(stored.characteristic, frames[0][:2])
        if self._faults.strikes(Fault.DISCONNECT_MID_RECORD):
            await peripheral.indicate_and_drop(stored.characteristic, frames[0])
            return
        repeats = 2 if self._faults.strikes(Fault.DUPLICATE_INDICATION) else 1
        for frame in [*frames] * repeats:
            if not await peripheral.indicate(stored.characteristic, frame):
                return
        self.memory.forget(stored)

    def _next(self, peripheral: Peripheral) -> Stored | None:
        """Return the oldest record whose characteristic the collector subscribed to."""
        owed = (item for item in self.memory if peripheral.subscribed(item.characteristic))
        return next(owed, None)

    def _wanted(self, peripheral: Peripheral) -> bool:
        return not peripheral.linked or self._next(peripheral) is not None
