"""The two floating-point formats of health devices, exact: ten to a power times a whole number.

    SFLOAT  exponent i4, mantissa i12     one u16, the exponent in the high bits
    FLOAT   exponent i8, mantissa i24     one u32, likewise

Both parts are two's complement. Five words are no numbers; they count as such only if the whole
word matches, exponent 0 included: 0x17FF is 20470. The exponent is kept, precision is meaningful:
0xF014 is 2.0 and 0x0002 is 2.

Source: IEEE 11073-20601, FLOAT-Type and SFLOAT-Type; Bluetooth GATT Specification Supplement,
medfloat16 and medfloat32.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from functools import cache

from gateway.wire.cursor import Cursor


class Special(StrEnum):
    """What a device says instead of a number."""

    NAN = "NaN"
    """Not a number: not measured, or invalid."""
    NRES = "NRes"
    """Not at this resolution."""
    ABOVE = "+INF"
    """Above the range of the device ("HI")."""
    BELOW = "-INF"
    """Below the range of the device ("LO")."""
    RESERVED = "reserved"


Number = Decimal | Special


def sfloat(cursor: Cursor) -> Number:
    """Read a 16-bit SFLOAT."""
    return sfloat_of(cursor.u16())


def medfloat(cursor: Cursor) -> Number:
    """Read a 32-bit FLOAT (which is not an IEEE 754 float)."""
    raw = cursor.u32()
    if raw in _FLOAT_SPECIALS:
        return _FLOAT_SPECIALS[raw]
    return _number(mantissa=_signed(raw & 0xFFFFFF, 24), exponent=_signed(raw >> 24, 8))


@cache  # at most 65536 words, in practice some hundreds; a frame has four of them
def sfloat_of(raw: int) -> Number:
    """Say what one 16-bit word stands for."""
    if raw in _SFLOAT_SPECIALS:
        return _SFLOAT_SPECIALS[raw]
    return _number(mantissa=_signed(raw & 0xFFF, 12), exponent=_signed(raw >> 12, 4))


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def _number(*, mantissa: int, exponent: int) -> Decimal:
    return Decimal(mantissa).scaleb(exponent)


_SFLOAT_SPECIALS = {
    0x07FF: Special.NAN,
    0x0800: Special.NRES,
    0x07FE: Special.ABOVE,
    0x0802: Special.BELOW,
    0x0801: Special.RESERVED,
}
_FLOAT_SPECIALS = {
    0x007FFFFF: Special.NAN,
    0x00800000: Special.NRES,
    0x007FFFFE: Special.ABOVE,
    0x00800002: Special.BELOW,
    0x00800001: Special.RESERVED,
}
