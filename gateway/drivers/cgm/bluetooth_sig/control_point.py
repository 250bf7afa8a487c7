"""The CGM Specific Ops Control Point, 2AAC: op u8 | operand | [CRC u16].

Starting or stopping a session, setting the interval and calibrating decide over a therapy. This
module knows their bytes, for `decode` and for a tool in the hands of a person; the conversation of
this driver never writes to the control point.

    01 02 03   interval: set, get, answer            u8 min; 0 never, FF as fast as it can
    04 05 06   calibration: set, get, answer         record (below); get: u16 number, FFFF the last
    07..18     alert levels: set, get, answer        SFLOAT; patient high, patient low, hypo, hyper,
                                                     rate of decrease, rate of increase
    19 1A 1B   reset device-specific alert, start session, stop session
    1C         response                              request u8 | code u8

A calibration record: SFLOAT mg/dL | offset u16 min | type and location u8 | next due u16 min |
number u16 | status u8; in a set the last three are 0.

Source: CGM Service 1.0.2, section 3.7; GATT Specification Supplement (which lists u16 for 03, where
the service and every implementation use u8).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from gateway.drivers.cgm.bluetooth_sig.codec import unwrapped
from gateway.errors import DecodeError
from gateway.wire.cursor import Cursor
from gateway.wire.ieee11073 import Number, sfloat


class Op(IntEnum):
    """The operations; the plain name of a level is the device's answer to its get."""

    SET_INTERVAL = 0x01
    GET_INTERVAL = 0x02
    INTERVAL = 0x03
    SET_CALIBRATION = 0x04
    GET_CALIBRATION = 0x05
    CALIBRATION = 0x06
    SET_PATIENT_HIGH = 0x07
    GET_PATIENT_HIGH = 0x08
    PATIENT_HIGH = 0x09
    SET_PATIENT_LOW = 0x0A
    GET_PATIENT_LOW = 0x0B
    PATIENT_LOW = 0x0C
    SET_HYPO = 0x0D
    GET_HYPO = 0x0E
    HYPO = 0x0F
    SET_HYPER = 0x10
    GET_HYPER = 0x11
    HYPER = 0x12
    SET_RATE_DECREASE = 0x13
    GET_RATE_DECREASE = 0x14
    RATE_DECREASE = 0x15
    SET_RATE_INCREASE = 0x16
    GET_RATE_INCREASE = 0x17
    RATE_INCREASE = 0x18
    RESET_DEVICE_SPECIFIC_ALERT = 0x19
    START_SESSION = 0x1A
    STOP_SESSION = 0x1B
    RESPONSE = 0x1C


@dataclass(frozen=True, slots=True)
class Plain:
    """An operation without operand."""

    op: str
    crc_checked: bool


@dataclass(frozen=True, slots=True)
class Interval:
    """How often the sensor notifies."""

    op: str
    interval_min: int
    crc_checked: bool


@dataclass(frozen=True, slots=True)
class CalibrationNumber:
    """Which calibration record is asked for; 0xFFFF is the last."""

    op: str
    record_number: int
    crc_checked: bool


@dataclass(frozen=True, slots=True)
class Calibration:
    """A blood glucose value the sensor was calibrated with. 0xFFFF: no next one is due."""

    op: str
    glucose_mg_dl: Number
    time_offset_min: int
    type: int
    location: int
    next_calibration_min: int
    record_number: int
    calibration_status: int
    crc_checked: bool


@dataclass(frozen=True, slots=True)
class Level:
    """A level at which the sensor warns: mg/dL, or mg/dL/min for the rates."""

    op: str
    value: Number
    crc_checked: bool


@dataclass(frozen=True, slots=True)
class Response:
    """How a request ended: 1 is success."""

    op: str
    request_op: int
    response_code: int
    crc_checked: bool


ControlMessage = Plain | Interval | CalibrationNumber | Calibration | Level | Response


def decode(payload: bytes, e2e_crc: bool | None = None) -> ControlMessage:
    """Read what is written to the control point, or what it answers. Raises DecodeError."""
    code = Cursor(payload).u8()
    if code not in _OPS:
        raise DecodeError("unknown_op_code", payload)
    op = Op(code)
    cursor, checked = unwrapped(payload, 1 + _operand_size(op), e2e_crc)
    return _message(op, Cursor(cursor.data, 1), checked)


_OPS = frozenset(Op)
_INTERVALS = frozenset({Op.SET_INTERVAL, Op.INTERVAL})
_CALIBRATIONS = frozenset({Op.SET_CALIBRATION, Op.CALIBRATION})
_LEVELS = frozenset(
    op
    for op in Op
    if Op.SET_PATIENT_HIGH <= op <= Op.RATE_INCREASE and not op.name.startswith("GET_")
)


def _operand_size(op: Op) -> int:
    if op in _INTERVALS:
        return 1
    if op in _CALIBRATIONS:
        return 10
    return 2 if op in _LEVELS or op in (Op.GET_CALIBRATION, Op.RESPONSE) else 0


def _message(op: Op, cursor: Cursor, checked: bool) -> ControlMessage:
    name = op.name.lower()
    if op in _INTERVALS:
        return Interval(name, cursor.u8(), checked)
    if op in _CALIBRATIONS:
        return _calibration(name, cursor, checked)
    if op in _LEVELS:
        return Level(name, sfloat(cursor), checked)
    if op is Op.GET_CALIBRATION:
        return CalibrationNumber(name, cursor.u16(), checked)
    if op is Op.RESPONSE:
        return Response(name, cursor.u8(), cursor.u8(), checked)
    return Plain(name, checked)


def _calibration(name: str, cursor: Cursor, checked: bool) -> Calibration:
    glucose, offset, place = sfloat(cursor), cursor.u16(), cursor.u8()
    return Calibration(
        op=name,
        glucose_mg_dl=glucose,
        time_offset_min=offset,
        type=place & 0xF,
        location=place >> 4,
        next_calibration_min=cursor.u16(),
        record_number=cursor.u16(),
        calibration_status=cursor.u8(),
        crc_checked=checked,
    )
