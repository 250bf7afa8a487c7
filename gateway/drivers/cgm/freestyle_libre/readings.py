"""What the records of a FreeStyle Libre reader say about its wearer.

Samples and scans are interstitial glucose, strips blood glucose or ketone. Notes, and what has
error bits, are no readings. LO and HI are limits in place of a number; a mark of LO beside a number
that is none makes it QUESTIONABLE. Samples of a sensor's first hour, which the reader itself does
not show, are from its warm-up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
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
from gateway.drivers.cgm.freestyle_libre.codec import (
    BLOOD_GLUCOSE,
    HIGH_KETONE_18THS,
    HIGH_MG_DL,
    KETONE,
    LOW_MG_DL,
    SENSOR_SCAN,
    Result,
    Sample,
)
from gateway.drivers.cgm.freestyle_libre.memory import Timed
from gateway.drivers.freestyle_text import ketone

WARM_UP_MIN = 60
"""A sensor's first value is shown after an hour (the maker's manual)."""

_KINDS = {
    BLOOD_GLUCOSE: Kind.BLOOD_GLUCOSE,
    KETONE: Kind.BLOOD_KETONE,
    SENSOR_SCAN: Kind.INTERSTITIAL_GLUCOSE,
}
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose memory it is, and what its clock showed when it was read; None if it was lost."""

    device: DeviceId
    serial: str
    clock: ClockSample | None
    resolution: timedelta = _SECOND
    """Of its clock."""


@dataclass(frozen=True, slots=True)
class _Said:
    """A value in mg/dL, or 18ths of a mmol/L of ketone.

    `key` is that of its record, `low` whether it is marked as LO.
    """

    kind: Kind
    value: int
    key: str
    low: bool = False
    warming_up: bool = False


def reading(timed: Timed, reader: Reader, received: Instant) -> Reading | None:
    """Make the reading of a record; None if it is none."""
    said = _said(timed)
    if said is None:
        return None
    doubts = set()
    if timed.told.at is None:
        doubts.add("time_unknown")
    limit = _limit(said)
    if said.low and limit is not Limit.BELOW:
        doubts.add("marked_low")
    return Reading(
        device=reader.device,
        kind=said.kind,
        values={} if limit is not None else _values(said),
        limit=limit,
        received=received,
        device_time=DeviceTime(
            stamp=timed.told.at,
            raw=timed.raw.hex(),
            clock=None if timed.told.unseen else reader.clock,
            resolution=reader.resolution,
            counter=timed.told.counted,
        ),
        record=f"{reader.serial}:{said.key}",
        live=False,
        quality=Quality.QUESTIONABLE if doubts else Quality.GOOD,
        flags=frozenset({*doubts, WARM_UP} if said.warming_up else doubts),
    )


def _said(timed: Timed) -> _Said | None:
    record, key = timed.record, timed.key
    if isinstance(record, Sample) and record.glucose_mgdl is not None:
        return _Said(
            Kind.INTERSTITIAL_GLUCOSE,
            record.glucose_mgdl,
            f"{key}:{record.sensor_minutes}",
            warming_up=record.first_of_sensor or record.sensor_minutes < WARM_UP_MIN,
        )
    if isinstance(record, Result) and record.value is not None and record.what in _KINDS:
        return _Said(_KINDS[record.what], record.value, key, low=record.low)
    return None


def _values(said: _Said) -> dict[Measure, Quantity]:
    if said.kind is Kind.BLOOD_KETONE:
        return {Measure.KETONE: ketone(said.value)}
    mg_dl = Decimal(said.value)
    return {Measure.GLUCOSE: Quantity(value=mg_dl, unit=Unit.MILLIGRAM_PER_DECILITRE)}


def _limit(said: _Said) -> Limit | None:
    if said.kind is Kind.BLOOD_KETONE:
        return Limit.ABOVE if said.value >= HIGH_KETONE_18THS else None
    if said.value >= HIGH_MG_DL:
        return Limit.ABOVE
    return Limit.BELOW if said.value <= LOW_MG_DL and (said.value or said.low) else None
