"""A cuff that speaks the Blood Pressure Profile.

It stores what it measures and gives it away by indications of 0x2A35; it has one user, or several
by user id. A measurement that failed is sent too, as NaN, and is no record.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import cycle
from typing import Any

from firmware_sims.body import Body, Pressure
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
from firmware_sims.packing import blood_pressure
from firmware_sims.packing.ieee11073 import Special
from firmware_sims.peripheral import Peripheral
from firmware_sims.routine import Routine
from firmware_sims.store_and_forward import Pace, StoreAndForward, Stored

_CAPACITY = 200
_MMHG_PER_KPA = Decimal("7.50062")
_CHARGE_PER_MEASUREMENT_PERCENT = 0.3
_FEATURES = (
    blood_pressure.Feature.BODY_MOVEMENT
    | blood_pressure.Feature.CUFF_FIT
    | blood_pressure.Feature.IRREGULAR_PULSE
)


class BloodPressureMonitor:
    """A virtual cuff; `people` is who measures, by user id (None: a cuff without users)."""

    advertised: Sequence[int] = (0x1810,)

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
        kilopascal: bool = False,
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
        self._kilopascal = kilopascal
        self._battery = Battery()
        self._clock_service = clock_service
        self._records = 0
        self._measurement = characteristic(0x2A35, INDICATE, secure=is_secure(identity))

    def services(self) -> Sequence[Any]:
        """Return blood pressure, device information, battery, and the clock if it has one."""
        feature = characteristic(
            0x2A49,
            READ,
            read=lambda: blood_pressure.feature(_FEATURES),
            secure=is_secure(self.identity),
        )
        services = [
            service(0x1810, self._measurement, feature),
            device_information_service(self.identity),
            self._battery.service(),
        ]
        if self._clock_service:
            services.append(CurrentTime(self.clock, self.faults).service())
        return services

    def measure(self, at: datetime | None = None) -> None:
        """Let the next person measure, now or at a true time in the past."""
        if self.faults.strikes(Fault.DROP_CLOCK):
            self.clock.reset()
        taken_at = at or self._now()
        slot = next(self._turns)
        self._battery.use(_CHARGE_PER_MEASUREMENT_PERCENT)
        if self.faults.strikes(Fault.NAN_MEASUREMENT):
            self._keep(self._failure(taken_at, slot))
            return
        pressure = self._people[slot].pressure(taken_at)
        self._enter(pressure, taken_at, slot)
        self._keep(self._frame(pressure, taken_at, slot))

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

    def _keep(self, frame: bytes) -> None:
        self.store.keep(Stored(self._measurement, lambda _room: [frame]))

    def _frame(self, pressure: Pressure, taken_at: datetime, slot: int | None) -> bytes:
        return blood_pressure.measurement(
            blood_pressure.Pressures(
                systolic=self._shown(pressure.systolic),
                diastolic=self._shown(pressure.diastolic),
                mean=self._shown(pressure.mean),
            ),
            kilopascal=self._kilopascal,
            device_local=self.clock.device_local(taken_at),
            pulse_per_min=pressure.pulse,
            user=slot,
            status=blood_pressure.Status.IRREGULAR_PULSE if pressure.irregular else 0,
        )

    def _failure(self, taken_at: datetime, slot: int | None) -> bytes:
        nothing = blood_pressure.Pressures(systolic=Special.NAN, diastolic=Special.NAN)
        device_local = self.clock.device_local(taken_at)
        return blood_pressure.measurement(
            nothing, device_local=device_local, pulse_per_min=Special.NAN, user=slot, status=0
        )

    def _shown(self, pressure_mmhg: Decimal) -> Decimal:
        if not self._kilopascal:
            return pressure_mmhg
        return (pressure_mmhg / _MMHG_PER_KPA).quantize(Decimal("0.1"))

    def _enter(self, pressure: Pressure, taken_at: datetime, slot: int | None) -> None:
        self._records += 1
        pressures = {
            "systolic": str(self._shown(pressure.systolic)),
            "diastolic": str(self._shown(pressure.diastolic)),
            "mean": str(self._shown(pressure.mean)),
            "unit": "kPa" if self._kilopascal else "mmHg",
        }
        pulse = {"pulse": str(pressure.pulse), "unit": "/min"}
        self._ledger.enter(
            device=self.identity.address,
            model=self.identity.model,
            record=self._records,
            measured_at=taken_at,
            slot=slot,
            kinds={Kind.BLOOD_PRESSURE: pressures, Kind.HEART_RATE: pulse},
        )
