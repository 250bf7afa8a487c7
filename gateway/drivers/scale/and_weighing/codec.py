"""The standard format of A&D balances and indicators: one line for each weight.

    ST,+00072.45 kg CR LF       header | sign and 8 digits | unit, 3 characters to the right
    ST,GS,+  4.876kg CR LF      indicators: a second header, 7 digits, 2 characters
    ST,+077.45kg CR LF          scales for people: 6 or 7 digits, 2 characters

    header  ST stable | US not yet | OL out of range | QT a count of pieces
    second  GS gross, NT net, TR tare | LO, OK, HI, -- of a comparator
    ID,01   the user's number, before a weight (UC-411)

The point may be a comma. There is no checksum: a line counts if it follows the grammar whole, its
widths too, or one that lost a digit on its way would be another weight.

Source: A&D manuals GC p. 51, EK-L p. 28, GH p. 42, AD-4329A p. 43, AD-4212B p. 69, FX-i p. 52.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal

from gateway.errors import DecodeError
from gateway.wire.stream import lines

frames = lines(limit=64)
"""The longest line is some 20 bytes."""

ASK = b"Q\r\n"
"""Asks for the weight now, stable or not."""

_LINE = re.compile(
    rb"(ST|US|QT)(?:,(GS|NT|TR|LO|OK|HI|--))?"
    rb",([+-])( *\d{1,8}(?:[.,]\d{1,7})?)( *)(kg|g|lb|oz|PC|%)"
)
_WIDTHS = {(8, 3), (7, 2), (6, 2)}
"""Of the number and of the unit, each with the blanks before it."""
_INDICATORS_WIDTHS = {(8, 3), (7, 3), (7, 2), (5, 2)}
_ID = re.compile(rb"ID,(\d{2})")
_HEADERS = (b"ST,", b"US,", b"QT,")
_OUT_OF_RANGE = b"OL,"
_UNITS = (b"kg", b"g", b"lb")
_TARE = b"TR"


@dataclass(frozen=True, slots=True)
class Weighing:
    """A weight; `unit` is `kg`, `g` or `lb`."""

    stable: bool
    weight: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class User:
    """Whose weight comes next, by the scale's own number."""

    user: int


@dataclass(frozen=True, slots=True)
class OutOfRange:
    """More or less than the scale can weigh."""

    error: str = field(default="out_of_range", init=False)
    event: str = field(default="device_error", init=False)


Message = Weighing | User | OutOfRange


def message(data: bytes) -> Message:
    """Decode one line with its end.

    Raises DecodeError: `incomplete`, `header`, `format`, `not_a_weight` (a count, a percentage, a
    tare, a unit that no person is weighed in).
    """
    line = data.rstrip(b"\r\n")
    if line == data:
        raise DecodeError("incomplete", data, len(data))
    if found := _ID.fullmatch(line):
        return User(int(found[1]))
    if line.startswith(_OUT_OF_RANGE):
        return OutOfRange()
    if not line.startswith(_HEADERS):
        raise DecodeError("header", data)
    found = _LINE.fullmatch(line)
    if found is None:
        raise DecodeError("format", data, 3)
    header, second, sign, digits, blanks, unit = found.groups()
    widths = len(digits), len(blanks + unit)
    if widths not in (_WIDTHS if second is None else _INDICATORS_WIDTHS):
        raise DecodeError("format", data, 3)
    if unit not in _UNITS or second == _TARE or header == b"QT":
        raise DecodeError("not_a_weight", data, found.start(6))
    number = Decimal((sign + digits.strip().replace(b",", b".")).decode("ascii"))
    return Weighing(header == b"ST", number, unit.decode("ascii"))
