"""How devices that are asked spend their time: call after a measurement, answer, hang up.

What they remember they keep; whoever connects asks for it. A link that is lost makes them call
again, and so does its end where they call for ever.
"""

import asyncio
from collections.abc import Callable, Coroutine
from math import isinf
from typing import Any

from firmware_sims.faults import Fault, Faults
from firmware_sims.identity import Advertisement
from firmware_sims.peripheral import FAST_FOR_S, Peripheral
from firmware_sims.store_and_forward import Pace


class OnDemand:
    """The life of one such device.

    `call` is what it says while it calls, each time anew; None: its services and its name.
    """

    def __init__(
        self, pace: Pace, faults: Faults, *, call: Callable[[], Advertisement] | None = None
    ) -> None:
        self._pace = pace
        self._faults = faults
        self._call = call
        self._woken = asyncio.Event()
        self._dismissed = False
        self._at_work = 0
        self._life: asyncio.TaskGroup | None = None
        self.peripheral: Peripheral | None = None

    def wake(self) -> None:
        """Call for a collector, as after a measurement; begin anew if it calls already."""
        self._woken.set()
        if self.peripheral is not None:
            self.peripheral.stir()

    def dismiss(self) -> None:
        """Hang up soon: the collector said that it is done."""
        self._dismissed = True
        if self.peripheral is not None:
            self.peripheral.stir()

    def beside(self, procedure: Coroutine[Any, Any, object]) -> None:
        """Do something beside the write that asked for it; until it is done nobody is idle."""
        if self._life is None:
            procedure.close()
        else:
            self._life.create_task(self._at_work_on(procedure))

    async def run(self, peripheral: Peripheral) -> None:
        """Call, answer, hang up, until cancelled."""
        self.peripheral = peripheral
        async with asyncio.TaskGroup() as life:
            self._life = life
            while True:
                await self._woken.wait()
                self._woken.clear()
                if await self._called(peripheral):
                    await self._be_there(peripheral)

    async def think(self) -> None:
        """Take the time that the fault `slow` takes."""
        if self._faults.strikes(Fault.SLOW):
            await asyncio.sleep(self._pace.slow_s)

    async def _called(self, peripheral: Peripheral) -> bool:
        while not peripheral.linked and await self._is_woken_while_calling(peripheral):
            self._woken.clear()
        if peripheral.calling:  # nobody came; or somebody did, just as it was to call anew
            await peripheral.fall_silent()
        return peripheral.linked

    async def _is_woken_while_calling(self, peripheral: Peripheral) -> bool:
        """Call, fast at first, until somebody comes or it is woken; return whether it was woken."""

        def stirred() -> bool:
            return peripheral.linked or self._woken.is_set()

        fast_s = min(FAST_FOR_S, self._pace.advertise_for_s)
        slow_s = self._pace.advertise_for_s - fast_s
        for slowly, for_s in ((False, fast_s), (True, slow_s)):
            if for_s > 0 and not stirred():
                call = self._call() if self._call is not None else None
                await peripheral.advertise(call, slowly=slowly)
                await peripheral.until(stirred, for_s)
        return self._woken.is_set()

    async def _be_there(self, peripheral: Peripheral) -> None:
        self._dismissed = False
        if self._faults.strikes(Fault.REFUSE):
            await peripheral.disconnect()
        while not self._is_over(peripheral):
            if self._at_work:
                await peripheral.until(lambda: not self._at_work or self._is_over(peripheral))
            elif not await peripheral.until_or_idle(
                lambda: self._at_work > 0 or self._is_over(peripheral), self._pace.idle_s
            ):
                break
        if not peripheral.linked or isinf(self._pace.advertise_for_s):
            self._woken.set()
        await peripheral.disconnect()

    def _is_over(self, peripheral: Peripheral) -> bool:
        return self._dismissed or not peripheral.linked

    async def _at_work_on(self, procedure: Coroutine[Any, Any, object]) -> None:
        self._at_work += 1
        try:
            await procedure
        finally:
            self._at_work -= 1
            if self.peripheral is not None:
                self.peripheral.stir()
