"""A cuff that speaks the Blood Pressure Profile.

It stores what it measures and gives it away by indications of 0x2A35; it has one user, or several
by user id. A measurement that failed is sent too, as NaN, and is no record.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from firmware_sims.body import Pressure
from firmware_sims.device_clock import DeviceClock
from firmware_sims.episodic import EpisodicDevice, Fittings, Measured, People
from firmware_sims.gatt import INDICATE, READ, characteristic, is_secure, service
from firmware_sims.identity import Identity
from firmware_sims.ledger import Kind
from firmware_sims.packing import blood_pressure
from firmware_sims.packing.date_time import Stamp
from firmware_sims.packing.ieee11073 import Number, Special
from firmware_sims.store_and_forward import Stored

_MMHG_PER_KPA = Decimal("7.50062")
_FEATURES = (
    blood_pressure.Feature.BODY_MOVEMENT
    | blood_pressure.Feature.CUFF_FIT
    | blood_pressure.Feature.IRREGULAR_PULSE
)


class Encode(Protocol):
    """How a cuff writes a measurement; `blood_pressure.measurement` is the ordinary one."""

    def __call__(
        self,
        pressures: blood_pressure.Pressures,
        *,
        kilopascal: bool,
        device_local: Stamp | None,
        pulse_per_min: Number,
        user: int | None,
        status: int,
    ) -> bytes:
        """Return the octets of 0x2A35."""


def blood_pressure_monitor(
    identity: Identity,
    people: People,
    fittings: Fittings,
    *,
    kilopascal: bool = False,
    encode: Encode = blood_pressure.measurement,
    mean: bool = True,
) -> EpisodicDevice:
    """Make a virtual cuff; `mean` if what it writes tells the mean pressure."""
    cuff = Cuff(
        people,
        fittings.clock,
        kilopascal=kilopascal,
        secure=is_secure(identity),
        encode=encode,
        mean=mean,
    )
    return EpisodicDevice(identity, people, cuff, fittings)


class Cuff:
    """The instrument; `beside` stands in its service beside the measurement."""

    advertised: Sequence[int] = (0x1810,)
    charge_percent = 0.3

    def __init__(
        self,
        people: People,
        clock: DeviceClock,
        *,
        kilopascal: bool = False,
        secure: bool = False,
        encode: Encode = blood_pressure.measurement,
        mean: bool = True,
        beside: Sequence[Any] = (),
    ) -> None:
        self._people = people
        self.clock = clock
        self._kilopascal = kilopascal
        self._secure = secure
        self._encode = encode
        self._mean = mean
        self._beside = beside
        self.measurement = characteristic(0x2A35, INDICATE, secure=secure)

    def services(self) -> Sequence[Any]:
        """Return Blood Pressure."""
        feature = characteristic(
            0x2A49, READ, read=lambda: blood_pressure.feature(_FEATURES), secure=self._secure
        )
        return [service(0x1810, self.measurement, feature, *self._beside)]

    def measured(self, taken_at: datetime, slot: int | None) -> Measured:
        """Measure the person of a slot."""
        pressure = self._people[slot].pressure(taken_at)
        frame = self._frame(pressure, taken_at, slot)
        pressures = {
            "systolic": str(self._shown(pressure.systolic)),
            "diastolic": str(self._shown(pressure.diastolic)),
            "unit": "kPa" if self._kilopascal else "mmHg",
        }
        if self._mean:
            pressures["mean"] = str(self._shown(pressure.mean))
        pulse = {"pulse": str(pressure.pulse), "unit": "/min"}
        shown = {Kind.BLOOD_PRESSURE: pressures, Kind.HEART_RATE: pulse}
        return Measured([self._stored(frame)], shown)

    def failed(self, taken_at: datetime, slot: int | None) -> Stored:
        """Fail to measure: NaN everywhere."""
        nothing = blood_pressure.Pressures(systolic=Special.NAN, diastolic=Special.NAN)
        return self._stored(
            self._encode(
                nothing,
                kilopascal=self._kilopascal,
                device_local=self.clock.stamp(taken_at),
                pulse_per_min=Special.NAN,
                user=slot,
                status=0,
            )
        )

    def _stored(self, frame: bytes) -> Stored:
        return Stored(self.measurement, lambda _room: [frame])

    def _frame(self, pressure: Pressure, taken_at: datetime, slot: int | None) -> bytes:
        return self._encode(
            blood_pressure.Pressures(
                systolic=self._shown(pressure.systolic),
                diastolic=self._shown(pressure.diastolic),
                mean=self._shown(pressure.mean),
            ),
            kilopascal=self._kilopascal,
            device_local=self.clock.stamp(taken_at),
            pulse_per_min=pressure.pulse,
            user=slot,
            status=blood_pressure.Status.IRREGULAR_PULSE if pressure.irregular else 0,
        )

    def _shown(self, pressure_mmhg: Decimal) -> Decimal:
        if not self._kilopascal:
            return pressure_mmhg
        return (pressure_mmhg / _MMHG_PER_KPA).quantize(Decimal("0.1"))
