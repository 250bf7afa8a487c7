"""What a CGM record says about a person: a reading of interstitial glucose.

Quality: a sensor that reports a fault of its own makes the reading QUESTIONABLE, and so does a bit
nobody has defined yet. Alerts (hypo, falling fast) and housekeeping (calibration due) are flags.

"HI" and "LO" are infinities with the bit for "out of the device's range". They count as such even
if the sensor sets its malfunction bit as well (Accu-Chek SmartGuide does, and sends NaN for a real
malfunction); an infinity without that bit is QUESTIONABLE.

The service has no word for a sensor's warm-up. What is known is the minute of the session, so a
value from its first minutes, how many the owner's setting says, gets the flag for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from gateway.clock import Instant
from gateway.domain.device import DeviceId
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import (
    WARM_UP,
    ClockSample,
    DeviceTime,
    Kind,
    Limit,
    Measure,
    Quality,
    Reading,
)
from gateway.drivers.cgm.bluetooth_sig.codec import CgmRecord
from gateway.wire.ieee11073 import Special

FLAGS = {
    0: "session_stopped",
    1: "battery_low",
    2: "sensor_type_incorrect",
    3: "malfunction",
    4: "device_specific_alert",
    5: "general_fault",
    8: "time_synchronisation_required",
    9: "calibration_not_allowed",
    10: "calibration_recommended",
    11: "calibration_required",
    12: "temperature_too_high",
    13: "temperature_too_low",
    14: "calibration_pending",
    16: "below_patient_low",
    17: "above_patient_high",
    18: "hypo",
    19: "hyper",
    20: "falling_fast",
    21: "rising_fast",
    22: "below_device_range",
    23: "above_device_range",
}
"""The annunciations, by their bit in the 24-bit value: status octet lowest, then calibration and
temperature, then warnings (GATT Specification Supplement, CGM Measurement)."""

_MALFUNCTION = 3
_FAULTS = frozenset({0, 2, _MALFUNCTION, 5, 12, 13})
_LIMITS = {Special.BELOW: (Limit.BELOW, 22), Special.ABOVE: (Limit.ABOVE, 23)}
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SensorTime:
    """The sensor's axis of time: minutes from a start, which is a naive local time.

    `minute` is how far the sensor's own count was at the moment `at`.
    """

    start: datetime
    octets: str
    """The start as the sensor gave it, hex."""
    utc_offset: timedelta | None
    minute: int
    at: Instant

    def of(self, minute: int, received: Instant) -> DeviceTime:
        """Say when the sensor's `minute` was, with what its clock showed at `received`."""
        since = timedelta(seconds=received.monotonic - self.at.monotonic)
        return DeviceTime(
            stamp=self.start + minute * _MINUTE,
            raw=self.octets + minute.to_bytes(2, "little").hex(),
            utc_offset=self.utc_offset,
            clock=ClockSample(shown=self.start + self.minute * _MINUTE + since, at=received),
            resolution=_MINUTE,
            counter=True,
        )

    def heard(
        self, minute: int, received: Instant, *, ahead: timedelta = timedelta.max
    ) -> SensorTime:
        """Take a sample that came the moment it was measured as the sensor's present time.

        Sets the count forward only, by up to `ahead`: a sample can be late, never early.
        """
        elapsed = timedelta(seconds=received.monotonic - self.at.monotonic)
        early = (minute - self.minute) * _MINUTE - elapsed
        if not timedelta() < early <= ahead:
            return self
        return SensorTime(self.start, self.octets, self.utc_offset, minute, received)


def reading_of(
    record: CgmRecord,
    *,
    device: DeviceId,
    key: str,
    time: SensorTime,
    at: Instant,
    live: bool,
    warm_up_min: int = 0,
    control: bool = False,
) -> Reading | None:
    """Make the reading of a record; None if the sensor had no value to give.

    `warm_up_min` is how long after its start the sensor's values are not to be relied on. `control`
    says that the sensor measures control solution: nobody's reading.
    """
    values, limit = _values(record), None
    bits = annunciations(record.status, record.cal_temp, record.warning)
    flags = {FLAGS.get(bit, "unknown_status") for bit in bits}
    if record.time_offset_min < warm_up_min:
        flags.add(WARM_UP)
    if control:
        flags.add("control_solution")
    doubtful = not bits.isdisjoint(_FAULTS) or "unknown_status" in flags
    if isinstance(record.glucose_mg_dl, Special):
        if record.glucose_mg_dl not in _LIMITS:
            return None
        limit, bit = _LIMITS[record.glucose_mg_dl]
        doubtful = bit not in bits or not bits.isdisjoint(_FAULTS - {_MALFUNCTION})
    elif not bits.isdisjoint({22, 23}):
        doubtful = True  # a number that the sensor itself says it cannot measure
    return Reading(
        device=device,
        kind=Kind.INTERSTITIAL_GLUCOSE,
        values=values,
        received=at,
        device_time=time.of(record.time_offset_min, at),
        record=f"{key}+{record.time_offset_min}",
        live=live,
        quality=_quality(doubtful=doubtful, control=control),
        flags=frozenset(flags),
        limit=limit,
    )


def _quality(*, doubtful: bool, control: bool) -> Quality:
    if control:
        return Quality.CONTROL
    return Quality.QUESTIONABLE if doubtful else Quality.GOOD


def annunciations(status: int, cal_temp: int, warning: int) -> frozenset[int]:
    """Return the numbers of the bits that are set."""
    bits = status | cal_temp << 8 | warning << 16
    return frozenset(bit for bit in range(24) if bits >> bit & 1)


def _values(record: CgmRecord) -> dict[Measure, Quantity]:
    told = {
        Measure.GLUCOSE: (record.glucose_mg_dl, Unit.MILLIGRAM_PER_DECILITRE),
        Measure.GLUCOSE_TREND: (record.trend_mg_dl_min, Unit.MILLIGRAM_PER_DECILITRE_PER_MINUTE),
        Measure.SENSOR_QUALITY: (record.quality_percent, Unit.PERCENT),
    }
    return {
        measure: Quantity(value=number, unit=unit)
        for measure, (number, unit) in told.items()
        if isinstance(number, Decimal)
    }
