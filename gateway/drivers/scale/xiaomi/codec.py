"""What Xiaomi's Mi scales advertise: service data of 181D (version 1) and 181B (version 2).

    1   control u8 | weight u16 | Date Time 7
        control   0 lb  4 jin  5 stabilised  6 a small object  7 load removed
    2   control u8 | control u8 | Date Time 7 | impedance u16 Ohm | weight u16
        first     0 lb  2 a small object
        second    1 impedance  5 stabilised  6 jin  7 load removed

A weight is 0.005 kg per bit, or 0.01 lb or jin (half a kilogram). The clock is the scale's own and
often stands in 1970. An impedance of 0, or of 3000 Ohm or more, is none, whatever its bit says.

Source: captures and tests of public decoders (custom-components/ble_monitor, theengs/decoder,
oliexdev/openScale); the maker has published nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from gateway.errors import DecodeError
from gateway.wire.cursor import Cursor
from gateway.wire.gatt_time import DateTime, date_time

_POUNDS, _JIN = "lb", "jin"
_HIGHEST_OHM = 2999
_V1_OCTETS, _V2_OCTETS = 10, 13


@dataclass(frozen=True, slots=True)
class MiWeight:
    """What a scale of version 1 shows."""

    control: int
    unit: str
    """`kg`, `lb` or `jin`."""
    weight: Decimal
    stabilized: bool
    removed: bool
    """The load is off again; the weight is the last one."""
    object: bool
    """The scale is in its mode for small objects: no person."""
    timestamp: DateTime


@dataclass(frozen=True, slots=True)
class MiComposition:
    """What a scale of version 2 shows; fields as above."""

    control0: int
    control1: int
    unit: str
    weight: Decimal
    stabilized: bool
    removed: bool
    object: bool
    timestamp: DateTime
    impedance_valid: bool
    impedance_ohm: int | None


def weight(data: bytes) -> MiWeight:
    """Read the service data of 181D; raises DecodeError."""
    cursor = _of_length(data, _V1_OCTETS)
    control, raw = cursor.u8(), cursor.u16()
    unit = _unit(pounds=control & 0x01, jin=control & 0x10)
    return MiWeight(
        control,
        unit,
        _weight(raw, unit),
        stabilized=bool(control & 0x20),
        removed=bool(control & 0x80),
        object=bool(control & 0x40),
        timestamp=date_time(cursor),
    )


def composition(data: bytes) -> MiComposition:
    """Read the service data of 181B; raises DecodeError."""
    cursor = _of_length(data, _V2_OCTETS)
    first, second, timestamp = cursor.u8(), cursor.u8(), date_time(cursor)
    ohm, raw = cursor.u16(), cursor.u16()
    unit = _unit(pounds=first & 0x01, jin=second & 0x40)
    is_measured = bool(second & 0x02) and 1 <= ohm <= _HIGHEST_OHM
    return MiComposition(
        first,
        second,
        unit,
        _weight(raw, unit),
        stabilized=bool(second & 0x20),
        removed=bool(second & 0x80),
        object=bool(first & 0x04),
        timestamp=timestamp,
        impedance_valid=is_measured,
        impedance_ohm=ohm if is_measured else None,
    )


def _of_length(data: bytes, octets: int) -> Cursor:
    if len(data) != octets:
        raise DecodeError("bad_length", data, min(len(data), octets))
    return Cursor(data)


def _unit(*, pounds: int, jin: int) -> str:
    return _POUNDS if pounds else _JIN if jin else "kg"


def _weight(raw: int, unit: str) -> Decimal:
    return Decimal(raw * 5).scaleb(-3) if unit == "kg" else Decimal(raw).scaleb(-2)
