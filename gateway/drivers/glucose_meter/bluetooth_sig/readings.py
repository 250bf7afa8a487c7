"""What a record of a meter says about a person: a blood glucose reading, or an event.

Meters keep more than blood glucose under the same characteristic. Control solution is read with
quality CONTROL. Ketone comes disguised: with the reserved meal code 6, or as a glucose (FORA: 0.4
mmol/L of ketone came as 13 "mg/dL", so that a dangerous amount looks like a good value).

The meal code is that of CareSens meters: their "mg/dL" are then tenths of a mmol/L of ketone. With
any other meter, or in mol/L, which nobody has seen, what the number counts is not known, and there
is no reading, but an event.

Of each measurement a FORA keeps two records of one time, a number and 0xFFFF for "none"; which of
the two is ketone, nothing in them tells. So a number with such a twin is not trusted unless the
owner says that only glucose strips were ever in the meter.

The unit is what the record's own flag says; what the meter shows on its screen may be another.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from gateway.domain.device import DeviceId
from gateway.domain.device_time import EARLIEST
from gateway.domain.quantity import Quantity, Unit, mg_dl_from_mmol_l
from gateway.domain.reading import (
    ClockSample,
    DeviceTime,
    Kind,
    Limit,
    Measure,
    Quality,
    Reading,
)
from gateway.drivers.api import Frame
from gateway.drivers.glucose_meter.bluetooth_sig.codec import GlucoseContext, GlucoseMeasurement
from gateway.drivers.glucose_meter.bluetooth_sig.measuring_range import (
    KETONE,
    SAID,
    USUAL,
    MeasuringRange,
)
from gateway.frozen import frozen
from gateway.wire.gatt_time import date_time_octets, is_garbled
from gateway.wire.ieee11073 import Number, Special

CONTEXT_MISSING = "context_missing"
"""The record announced a context that never came: it might have said that this is no glucose."""

MAY_BE_KETONE = "may_be_ketone"
"""The record has a twin without a value: the meter keeps ketone in the same way."""

_NO_NUMBER = Decimal("-0.1")  # 0xFFFF read as SFLOAT: what these meters send for "none"
_INTERSTITIAL, _CONTROL_SOLUTION = 0x9, 0xA
_CONTROL_LOCATIONS = frozenset({0x4, _CONTROL_SOLUTION})
"""The second is reserved: CareSens meters have the type where the location belongs."""

_KETONE_MEAL = 6
_SAMPLES = {
    1: "capillary_whole_blood",
    2: "capillary_plasma",
    3: "venous_whole_blood",
    4: "venous_plasma",
    5: "arterial_whole_blood",
    6: "arterial_plasma",
    7: "undetermined_whole_blood",
    8: "undetermined_plasma",
    _CONTROL_SOLUTION: "control_solution",
}
_MEALS = {1: "preprandial", 2: "postprandial", 3: "fasting", 4: "casual", 5: "bedtime"}
_STATUS = {
    0: "battery_low",
    1: "malfunction",
    2: "sample_insufficient",
    3: "strip_insertion_error",
    4: "strip_type_incorrect",
    5: "above_device_range",
    6: "below_device_range",
    7: "temperature_too_high",
    8: "temperature_too_low",
    9: "read_interrupted",
    10: "general_fault",
    11: "time_fault",
}
_HARMLESS = frozenset({"battery_low"})
_SPECIALS = {Special.BELOW: Limit.BELOW, Special.ABOVE: Limit.ABOVE}


@frozen
class Record:
    """A measurement as it came, and the context that belongs to it."""

    frame: Frame
    measurement: GlucoseMeasurement
    context: GlucoseContext | None = None
    may_be_ketone: bool = False


def is_empty_twin(said: GlucoseMeasurement) -> bool:
    """Whether this stands for "none" beside a record of the same time."""
    return said.concentration == _NO_NUMBER


def reading_of(
    record: Record,
    device: DeviceId,
    clock: ClockSample | None,
    measuring: MeasuringRange = USUAL,
    *,
    tells_ketone: bool = False,
) -> Reading | str:
    """Make the reading of a record, or name the event it is instead.

    `tells_ketone` says that it is of a meter whose meal code 6 is known to mean ketone.
    """
    said, context = record.measurement, record.context
    value = said.mmol_l if said.concentration_unit == "mol/L" else said.mg_dl
    is_ketone = context is not None and context.meal == _KETONE_MEAL
    if is_ketone and not (tells_ketone and said.concentration_unit == "kg/L"):
        return "ketone_record"
    if not _is_value(value) and not (is_ketone and value == 0):
        return "no_value"
    troubles = _troubles(said)
    if isinstance(value, Special):
        limit: Limit | None = _SPECIALS[value]
    elif is_ketone:
        limit = KETONE.limit_of(Decimal(value or 0), troubles)
    else:
        limit = measuring.limit_of(_glucose(said)[Measure.GLUCOSE].value, troubles)
    if limit is not None:
        troubles.discard(SAID[limit])
    if said.context_follows and context is None:
        troubles.add(CONTEXT_MISSING)
    if record.may_be_ketone:
        troubles.add(MAY_BE_KETONE)
    return Reading(
        device=device,
        kind=Kind.BLOOD_KETONE if is_ketone else _kind(said),
        values={} if limit is not None else _ketone(said) if is_ketone else _glucose(said),
        received=record.frame.received,
        device_time=_device_time(said, clock),
        record=_key(said),
        live=False,  # everything comes out of the meter's memory
        quality=_quality(said, troubles),
        flags=frozenset(troubles | _circumstances(said, context)),
        limit=limit,
    )


def _is_value(value: Number | None) -> bool:
    return value in _SPECIALS if isinstance(value, Special) else value is not None and value > 0


def _ketone(said: GlucoseMeasurement) -> Mapping[Measure, Quantity]:
    if isinstance(said.mg_dl, Decimal):
        mmol_l = said.mg_dl.scaleb(-1)
        return {Measure.KETONE: Quantity(value=mmol_l, unit=Unit.MILLIMOLE_PER_LITRE)}
    return {}


def _glucose(said: GlucoseMeasurement) -> Mapping[Measure, Quantity]:
    if isinstance(said.mmol_l, Decimal):
        return {Measure.GLUCOSE: mg_dl_from_mmol_l(said.mmol_l)}
    if isinstance(said.mg_dl, Decimal):
        return {Measure.GLUCOSE: Quantity(value=said.mg_dl, unit=Unit.MILLIGRAM_PER_DECILITRE)}
    return {}


def _troubles(said: GlucoseMeasurement) -> set[str]:
    bits = [bit for bit in range(16) if (said.status or 0) >> bit & 1]
    troubles = {_STATUS.get(bit, "unknown_status") for bit in bits}
    if is_garbled(said.base_time):
        troubles.add("garbled")
    return troubles


def _circumstances(said: GlucoseMeasurement, context: GlucoseContext | None) -> set[str]:
    sample = _CONTROL_SOLUTION if _is_control(said) else said.type or 0
    found = {_SAMPLES.get(sample), _MEALS.get(context.meal or 0) if context else None}
    if context is not None and context.exercise_duration_s is not None:
        found.add("exercise")
    return {name for name in found if name is not None}


def _kind(said: GlucoseMeasurement) -> Kind:
    return Kind.INTERSTITIAL_GLUCOSE if said.type == _INTERSTITIAL else Kind.BLOOD_GLUCOSE


def _quality(said: GlucoseMeasurement, troubles: set[str]) -> Quality:
    if _is_control(said):
        return Quality.CONTROL
    return Quality.GOOD if troubles <= _HARMLESS else Quality.QUESTIONABLE


def _is_control(said: GlucoseMeasurement) -> bool:
    return said.type == _CONTROL_SOLUTION or said.location in _CONTROL_LOCATIONS


def _device_time(said: GlucoseMeasurement, clock: ClockSample | None) -> DeviceTime:
    return DeviceTime(stamp=said.measured_at, raw=_raw(said), clock=clock)


def _raw(said: GlucoseMeasurement) -> str:
    offset = said.time_offset_min
    octets = b"" if offset is None else offset.to_bytes(2, "little", signed=True)
    return (date_time_octets(said.base_time) + octets).hex()


def _key(said: GlucoseMeasurement) -> str:
    """Name the record by its base time, which stays when the user sets the clock.

    Not by its sequence number: a meter may start again at 1 after its battery was changed, with the
    same records. But records of a clock that never ran have nothing else to tell them apart.
    """
    base = said.base_time
    octets = date_time_octets(base).hex()
    runs = isinstance(base, datetime) and base.year >= EARLIEST.year
    return f"base:{octets}" if runs else f"seq:{said.sequence}:{octets}"
