"""IEEE 11073-20601 floating point numbers.

SFLOAT u16: exponent (4 bits, signed) | mantissa (12 bits, signed); value = mantissa x 10^exponent
FLOAT  u32: exponent (8 bits, signed) | mantissa (24 bits, signed)

The exponent written is that of the Decimal: "2.0" and "2" are different words (F014 and 0002),
because a device says how precise it is. Spec: IEEE 11073-20601, "FLOAT-Type", "SFLOAT-Type".
"""

from decimal import Decimal
from enum import Enum


class Special(Enum):
    """What a device says when it has no number; the value is the text used in vectors."""

    NAN = "NaN"
    NRES = "NRes"
    POSITIVE_INFINITY = "+INF"
    NEGATIVE_INFINITY = "-INF"
    RESERVED = "reserved"


Number = Decimal | Special

_SFLOAT_SPECIALS = {
    Special.NAN: 0x07FF,
    Special.NRES: 0x0800,
    Special.POSITIVE_INFINITY: 0x07FE,
    Special.NEGATIVE_INFINITY: 0x0802,
    Special.RESERVED: 0x0801,
}
_FLOAT_SPECIALS = {
    Special.NAN: 0x007FFFFF,
    Special.NRES: 0x00800000,
    Special.POSITIVE_INFINITY: 0x007FFFFE,
    Special.NEGATIVE_INFINITY: 0x00800002,
    Special.RESERVED: 0x00800001,
}


def sfloat(number: Number) -> bytes:
    """Return the 2 octets of a number, least significant first.

    Raises ValueError for a number that the word cannot hold exactly: an encoder that rounds would
    make the device say something else than its ledger.
    """
    if isinstance(number, Special):
        return _SFLOAT_SPECIALS[number].to_bytes(2, "little")
    word = _word(number, mantissa_bits=12, exponent_bits=4)
    return word.to_bytes(2, "little")


def float32(number: Number) -> bytes:
    """Return the 4 octets of a number, least significant first; exactly, or ValueError."""
    if isinstance(number, Special):
        return _FLOAT_SPECIALS[number].to_bytes(4, "little")
    word = _word(number, mantissa_bits=24, exponent_bits=8)
    return word.to_bytes(4, "little")


def _word(number: Decimal, *, mantissa_bits: int, exponent_bits: int) -> int:
    mantissa, exponent = _parts(number)
    highest = (1 << (mantissa_bits - 1)) - 1
    # Trailing zeros move into the exponent only when the mantissa would not fit otherwise.
    while not _fits(mantissa, exponent, highest) and mantissa % 10 == 0 and mantissa:
        mantissa //= 10
        exponent += 1
    lowest_exponent = -(1 << (exponent_bits - 1))
    if not _fits(mantissa, exponent, highest) or not lowest_exponent <= exponent < -lowest_exponent:
        raise ValueError(f"{number} does not fit a {mantissa_bits}-bit mantissa exactly")
    exponent_field = exponent & ((1 << exponent_bits) - 1)
    mantissa_field = mantissa & ((1 << mantissa_bits) - 1)
    return exponent_field << mantissa_bits | mantissa_field


def _fits(mantissa: int, exponent: int, highest: int) -> bool:
    # With exponent 0 the two highest and the three lowest mantissas are the special values.
    if exponent == 0:
        return -(highest - 2) <= mantissa <= highest - 2
    return -highest - 1 <= mantissa <= highest


def _parts(number: Decimal) -> tuple[int, int]:
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError("a NaN or an infinity is said with Special, not with Decimal")
    mantissa = int("".join(map(str, digits)))
    return (-mantissa if sign else mantissa), exponent
