"""A scale that speaks the Weight Scale and Body Composition Profiles.

Each weighing makes a weight (0x2A9D) and, unless told otherwise, a composition (0x2A9C) of the same
time and user, stored and given away in that order. Weight Scale includes Body Composition.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import cycle
from typing import Any

from firmware_sims.body import Body, Mass
from firmware_sims.device_clock import DeviceClock
from firmware_sims.faults import Fault, Faults
from firmware_sims.gatt import (
    INDICATE,
    READ,
    Battery,
    CurrentTime,
    characteristic,
    device_information_service,
    is_secure,
    service,
)
from firmware_sims.identity import Identity
from firmware_sims.ledger import Kind, Ledger
from firmware_sims.packing import body_composition, weight_scale
from firmware_sims.peripheral import Peripheral
from firmware_sims.routine import Routine
from firmware_sims.store_and_forward import Pace, StoreAndForward, Stored

_CAPACITY = 200
_KG_PER_LB = Decimal("0.45359237")
_M_PER_IN = Decimal("0.0254")
_CHARGE_PER_MEASUREMENT_PERCENT = 0.1
_FINEST = 7  # 0.005 kg or 0.01 lb, in both features
_FINEST_HEIGHT = 3  # 0.001 m or 0.1 in
_COMPOSITION_FIELDS = 1 << 2 | 1 << 3 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9


class WeightScale:
    """A virtual scale; `people` is who steps on it, by user id (None: a scale without users)."""

    advertised: Sequence[int] = (0x181D, 0x181B)

    def __init__(
        self,
        identity: Identity,
        people: Mapping[int | None, Body],
        *,
        now: Callable[[], datetime],
        clock: DeviceClock,
        ledger: Ledger,
        faults: Faults | None = None,
        pace: Pace | None = None,
        routine: Routine | None = None,
        imperial: bool = False,
        composition: bool = True,
        clock_service: bool = True,
    ) -> None:
        self.identity = identity
        self.clock = clock
        self.faults = faults or Faults()
        self.routine = routine or Routine()
        self.store = StoreAndForward(pace or Pace(), self.faults, capacity=_CAPACITY)
        self._people = people
        self._turns = cycle(people)
        self._now = now
        self._ledger = ledger
        self._imperial = imperial
        self._has_composition = composition
        self._battery = Battery()
        self._clock_service = clock_service
        self._records = 0
        secure = is_secure(identity)
        self._weight = characteristic(0x2A9D, INDICATE, secure=secure)
        self._composition = characteristic(0x2A9C, INDICATE, secure=secure)

    def services(self) -> Sequence[Any]:
        """Return weight with composition included, device information, battery, and a clock."""
        secure = is_secure(self.identity)
        several = len(self._people) > 1
        composition = service(
            0x181B,
            characteristic(
                0x2A9B,
                READ,
                read=lambda: body_composition.feature(
                    time=True, several_users=several, fields=_COMPOSITION_FIELDS, mass=_FINEST
                ),
                secure=secure,
            ),
            self._composition,
        )
        weight = service(
            0x181D,
            characteristic(
                0x2A9E,
                READ,
                read=lambda: weight_scale.feature(
                    time=True,
                    several_users=several,
                    bmi=True,
                    weight=_FINEST,
                    height=_FINEST_HEIGHT,
                ),
                secure=secure,
            ),
            self._weight,
            includes=(composition,),
        )
        services = [
            # First, or the stack would put it inside the handles of the service that includes it.
            composition,
            weight,
            device_information_service(self.identity),
            self._battery.service(),
        ]
        if self._clock_service:
            services.append(CurrentTime(self.clock, self.faults).service())
        return services

    def measure(self, at: datetime | None = None) -> None:
        """Let the next person step on, now or at a true time in the past."""
        if self.faults.strikes(Fault.DROP_CLOCK):
            self.clock.reset()
        taken_at = at or self._now()
        slot = next(self._turns)
        self._battery.use(_CHARGE_PER_MEASUREMENT_PERCENT)
        if self.faults.strikes(Fault.NAN_MEASUREMENT):
            frame = self._weight_frame(None, taken_at, slot)
            self.store.keep(Stored(self._weight, lambda _room: [frame]))
            return
        mass = self._people[slot].weigh()
        self._enter(mass, taken_at, slot)
        self.store.keep(*self._stored(mass, taken_at, slot))

    @property
    def held(self) -> int:
        """How many records it still owes, failures included."""
        return len(self.store.memory)

    def remember(self, count: int, *, every: timedelta) -> None:
        """Fill the memory with weighings of the past, the newest one interval ago."""
        now = self._now()
        for ago in range(count, 0, -1):
            self.measure(now - ago * every)

    async def run(self, peripheral: Peripheral) -> None:
        """Weigh and deliver until cancelled."""
        async with asyncio.TaskGroup() as life:
            life.create_task(self.store.run(peripheral))
            life.create_task(self.routine.run(self.measure))

    def _stored(self, mass: Mass, taken_at: datetime, slot: int | None) -> list[Stored]:
        frame = self._weight_frame(mass, taken_at, slot)
        stored = [Stored(self._weight, lambda _room: [frame])]
        if self._has_composition:
            composition = self._composition_of(mass, taken_at, slot)
            frames = lambda room: body_composition.measurement(composition, room=room)  # noqa: E731
            stored.append(Stored(self._composition, frames))
        return stored

    def _weight_frame(self, mass: Mass | None, taken_at: datetime, slot: int | None) -> bytes:
        stature = None
        if mass is not None and slot is not None:
            stature = weight_scale.Stature(mass.bmi, self._height(slot))
        return weight_scale.measurement(
            None if mass is None else self._shown(mass.weight),
            imperial=self._imperial,
            device_local=self.clock.device_local(taken_at),
            user=slot,
            stature=stature,
        )

    def _composition_of(
        self, mass: Mass, taken_at: datetime, slot: int | None
    ) -> body_composition.Composition:
        return body_composition.Composition(
            body_fat_percent=mass.body_fat_percent,
            imperial=self._imperial,
            device_local=self.clock.device_local(taken_at),
            user=slot,
            basal_metabolism_kj=mass.basal_metabolism_kj,
            muscle_percent=mass.muscle_percent,
            fat_free_mass=self._shown(mass.fat_free_mass),
            body_water_mass=self._shown(mass.body_water_mass),
            impedance_ohm=mass.impedance_ohm,
            weight=self._shown(mass.weight),
        )

    def _shown(self, kilograms: Decimal) -> Decimal:
        if not self._imperial:
            return kilograms
        return (kilograms / _KG_PER_LB).quantize(weight_scale.LB_PER_BIT)

    def _height(self, slot: int | None) -> Decimal:
        height_m = self._people[slot].person.height_m
        if not self._imperial:
            return height_m
        return (height_m / _M_PER_IN).quantize(weight_scale.IN_PER_BIT)

    def _enter(self, mass: Mass, taken_at: datetime, slot: int | None) -> None:
        self._records += 1
        unit = "lb" if self._imperial else "kg"
        kinds = {Kind.WEIGHT: {"weight": str(self._shown(mass.weight)), "unit": unit}}
        if self._has_composition:
            kinds[Kind.BODY_COMPOSITION] = {
                "body_fat_percent": str(mass.body_fat_percent),
                "basal_metabolism_kj": str(mass.basal_metabolism_kj),
                "muscle_percent": str(mass.muscle_percent),
                "fat_free_mass": str(self._shown(mass.fat_free_mass)),
                "body_water_mass": str(self._shown(mass.body_water_mass)),
                "impedance_ohm": str(mass.impedance_ohm),
                "weight": str(self._shown(mass.weight)),
                "unit": unit,
            }
        self._ledger.enter(
            device=self.identity.address,
            model=self.identity.model,
            record=self._records,
            measured_at=taken_at,
            slot=slot,
            kinds=kinds,
        )
