"""The bytes of the CGM Service, 181F.

    2AA7 Measurement   one or more records, each: size u8 | flags u8 | glucose SFLOAT mg/dL |
                       offset u16 min | [status u8] [cal/temp u8] [warning u8] |
                       [trend SFLOAT mg/dL/min] [quality SFLOAT %] | [CRC u16]
    2AA8 Feature       features u24 | type and location u8 | CRC u16
    2AA9 Status        offset u16 min | status u8 | cal/temp u8 | warning u8 | [CRC u16]
    2AAA Start Time    Date Time | time zone i8 | DST offset u8 | [CRC u16]
    2AAB Run Time      u16 h | [CRC u16]

Flags: bit 0 trend, 1 quality, 5 warning, 6 cal/temp, 7 status: the octets come in the order status,
cal/temp, warning, against the order of their bits. Bit 12 of the features says whether everything
carries an E2E-CRC (CRC-16/MCRF4XX, least significant octet first); each decoder takes that as
`e2e_crc`: True, False, or None to go by the length.

Source: CGM Service 1.0.2; GATT Specification Supplement, sections of the same names.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from gateway.drivers.message import null
from gateway.errors import DecodeError
from gateway.frozen import frozen
from gateway.wire.checksum import without_e2e_crc
from gateway.wire.cursor import Cursor
from gateway.wire.gatt_time import DateTime, date_time, dst_offset, time_zone
from gateway.wire.ieee11073 import Number, sfloat

E2E_CRC = 1 << 12
"""The feature bit that puts a CRC on everything."""
CONTROL_SOLUTION = 0xA
"""What a sensor of this type measures is nobody's."""
START_OCTETS = 9
"""The length of 2AAA without its CRC."""


@frozen
class CgmRecord:
    """One glucose value of a sensor session. The three status octets are 0 where absent."""

    size: int
    flags: int
    glucose_mg_dl: Number
    time_offset_min: int
    status: int = 0
    cal_temp: int = 0
    warning: int = 0
    trend_mg_dl_min: Number | None = None
    quality_percent: Number | None = None
    reserved_flag_bits: int | None = None
    trailing_octets: str | None = None


@frozen
class CgmMeasurement:
    """One notification."""

    records: tuple[CgmRecord, ...]


@frozen
class CgmFeature:
    """What the sensor can do, and where it sits. `crc` is 0xFFFF on a sensor without E2E-CRC."""

    raw: int
    features: tuple[str, ...]
    type: int
    location: int
    crc: int


@frozen
class CgmStatus:
    """Where the sensor session stands: its present minute, and what ails the sensor."""

    time_offset_min: int
    status: int
    cal_temp: int
    warning: int
    crc_checked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CgmSessionStart:
    """When the session began by the sensor's clock: local time, None where it does not know."""

    session_start: DateTime
    time_zone_15min: int
    time_zone_min: int | None = null()
    dst_offset: int
    dst_min: int | None = null()
    crc_checked: bool


@frozen
class CgmRunTime:
    """How long a session of this sensor lasts."""

    run_time_hours: int
    crc_checked: bool


def decode_measurement(payload: bytes, e2e_crc: bool | None = None) -> CgmMeasurement:
    """Read a notification; raises DecodeError if any of its records cannot be read."""
    records = []
    for found in split_measurement(payload, e2e_crc):
        if isinstance(found, DecodeError):
            raise found
        records.append(found)
    return CgmMeasurement(tuple(records))


def split_measurement(payload: bytes, e2e_crc: bool | None = None) -> list[CgmRecord | DecodeError]:
    """Read what can be read of a notification: each record, or why there is none in its place.

    A record that is damaged inside does not cost its neighbours; after a size that cannot be, there
    is no telling where the next one begins.
    """
    if not payload:
        return [DecodeError("truncated")]
    found: list[CgmRecord | DecodeError] = []
    at = 0
    while at < len(payload):
        size = payload[at]
        if size < _SMALLEST_RECORD:
            return [*found, DecodeError("size_too_small", payload, at)]
        if size > len(payload) - at:
            return [*found, DecodeError("truncated", payload, at)]
        try:
            found.append(_record(payload[at : at + size], e2e_crc))
        except DecodeError as error:
            found.append(DecodeError(error.reason, payload, at + error.offset))
        at += size
    return found


def decode_feature(payload: bytes) -> CgmFeature:
    """Read 2AA8. Its CRC field is always there: right, or 0xFFFF on a sensor without."""
    cursor = Cursor(payload)
    raw, place, crc = cursor.u24(), cursor.u8(), cursor.u16()
    if raw & E2E_CRC:
        without_e2e_crc(payload[:6])
    elif crc != 0xFFFF:
        raise DecodeError("crc_field_must_be_ffff", payload, 4)
    names = tuple(name for bit, name in enumerate(_FEATURES) if raw >> bit & 1)
    return CgmFeature(raw, names, place & 0xF, place >> 4, crc)


