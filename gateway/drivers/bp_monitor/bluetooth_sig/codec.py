"""Blood pressure, as Bluetooth SIG cuffs send it.

    2A35 Blood Pressure Measurement
        flags u8 | systolic, diastolic, mean: 3 x SFLOAT
        | [Date Time 7] [pulse SFLOAT] [user u8] [status u16]
    2A36 Intermediate Cuff Pressure
        the same, the first of the three being the cuff pressure, the other two unused
    2B34 Enhanced Blood Pressure Measurement
        flags u8 | systolic, diastolic, mean: 3 x SFLOAT
        | [time u32 s] [pulse SFLOAT] [user u8] [status u16] [user-facing time u32 s]
    2B35 Enhanced Intermediate Cuff Pressure
        flags u8 | cuff pressure SFLOAT | [as 2B34]
    2B36 Blood Pressure Record
        segment u8 | sequence u16 | characteristic u16 | data | [E2E-CRC u16 in the last segment]
    2A49 Blood Pressure Feature
        features u16

    flags    0 kPa  1 time  2 pulse  3 user  4 status  5 user-facing time  6 epoch is 2000, not 1900
             (5 and 6 in the enhanced characteristics only; otherwise reserved)
    status   0 body movement  1 cuff too loose  2 irregular pulse
             3-4 pulse range: 0 within, 1 above, 2 below  5 improper position
    segment  0 first  1 last  2-7 rolling counter

Reserved bits and octets that follow are kept and tolerated: cuffs in the field send both.

Source: Bluetooth GATT Specification Supplement, "Blood Pressure Measurement" and the sections of
the other names; Blood Pressure Service 1.1.1.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from gateway.frozen import frozen
from gateway.wire.checksum import without_e2e_crc
from gateway.wire.cursor import Cursor
from gateway.wire.gatt_time import DateTime, date_time
from gateway.wire.ieee11073 import Number, Special, sfloat, sfloat_of

_Order = Literal["little", "big"]

UNKNOWN_USER = 0xFF

_KPA, _TIME, _PULSE, _USER, _STATUS = 0x01, 0x02, 0x04, 0x08, 0x10
_USER_FACING_TIME, _EPOCH_2000 = 0x20, 0x40
_FEATURES = (
    "body_movement",
    "cuff_fit",
    "irregular_pulse",
    "pulse_rate_range",
    "measurement_position",
    "multiple_bond",
    "e2e_crc",
    "user_data",
    "user_facing_time",
)


@frozen
class BloodPressure:
    """One measurement, in the device's unit and clock: 2A35 or 2B34."""

    flags: int
    unit: str
    """`mmHg` or `kPa`, of all three pressures."""
    systolic: Number
    diastolic: Number
    map: Number
    """Mean arterial pressure; many cuffs send 0 or NaN."""
    timestamp: DateTime | None
    pulse: Number | None
    user_id: int | None
    status: int | None
    user_facing_time: datetime | None
    reserved_flag_bits: int | None
    trailing_octets: bytes | None


@frozen
class CuffPressure:
    """The pressure in the cuff while it is measuring: 2A36 or 2B35."""

    flags: int
    unit: str
    cuff_pressure: Number
    timestamp: DateTime | None
    pulse: Number | None
    user_id: int | None
    status: int | None
    user_facing_time: datetime | None
    reserved_flag_bits: int | None
    trailing_octets: bytes | None


@frozen
class Feature:
    """What the cuff can do: 2A49."""

    raw: int
    features: tuple[str, ...]
    trailing_octets: bytes | None


@frozen
class RecordSegment:
    """One piece of a stored record: 2B36."""

    first: bool
    last: bool
    counter: int
    sequence: int
    uuid: str
    """The characteristic whose value the record holds, such as `2B34`."""
    data: bytes


def measurement(data: bytes) -> BloodPressure:
    """Decode a 2A35."""
    cursor = Cursor(data)
    flags = cursor.u8()
    return BloodPressure(
        flags,
        _unit(flags),
        sfloat(cursor),
        sfloat(cursor),
        sfloat(cursor),
        *_options(cursor, flags),
    )


