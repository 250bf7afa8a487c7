"""The bytes of the Glucose Service, 1808.

    2A18 Measurement   flags u8 | sequence u16 | base time 7 | [offset i16 min] |
                       [concentration SFLOAT | type and location u8] | [status u16]
    2A34 Context       flags u8 | sequence u16 | [extended flags u8] |
                       [carbohydrate u8, SFLOAT kg] | [meal u8] | [tester and health u8] |
                       [exercise u16 s, u8 %] | [medication u8, SFLOAT kg or L] |
                       [HbA1c SFLOAT %]
    2A51 Feature       u16

Measurement flags: bit 0 offset, 1 concentration, 2 unit (0 kg/L, 1 mol/L: not mg/dL or mmol/L as
the supplement's flag text has it), 3 status, 4 context follows. Context flags: bit 0 carbohydrate,
1 meal, 2 tester and health, 3 exercise, 4 medication, 5 medication unit (0 kg, 1 L), 6 HbA1c, 7
extended flags. A measurement's time is its base time plus its offset: a meter moves the offset, not
the base, when its user sets the clock.

Source: Glucose Service 1.0.1; GATT Specification Supplement, sections of the same names.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from gateway.frozen import frozen
from gateway.wire.cursor import Cursor
from gateway.wire.gatt_time import DateTime, date_time
from gateway.wire.ieee11073 import Number, Special, sfloat


@frozen
class GlucoseMeasurement:
    """One record of a meter. `measured_at` is naive: what the meter's clock showed its user."""

    flags: int
    sequence: int
    base_time: DateTime
    context_follows: bool
    time_offset_min: int | None = None
    measured_at: datetime | None = None
    concentration_unit: Literal["kg/L", "mol/L"] | None = None
    concentration: Number | None = None
    mg_dl: Number | None = None
    mmol_l: Number | None = None
    type: int | None = None
    location: int | None = None
    status: int | None = None
    reserved_flag_bits: int | None = None
    trailing_octets: str | None = None


@frozen
class GlucoseContext:
    """What was around a measurement, found by its `sequence`. Codes as the device gave them."""

    flags: int
    sequence: int
    extended_flags: int | None = None
    carbohydrate_id: int | None = None
    carbohydrate_kg: Number | None = None
    meal: int | None = None
    tester: int | None = None
    health: int | None = None
    exercise_duration_s: int | Literal["overrun"] | None = None
    exercise_intensity_percent: int | None = None
    medication_id: int | None = None
    medication_kg: Number | None = None
    medication_l: Number | None = None
    hba1c_percent: Number | None = None
    trailing_octets: str | None = None


@frozen
class GlucoseFeature:
    """Which troubles the meter can tell of."""

    raw: int
    features: tuple[str, ...]


def decode_measurement(payload: bytes) -> GlucoseMeasurement:
    """Read 2A18; raises DecodeError if it is too short for its flags."""
    cursor = Cursor(payload)
    flags, sequence, base_time = cursor.u8(), cursor.u16(), date_time(cursor)
    offset_min = cursor.i16() if flags & _OFFSET else None
    concentration = sfloat(cursor) if flags & _CONCENTRATION else None
    place = cursor.u8() if flags & _CONCENTRATION else None
    in_moles = bool(flags & _IN_MOLES)
    return GlucoseMeasurement(
        flags=flags,
        sequence=sequence,
        base_time=base_time,
        context_follows=bool(flags & _CONTEXT_FOLLOWS),
        time_offset_min=offset_min,
        measured_at=_measured_at(base_time, offset_min),
        concentration_unit=None if place is None else "mol/L" if in_moles else "kg/L",
        concentration=concentration,
        mg_dl=None if in_moles else _scaled(concentration, 5),
        mmol_l=_scaled(concentration, 3) if in_moles else None,
        type=None if place is None else place & 0xF,
        location=None if place is None else place >> 4,
        status=cursor.u16() if flags & _STATUS else None,
        reserved_flag_bits=flags & 0xE0 or None,
        trailing_octets=cursor.rest().hex() or None,
    )


def decode_context(payload: bytes) -> GlucoseContext:
    """Read 2A34; raises DecodeError if it is too short for its flags."""
    cursor = Cursor(payload)
    flags, sequence = cursor.u8(), cursor.u16()
    extended = cursor.u8() if flags & 0x80 else None
    carbohydrate = (cursor.u8(), sfloat(cursor)) if flags & 0x01 else (None, None)
    meal = cursor.u8() if flags & 0x02 else None
    people = cursor.u8() if flags & 0x04 else None
    exercise = (cursor.u16(), cursor.u8()) if flags & 0x08 else (None, None)
    medication = (cursor.u8(), sfloat(cursor)) if flags & 0x10 else (None, None)
    in_litres = bool(flags & 0x20)
    return GlucoseContext(
        flags=flags,
        sequence=sequence,
        extended_flags=extended,
        carbohydrate_id=carbohydrate[0],
        carbohydrate_kg=carbohydrate[1],
        meal=meal,
        tester=None if people is None else people & 0xF,
        health=None if people is None else people >> 4,
        exercise_duration_s="overrun" if exercise[0] == 0xFFFF else exercise[0],
        exercise_intensity_percent=exercise[1],
        medication_id=medication[0],
        medication_kg=None if in_litres else medication[1],
        medication_l=medication[1] if in_litres else None,
        hba1c_percent=sfloat(cursor) if flags & 0x40 else None,
        trailing_octets=cursor.rest().hex() or None,
    )


def decode_feature(payload: bytes) -> GlucoseFeature:
    """Read 2A51."""
    raw = Cursor(payload).u16()
    return GlucoseFeature(raw, tuple(name for bit, name in enumerate(_FEATURES) if raw >> bit & 1))


_OFFSET, _CONCENTRATION, _IN_MOLES, _STATUS, _CONTEXT_FOLLOWS = 0x01, 0x02, 0x04, 0x08, 0x10
_FEATURES = (
    "low_battery",
    "malfunction",
    "sample_size",
    "strip_insertion_error",
    "strip_type_error",
    "result_high_low",
    "temperature_high_low",
    "read_interrupt",
    "general_fault",
    "time_fault",
    "multiple_bonds",
)


def _measured_at(base_time: DateTime, offset_min: int | None) -> datetime | None:
    if not isinstance(base_time, datetime):
        return None
    try:
        return base_time + timedelta(minutes=offset_min or 0)
    except OverflowError:  # past the year 9999
        return None


def _scaled(value: Number | None, exponent: int) -> Number | None:
    """Turn kg/L into mg/dL (times 10 to the 5), or mol/L into mmol/L (times 10 to the 3)."""
    return value if value is None or isinstance(value, Special) else value.scaleb(exponent)
