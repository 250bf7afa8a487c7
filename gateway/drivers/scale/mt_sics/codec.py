"""Mettler-Toledo's MT-SICS, levels 0 and 1, as far as a weight goes.

    SI CR LF                    asks for the weight now
    S S      72.45 kg CR LF     stable      S D ...  not yet      weight to the right in 10
    S I not now | S + overload | S - underload
    ES syntax | ET transmission | EL logical error

There is no checksum: an answer counts if it follows the grammar whole, its ten places too: one that
lost a digit on its way would be another weight.

Source: Mettler-Toledo MT-SICS reference manual.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal

from gateway.errors import DecodeError
from gateway.wire.stream import lines

frames = lines(limit=64)

ASK = b"SI\r\n"

_WEIGHT = re.compile(rb"S ([SD]) (?=.{10} \S)( *-?\d{1,8}(?:\.\d{1,6})?) ([A-Za-z%]{1,5})")
_TROUBLES = {
    b"S I": "not_executable_or_timeout",
    b"S +": "overload",
    b"S -": "underload",
    b"ES": "syntax",
    b"ET": "transmission",
    b"EL": "logical",
}
NOT_UNDERSTOOD = frozenset({"syntax", "transmission", "logical"})
"""The troubles that are about the question."""
_UNITS = (b"kg", b"g", b"lb")


@dataclass(frozen=True, slots=True)
class Weighing:
    """A weight; `unit` is `kg`, `g` or `lb`."""

    stable: bool
    weight: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class NoWeight:
    """The scale's reason for giving none."""

    error: str
    event: str = field(default="device_error", init=False)


Message = Weighing | NoWeight


def message(data: bytes) -> Message:
    """Decode one answer with its end.

    Raises DecodeError: `incomplete`, `format`, `not_a_weight` (a unit no person is weighed in).
    """
    line = data.rstrip(b"\r\n")
    if line == data:
        raise DecodeError("incomplete", data, len(data))
    if line in _TROUBLES:
        return NoWeight(_TROUBLES[line])
    found = _WEIGHT.fullmatch(line)
    if found is None:
        raise DecodeError("format", data)
    stability, number, unit = found.groups()
    if unit not in _UNITS:
        raise DecodeError("not_a_weight", data, found.start(3))
    return Weighing(
        stability == b"S", Decimal(number.strip().decode("ascii")), unit.decode("ascii")
    )
