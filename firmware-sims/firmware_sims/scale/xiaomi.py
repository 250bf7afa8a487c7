"""A Mi scale, version 1 or 2: nobody connects to it, it says in its advertisements what it shows.

Somebody steps on and sways, stands still, (version 2) is measured for impedance, and steps off,
after which it repeats the last weight for a while. It remembers nothing and knows no users: what
nobody hears is lost, although the ledger has it.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from firmware_sims.body import Body, Mass
from firmware_sims.device_clock import DeviceClock
from firmware_sims.faults import Fault, Faults
from firmware_sims.identity import Identity, advertisement
from firmware_sims.ledger import Kind, Ledger
from firmware_sims.packing import xiaomi
from firmware_sims.packing.xiaomi import PER_BIT, Display, Unit
from firmware_sims.peripheral import Peripheral
from firmware_sims.routine import Routine

_FORMS = {1: (0x181D, xiaomi.version_1), 2: (0x181B, xiaomi.version_2)}
_PER_KG = {Unit.KILOGRAM: Decimal(1), Unit.POUND: 1 / Decimal("0.45359237"), Unit.JIN: Decimal(2)}
_SWAYS_BY_STEPS = (-170, 90)
_SUITCASE_KG = Decimal("5.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class MiSettings:
    """How a Mi scale is built and used; each thing it shows, it shows for `phase_s`."""

    version: int = 2
    unit: Unit = Unit.KILOGRAM
    phase_s: float = 1


class MiScale:
    """A virtual Mi scale; people take turns."""

    def __init__(
        self,
        identity: Identity,
        body: Body,
        *,
        now: Callable[[], datetime],
        clock: DeviceClock,
        ledger: Ledger,
        faults: Faults | None = None,
        routine: Routine | None = None,
        settings: MiSettings | None = None,
    ) -> None:
        self.identity = identity
        self.clock = clock
        self.faults = faults or Faults()
        self.routine = routine or Routine()
        self._settings = settings or MiSettings()
        self._service, self._packed = _FORMS[self._settings.version]
        self.advertised: Sequence[int] = (self._service,)
        self._body = body
        self._now = now
        self._ledger = ledger
        self._records = 0
        self._to_show: asyncio.Queue[list[bytes]] = asyncio.Queue()

    def services(self) -> Sequence[Any]:
        """Return none: there is nobody to offer them to."""
        return ()

    @property
    def held(self) -> int:
        """How many weighings it still has to show."""
        return self._to_show.qsize()

    def measure(self) -> None:
        """Let somebody, or something, be put on the scale now."""
        if self.faults.strikes(Fault.DROP_CLOCK):
            self.clock.reset()
        mass = self._body.weigh()
        thing = self.faults.strikes(Fault.SMALL_OBJECT)
        failed = self.faults.strikes(Fault.NAN_MEASUREMENT)
        impedance = self._impedance(mass)
        shown = Display(
            weight=self._in_unit(_SUITCASE_KG if thing else mass.weight),
            unit=self._settings.unit,
            device_local=self.clock.device_local(),
            thing=thing,
        )
        if not (thing or failed):
            self._enter(shown, impedance)
        said = [self._packed(display) for display in self._displays(shown, impedance, failed)]
        if self.faults.strikes(Fault.GARBAGE_FRAME):
            said.insert(0, said[0][:-1])
        self._to_show.put_nowait(said)

    async def run(self, peripheral: Peripheral) -> None:
        """Be stepped on, and say what is shown, until cancelled."""
        async with asyncio.TaskGroup() as life:
            life.create_task(self.routine.run(self.measure))
            while True:
                for octets in await self._to_show.get():
                    data = (self._service, octets)
                    await peripheral.broadcast(
                        advertisement(self.identity, self.advertised, service_data=data)
                    )
                    await asyncio.sleep(self._settings.phase_s)
                await peripheral.fall_silent()

    def _displays(self, shown: Display, impedance: int | None, failed: bool) -> Iterator[Display]:
        step = PER_BIT[shown.unit]
        for steps in _SWAYS_BY_STEPS:
            yield replace(shown, weight=shown.weight + steps * step, still=False)
        if failed:  # stepped off before the scale had made up its mind
            yield replace(shown, weight=20 * step, still=False, stepped_off=True)
            return
        yield shown
        if impedance is not None and not shown.thing:
            shown = replace(shown, impedance_ohm=impedance)
            yield shown
        yield replace(shown, stepped_off=True)

    def _impedance(self, mass: Mass) -> int | None:
        if self._settings.version == 1:
            return None
        if self.faults.strikes(Fault.IMPEDANCE_FAILED):
            return xiaomi.IMPEDANCE_FAILED
        return int(mass.impedance_ohm)

    def _in_unit(self, kilograms: Decimal) -> Decimal:
        unit = self._settings.unit
        return (kilograms * _PER_KG[unit]).quantize(PER_BIT[unit])

    def _enter(self, shown: Display, impedance: int | None) -> None:
        self._records += 1
        kinds = {Kind.WEIGHT: {"weight": str(shown.weight), "unit": str(shown.unit)}}
        if impedance not in (None, xiaomi.IMPEDANCE_FAILED):
            kinds[Kind.BODY_COMPOSITION] = {"impedance_ohm": str(impedance)}
        self._ledger.enter(
            device=self.identity.address,
            model=self.identity.model,
            record=self._records,
            measured_at=self._now(),
            slot=None,
            kinds=kinds,
        )
