"""Continuous Glucose Monitoring Service 0x181F.

0x2AA7: size u8 | flags u8 | glucose SFLOAT mg/dL | time offset u16 min | [status u8]
        [calibration and temperature u8] [warning u8] [trend SFLOAT] [quality SFLOAT] [CRC]
0x2AA8: features u24 | type and location u8 | CRC (FFFF when the feature is off)
0x2AA9: time offset u16 | status u8 | calibration and temperature u8 | warning u8 | [CRC]
0x2AAA: Date Time | time zone s8 | DST offset u8 | [CRC]
0x2AAB: run time u16 h | [CRC]
0x2AAC: op code u8 | operand | [CRC]

flags of 0x2AA7: b0 trend, b1 quality, b5 warning, b6 calibration and temperature, b7 status: the
three octets follow in the order b7, b6, b5. The CRC is there when feature bit 12 is set.
Spec: Continuous Glucose Monitoring Service 1.0.2 section 3; GATT Specification Supplement.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, IntFlag

from firmware_sims.packing.checksum import with_crc
from firmware_sims.packing.date_time import date_time, time_zone
from firmware_sims.packing.ieee11073 import Number, sfloat

SUBCUTANEOUS_INTERSTITIAL = 0x59


class Feature(IntFlag):
    """CGM Feature, the bits that the virtual sensor uses."""

    CALIBRATION = 1 << 0
    MALFUNCTION_DETECTION = 1 << 6
    RESULT_HIGH_LOW = 1 << 8
    LOW_BATTERY = 1 << 9
    E2E_CRC = 1 << 12
    MULTIPLE_SESSIONS = 1 << 14
    TREND = 1 << 15
    QUALITY = 1 << 16


class Annunciation(IntFlag):
    """Sensor Status Annunciation: b0-7 status, b8-15 calibration, b16-23 warning."""

    SESSION_STOPPED = 1 << 0
    BATTERY_LOW = 1 << 1
    MALFUNCTION = 1 << 3
    TIME_SYNCHRONISATION_REQUIRED = 1 << 8
    CALIBRATION_NOT_ALLOWED = 1 << 9
    BELOW_DEVICE_RANGE = 1 << 22
    ABOVE_DEVICE_RANGE = 1 << 23


class SpecificOpCode(IntEnum):
    """CGM Specific Ops Control Point, the op codes that the virtual sensor answers by name."""

    SET_INTERVAL = 0x01
    GET_INTERVAL = 0x02
    INTERVAL = 0x03
    START_SESSION = 0x1A
    STOP_SESSION = 0x1B
    RESPONSE = 0x1C


class SpecificResponse(IntEnum):
    """Response codes of the CGM Specific Ops Control Point."""

    SUCCESS = 1
    OP_CODE_NOT_SUPPORTED = 2
    INVALID_OPERAND = 3
    PROCEDURE_NOT_COMPLETED = 4
    OUT_OF_RANGE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One sample: glucose in mg/dL, minutes since session start, trend in mg/dL/min."""

    glucose_mg_dl: Number
    time_offset_min: int
    annunciation: int = 0
    trend_mg_dl_min: Number | None = None
    quality_percent: Number | None = None


def record(sample: Record, *, e2e_crc: bool) -> bytes:
    """Return one record; an annunciation octet of zero is left out, as sensors do."""
    status, calibration, warning = sample.annunciation.to_bytes(3, "little")
    flags = (sample.trend_mg_dl_min is not None) | (sample.quality_percent is not None) << 1
    flags |= bool(warning) << 5 | bool(calibration) << 6 | bool(status) << 7
    body = sfloat(sample.glucose_mg_dl) + sample.time_offset_min.to_bytes(2, "little")
    body += bytes(octet for octet in (status, calibration, warning) if octet)
    if sample.trend_mg_dl_min is not None:
        body += sfloat(sample.trend_mg_dl_min)
    if sample.quality_percent is not None:
        body += sfloat(sample.quality_percent)
    size = 2 + len(body) + (2 if e2e_crc else 0)
    return _checked(bytes([size, flags]) + body, e2e_crc)


def notifications(records: Iterable[bytes], *, room: int) -> list[bytes]:
    """Return records joined into as few values of at most `room` octets as keep their order."""
    values: list[bytes] = []
    for octets in records:
        if values and len(values[-1]) + len(octets) <= room:
            values[-1] += octets
        else:
            values.append(octets)
    return values


def feature(features: int, *, type_location: int = SUBCUTANEOUS_INTERSTITIAL) -> bytes:
    """Return a CGM Feature; without E2E-CRC its check field is FFFF."""
    octets = features.to_bytes(3, "little") + bytes([type_location])
    return with_crc(octets) if features & Feature.E2E_CRC else octets + b"\xff\xff"


def status(time_offset_min: int, annunciation: int, *, e2e_crc: bool) -> bytes:
    """Return a CGM Status; all three annunciation octets are always there."""
    octets = time_offset_min.to_bytes(2, "little") + annunciation.to_bytes(3, "little")
    return _checked(octets, e2e_crc)


def session_start_time(
    local: datetime | None, *, zone: timedelta | None, dst: int, e2e_crc: bool
) -> bytes:
    """Return a CGM Session Start Time; None is a start that the sensor does not know."""
    return _checked(date_time(local) + time_zone(zone) + bytes([dst]), e2e_crc)


def session_run_time(hours: int, *, e2e_crc: bool) -> bytes:
    """Return a CGM Session Run Time."""
    return _checked(hours.to_bytes(2, "little"), e2e_crc)


def interval(minutes: int, *, e2e_crc: bool) -> bytes:
    """Return the answer to "get communication interval"."""
    return _checked(bytes([SpecificOpCode.INTERVAL, minutes]), e2e_crc)


def specific_response(request: int, code: SpecificResponse, *, e2e_crc: bool) -> bytes:
    """Return the general answer of the Specific Ops Control Point."""
    return _checked(bytes([SpecificOpCode.RESPONSE, request, code]), e2e_crc)


def specific(op_code: int, operand: bytes = b"", *, e2e_crc: bool) -> bytes:
    """Return any request or answer of the Specific Ops Control Point."""
    return _checked(bytes([op_code]) + operand, e2e_crc)


def calibration(
    glucose_mg_dl: Number,
    time_offset_min: int,
    type_location: int,
    *,
    next_calibration_min: int = 0,
    record_number: int = 0,
    status: int = 0,
) -> bytes:
    """Return a Calibration Data Record; of one to be set the last three are 0."""
    numbers = (next_calibration_min, record_number)
    octets = sfloat(glucose_mg_dl) + time_offset_min.to_bytes(2, "little") + bytes([type_location])
    return octets + b"".join(each.to_bytes(2, "little") for each in numbers) + bytes([status])


def _checked(octets: bytes, e2e_crc: bool) -> bytes:
    return with_crc(octets) if e2e_crc else octets