def decode_status(payload: bytes, e2e_crc: bool | None = None) -> CgmStatus:
    """Read 2AA9."""
    cursor, checked = unwrapped(payload, 5, e2e_crc)
    return CgmStatus(cursor.u16(), cursor.u8(), cursor.u8(), cursor.u8(), checked)


def decode_session_start(payload: bytes, e2e_crc: bool | None = None) -> CgmSessionStart:
    """Read 2AAA."""
    cursor, checked = unwrapped(payload, START_OCTETS, e2e_crc)
    start, zone, dst = date_time(cursor), time_zone(cursor), dst_offset(cursor)
    return CgmSessionStart(
        session_start=start,
        time_zone_15min=-128 if zone is None else zone // _QUARTER,
        time_zone_min=None if zone is None else zone // _MINUTE,
        dst_offset=payload[8],
        dst_min=None if dst is None else dst // _MINUTE,
        crc_checked=checked,
    )


def decode_run_time(payload: bytes, e2e_crc: bool | None = None) -> CgmRunTime:
    """Read 2AAB."""
    cursor, checked = unwrapped(payload, 2, e2e_crc)
    return CgmRunTime(cursor.u16(), checked)


def unwrapped(payload: bytes, size: int, e2e_crc: bool | None) -> tuple[Cursor, bool]:
    """Check the CRC of a value of fixed size; return where to read, and whether it was checked.

    Without a CRC, octets after the known ones belong to a later version and are left alone.
    """
    if e2e_crc is None:
        if len(payload) not in (size, size + 2):
            raise DecodeError("bad_length", payload, min(size, len(payload)))
        e2e_crc = len(payload) == size + 2
    if not e2e_crc:
        return Cursor(payload), False
    if len(payload) != size + 2:
        raise DecodeError("bad_length", payload, min(size, len(payload)))
    without_e2e_crc(payload)
    return Cursor(payload), True


_QUARTER = timedelta(minutes=15)
_MINUTE = timedelta(minutes=1)
_SMALLEST_RECORD = 6
_TREND, _QUALITY, _WARNING, _CAL_TEMP, _STATUS = 0x01, 0x02, 0x20, 0x40, 0x80
_RESERVED_FLAGS = 0x1C
_OCTETS = {_TREND: 2, _QUALITY: 2, _WARNING: 1, _CAL_TEMP: 1, _STATUS: 1}
_NEEDED = tuple(
    _SMALLEST_RECORD + sum(octets for bit, octets in _OCTETS.items() if flags & bit)
    for flags in range(256)
)
"""How long a record with these flags is at least. A sensor's memory is some thousand records."""
_FEATURES = (
    "calibration",
    "patient_high_low_alerts",
    "hypo_alerts",
    "hyper_alerts",
    "rate_alerts",
    "device_specific_alert",
    "malfunction_detection",
    "temperature_high_low",
    "result_high_low",
    "low_battery",
    "sensor_type_error",
    "general_fault",
    "e2e_crc",
    "multiple_bonds",
    "multiple_sessions",
    "trend",
    "quality",
)


def _record(octets: bytes, e2e_crc: bool | None) -> CgmRecord:
    flags = octets[1]
    checked = _is_checked(octets, _NEEDED[flags], e2e_crc)
    body = without_e2e_crc(octets) if checked else octets
    cursor = Cursor(body, 2)
    return CgmRecord(
        size=octets[0],
        flags=flags,
        glucose_mg_dl=sfloat(cursor),
        time_offset_min=cursor.u16(),
        status=cursor.u8() if flags & _STATUS else 0,
        cal_temp=cursor.u8() if flags & _CAL_TEMP else 0,
        warning=cursor.u8() if flags & _WARNING else 0,
        trend_mg_dl_min=sfloat(cursor) if flags & _TREND else None,
        quality_percent=sfloat(cursor) if flags & _QUALITY else None,
        reserved_flag_bits=flags & _RESERVED_FLAGS or None,
        trailing_octets=cursor.rest().hex() or None,
    )


def _is_checked(octets: bytes, needed: int, e2e_crc: bool | None) -> bool:
    """Say whether the last two octets are a CRC; raise if the record is too short for its flags."""
    spare = len(octets) - needed - (2 if e2e_crc else 0)
    if spare < 0:
        raise DecodeError("size_too_small_for_flags", octets, min(needed, len(octets)))
    return e2e_crc if e2e_crc is not None else spare == 2
