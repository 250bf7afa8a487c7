"""How cuffs and scales give their records away: all at once, one indication after the other.

A record leaves the memory once the collector confirmed every frame of it. The device calls for a
collector for a while after each measurement, and hangs up when it has been idle for some seconds
(Blood Pressure Profile 1.1.1 section 5, Weight Scale Profile 1.0.1 section 5).
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from firmware_sims.faults import Fault, Faults
from firmware_sims.identity import Advertisement
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
    slot: int | None = None  # whose it is


class Custom(Protocol):
    """What a maker, or another profile, adds to how a device gives its records away."""

    def may_send(self, slot: int | None) -> bool:
        """Say whether the records of a user may be sent on this link."""

    def begin(self, store: "StoreAndForward", peripheral: Peripheral) -> None:
        """Be there from now on."""

    def link_lost(self) -> None:
        """Forget what was agreed on a link."""


class Plain:
    """A device to which nothing is added."""

    def may_send(self, slot: int | None) -> bool:
        """Everybody's."""
        return True

    def begin(self, store: "StoreAndForward", peripheral: Peripheral) -> None:
        """Nothing to do."""

    def link_lost(self) -> None:
        """Nothing to forget."""


class StoreAndForward:
    """One device's memory, and the life that empties it."""

    def __init__(
        self, pace: Pace, faults: Faults, *, capacity: int, custom: Custom | None = None
    ) -> None:
        self.memory: RecordMemory[Stored] = RecordMemory(capacity)
        self.call: Callable[[], Advertisement] | None = None
        self._pace = pace
        self._faults = faults
        self._custom = custom or Plain()
        self._measured = asyncio.Event()
        self._summoned = False
        self._dismissed = False
        self._life: asyncio.TaskGroup | None = None
        self._peripheral: Peripheral | None = None

    def keep(self, *records: Stored) -> None:
        """Owe the records of one measurement, and call for a collector as after any."""
        for record in records:
            self.memory.keep(record)
        self._measured.set()
        if self._peripheral is not None:
            self._peripheral.stir()

    def summon(self) -> None:
        """Call for a collector although nothing is owed."""
        self._summoned = True
        self.memory.stir()
        self._measured.set()

    def dismiss(self) -> None:
        """Hang up as soon as what is under way is done."""
        self._dismissed = True
        if self._peripheral is not None:
            self._peripheral.stir()

    def beside(self, procedure: Coroutine[Any, Any, object]) -> None:
        """Do something beside the write that asked for it."""
        if self._life is None:
            procedure.close()
        else:
            self._life.create_task(procedure)

    async def run(self, peripheral: Peripheral) -> None:
        """Call, deliver, hang up, for ever."""
        self._peripheral = peripheral
        async with asyncio.TaskGroup() as life:
            self._life = life
            self._custom.begin(self, peripheral)
            while True:
                await self.memory.until(lambda memory: len(memory) > 0 or self._summoned)
                self._summoned = False
                if await self._called(peripheral):
                    await self._converse(peripheral)
                    self._custom.link_lost()
                else:
                    await self._measured.wait()

    async def _called(self, peripheral: Peripheral) -> bool:
        self._measured.clear()
        if self._faults.strikes(Fault.NOT_HEARD):
            return False
        await peripheral.advertise(self.call() if self.call is not None else None)
        if await peripheral.until(lambda: peripheral.linked, self._pace.advertise_for_s):
            return True
        await peripheral.fall_silent()
        return peripheral.linked

    async def _converse(self, peripheral: Peripheral) -> None:
        if self._faults.strikes(Fault.REFUSE):
            await peripheral.disconnect()
            return
        self._dismissed = False
        wanted = lambda: self._wanted(peripheral)  # noqa: E731
        if await peripheral.until_or_idle(wanted, self._pace.idle_s):
            await asyncio.sleep(self._pace.settle_s)
        while peripheral.linked:
            stored = self._next(peripheral)
            if self._dismissed:
                await peripheral.disconnect()
            elif stored is not None:
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
        """Return the oldest record that may be sent and that the collector subscribed to."""
        for item in self.memory:
            if peripheral.subscribed(item.characteristic) and self._custom.may_send(item.slot):
                return item
        return None

    def _wanted(self, peripheral: Peripheral) -> bool:
        return not peripheral.linked or self._dismissed or self._next(peripheral) is not None
