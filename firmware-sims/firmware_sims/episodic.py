"""What cuffs and scales have in common: somebody measures now and then, and the records wait.

An `Instrument` knows what is measured and how it is told; the device around it has a clock, a
battery, people who take turns, a memory it gives away, and a ledger that knows the truth.
"""

import asyncio
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any, Protocol

from firmware_sims.body import Body
from firmware_sims.device_clock import DeviceClock
from firmware_sims.faults import Fault, Faults
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.gatt import Battery, CurrentTime, device_information_service
from firmware_sims.identity import Identity
from firmware_sims.ledger import Kind, Ledger
from firmware_sims.peripheral import Peripheral
from firmware_sims.routine import Routine
from firmware_sims.store_and_forward import Custom, Pace, StoreAndForward, Stored

People = MutableMapping[int | None, Body]
"""Who measures, by user id; None is the one person of a device without users."""

_CAPACITY = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Fittings:
    """The circumstances a device is put in, and its manners."""

    now: Callable[[], datetime]
    clock: DeviceClock
    ledger: Ledger
    faults: Faults = field(default_factory=Faults)
    pace: Pace = field(default_factory=Pace)
    routine: Routine = field(default_factory=Routine)
    clock_service: bool = True
    forbidden: ForbiddenCommands = field(default_factory=ForbiddenCommands)


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement: what is to be given away, and what the device shows, by kind."""

    stored: Sequence[Stored]
    shown: Mapping[Kind, Mapping[str, str]]


class Instrument(Protocol):
    """What a device measures with."""

    @property
    def advertised(self) -> Sequence[int]:
        """The services it is found by."""

    @property
    def charge_percent(self) -> float:
        """What one measurement takes from the battery."""

    def services(self) -> Sequence[Any]:
        """Return its own services, in the order they are registered."""

    def measured(self, taken_at: datetime, slot: int | None) -> Measured:
        """Measure the person of a slot."""

    def failed(self, taken_at: datetime, slot: int | None) -> Stored:
        """Fail to measure: a frame that says so."""


class Addition(Custom, Protocol):
    """What a maker, or another profile, adds to a cuff or scale."""

    def services(self) -> Sequence[Any]:
        """Return services of its own."""


class EpisodicDevice:
    """A virtual cuff or scale."""

    def __init__(
        self,
        identity: Identity,
        people: People,
        instrument: Instrument,
        fittings: Fittings,
        addition: Addition | None = None,
    ) -> None:
        self.identity = identity
        self.advertised = instrument.advertised
        self.clock = fittings.clock
        self.faults = fittings.faults
        self.routine = fittings.routine
        self.store = StoreAndForward(
            fittings.pace, fittings.faults, capacity=_CAPACITY, custom=addition
        )
        self.forbidden = fittings.forbidden
        self._addition = addition
        self._instrument = instrument
        self._people = people
        self._turns = cycle(tuple(people))
        self._now = fittings.now
        self._ledger = fittings.ledger
        self._clock_service = fittings.clock_service
        self._battery = Battery()
        self._records = 0

    def services(self) -> Sequence[Any]:
        """Return the instrument's, device information, battery, and the clock if it has one."""
        services = [
            *self._instrument.services(),
            *(self._addition.services() if self._addition is not None else ()),
            device_information_service(self.identity),
            self._battery.service(),
        ]
        if self._clock_service:
            services.append(CurrentTime(self.clock, self.faults).service())
        return services

    def measure(
        self, at: datetime | None = None, who: tuple[int | None, Body] | None = None
    ) -> None:
        """Let somebody measure, the next person by default, now or at a true time in the past.

        `who` is the user id that they give the device, theirs or not, and their body.
        """
        if self.faults.strikes(Fault.DROP_CLOCK):
            self.clock.reset()
        taken_at = at or self._now()
        slot = next(self._turns) if who is None else who[0]
        if who is not None:
            self._people[slot] = who[1]  # the device takes whoever gives an id for its user
        self._battery.use(self._instrument.charge_percent)
        if self.faults.strikes(Fault.NAN_MEASUREMENT):
            self.store.keep(replace(self._instrument.failed(taken_at, slot), slot=slot))
            return
        measured = self._instrument.measured(taken_at, slot)
        self._records += 1
        self._ledger.enter(
            device=self.identity.address,
            model=self.identity.model,
            record=self._records,
            measured_at=taken_at,
            slot=slot,
            person=self._people[slot].person.name,
            kinds=measured.shown,
        )
        self.store.keep(*[replace(stored, slot=slot) for stored in measured.stored])

    def change_battery(self, at: datetime) -> None:
        """Let the battery have been changed at a true time gone by: the clock is lost."""
        self.clock.lost(at)

    def move_clock(self, at: datetime, by: timedelta) -> None:
        """Let its user have moved the clock at a true time gone by."""
        self.clock.moved(at, by)

    @property
    def held(self) -> int:
        """How many records it still owes, failures included."""
        return len(self.store.memory)

    def remember(self, count: int, *, every: timedelta) -> None:
        """Fill the memory with measurements of the past, the newest one interval ago."""
        now = self._now()
        for ago in range(count, 0, -1):
            self.measure(now - ago * every)

    async def run(self, peripheral: Peripheral) -> None:
        """Measure and deliver until cancelled."""
        async with asyncio.TaskGroup() as life:
            life.create_task(self.store.run(peripheral))
            life.create_task(self.routine.run(self.measure))