def beurer_measurement(data: bytes) -> BloodPressure:
    """Decode the 2A35 of a Beurer BM48, BM59, BM85 or ELITE 900.

    In captures of a BM85 pulse and status come most significant octet first, and the user although
    its flag is clear; the reserved flag bit 6 is set in all of them. Of the others there is no
    capture, and a BM59 is said to follow the specification: so the octets tell. No pulse has more
    than 255, or it is no number: see `_order_of`. The user is there if there is room.
    """
    cursor = Cursor(data)
    flags = cursor.u8()
    pressures = sfloat(cursor), sfloat(cursor), sfloat(cursor)
    taken = date_time(cursor) if flags & _TIME else None
    pulse = cursor.take(2) if flags & _PULSE else b""
    order = _order_of(pulse)
    status_octets = 2 if flags & _STATUS else 0
    has_user = flags & _USER or cursor.remaining > status_octets
    return BloodPressure(
        flags,
        _unit(flags),
        *pressures,
        taken,
        sfloat_of(int.from_bytes(pulse, order)) if pulse else None,
        cursor.u8() if has_user else None,
        int.from_bytes(cursor.take(2), order) if status_octets else None,
        None,
        flags & 0xE0 or None,
        cursor.rest() or None,
    )


def _order_of(pulse: bytes) -> _Order:
    """Tell how the octets of a pulse up to 255, or of a special value, are ordered.

    The smaller one is the more significant, but in 0800 to 0802: read the other way these are 8,
    264 and 520, which nobody's heart does.
    """
    is_big = pulse[:1] <= pulse[1:]
    looks: _Order = "big" if is_big else "little"
    other: _Order = "little" if is_big else "big"
    is_special = isinstance(sfloat_of(int.from_bytes(pulse, other)), Special)
    return other if is_special else looks


def intermediate(data: bytes) -> CuffPressure:
    """Decode a 2A36; the two unused pressures are skipped, whatever they hold."""
    cursor = Cursor(data)
    flags = cursor.u8()
    pressure = sfloat(cursor)
    cursor.take(4)
    return CuffPressure(flags, _unit(flags), pressure, *_options(cursor, flags))


def enhanced_measurement(data: bytes) -> BloodPressure:
    """Decode a 2B34."""
    cursor = Cursor(data)
    flags = cursor.u8()
    return BloodPressure(
        flags,
        _unit(flags),
        sfloat(cursor),
        sfloat(cursor),
        sfloat(cursor),
        *_enhanced_options(cursor, flags),
    )


def enhanced_intermediate(data: bytes) -> CuffPressure:
    """Decode a 2B35."""
    cursor = Cursor(data)
    flags = cursor.u8()
    return CuffPressure(flags, _unit(flags), sfloat(cursor), *_enhanced_options(cursor, flags))


def feature(data: bytes) -> Feature:
    """Decode a 2A49."""
    cursor = Cursor(data)
    raw = cursor.u16()
    names = tuple(name for bit, name in enumerate(_FEATURES) if raw >> bit & 1)
    return Feature(raw, names, cursor.rest() or None)


def record_segment(data: bytes, *, e2e_crc: bool = False) -> RecordSegment:
    """Decode a 2B36.

    With `e2e_crc` (feature bit 6) the last segment ends in the CRC of the whole record. It is
    taken off here; only in a record of one segment can it also be checked.
    """
    cursor = Cursor(data)
    segment = cursor.u8()
    first, last = bool(segment & 1), bool(segment & 2)
    sequence, uuid = cursor.u16(), cursor.u16()
    body = cursor.rest()
    if e2e_crc and last:
        if len(body) < 2:
            raise cursor.error("truncated")
        if first:
            without_e2e_crc(data)
        body = body[:-2]
    return RecordSegment(first, last, segment >> 2, sequence, f"{uuid:04X}", body)


_Options = tuple[
    DateTime | None,
    Number | None,
    int | None,
    int | None,
    datetime | None,
    int | None,
    bytes | None,
]


def _options(cursor: Cursor, flags: int) -> _Options:
    return (
        date_time(cursor) if flags & _TIME else None,
        sfloat(cursor) if flags & _PULSE else None,
        cursor.u8() if flags & _USER else None,
        cursor.u16() if flags & _STATUS else None,
        None,
        flags & 0xE0 or None,
        cursor.rest() or None,
    )


def _enhanced_options(cursor: Cursor, flags: int) -> _Options:
    epoch = datetime(2000 if flags & _EPOCH_2000 else 1900, 1, 1)  # noqa: DTZ001 - device's clock
    return (
        epoch + timedelta(seconds=cursor.u32()) if flags & _TIME else None,
        sfloat(cursor) if flags & _PULSE else None,
        cursor.u8() if flags & _USER else None,
        cursor.u16() if flags & _STATUS else None,
        epoch + timedelta(seconds=cursor.u32()) if flags & _USER_FACING_TIME else None,
        flags & 0x80 or None,
        cursor.rest() or None,
    )


def _unit(flags: int) -> str:
    return "kPa" if flags & _KPA else "mmHg"
