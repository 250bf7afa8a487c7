"""SMA SCP-0499, the protocol many American clinical scales share, and the Detecto solo's line.

    LF s r n m f weight, 10 | unit, 3 | CR

    s  Z at zero | O over | U under capacity | E zero error | I the zero at power-on is missing
       | T tare error | e not displayed | blank
    r  range     n  G gross, T tare, N net     m  M in motion     f  for later use
    LF ? CR      the scale does not know the command
    A Detecto 758C puts "W01," before s.

    Detecto solo    12:00,08/07/15,21.5,5'03.0",132.3lb CR     time, month/day/year, BMI, height

There is no checksum: an answer counts if it follows the grammar whole.

Source: Scale Manufacturers Association SCP-0499; Detecto manuals APEX p. 34, solo p. 24.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal

from gateway.drivers.message import null
from gateway.errors import DecodeError
from gateway.wire.stamp import Stamp, stamp
from gateway.wire.stream import lines

frames = lines(limit=64)

ASK = b"\nW\r"
"""Asks for the weight now."""

UNKNOWN_COMMAND = "unknown_command"

_ANSWER = re.compile(rb"(?:W01,)?([ZOUEITe ])(.)([GTN])([M ])(.)([ \d.-]{10})([A-Za-z% ]{3})")
_WEIGHT = re.compile(rb" *-?\d{1,8}(\.\d{1,6})? *")
_SOLO = re.compile(
    rb"(\d\d):(\d\d),(\d\d)/(\d\d)/(\d\d),(\d{1,3}\.\d),(\d)'(\d\d\.\d)\",(\d{1,3}\.\d)lb"
)
_TROUBLES = {
    b"O": "over_capacity",
    b"U": "under_capacity",
    b"E": "zero_error",
    b"I": "initial_zero_error",
    b"T": "tare_error",
    b"e": "not_displayed",
}
_UNITS = (b"kg", b"g", b"lb")
_INCHES_PER_FOOT = 12


@dataclass(frozen=True, slots=True)
class Weighing:
    """A weight; `unit` is `kg`, `g` or `lb`."""

    weight: Decimal
    unit: str
    stable: bool
    zero: bool = False


@dataclass(frozen=True, slots=True)
class Printed:
    """What a Detecto solo prints; the height was set by hand."""

    device_time: Stamp
    weight: Decimal
    unit: str
    bmi: Decimal
    height_in: Decimal


@dataclass(frozen=True, slots=True)
class NoWeight:
    """The scale's reason for showing none."""

    error: str
    weight: None = null()
    event: str = field(default="device_error", init=False)


Message = Weighing | Printed | NoWeight


def message(data: bytes) -> Message:
    """Decode one answer with its end.

    Raises DecodeError: `incomplete`, `format`, `number`, `timestamp`, `not_a_weight` (a tare, a
    unit that no person is weighed in).
    """
    line = data.strip(b"\r\n")
    if not data.endswith((b"\r", b"\n")):
        raise DecodeError("incomplete", data, len(data))
    if line == b"?":
        return NoWeight(UNKNOWN_COMMAND, None)
    if found := _SOLO.fullmatch(line):
        return _solo(data, found)
    found = _ANSWER.fullmatch(line)
    if found is None:
        raise DecodeError("format", data)
    status, _, kind, motion, _, number, unit = found.groups()
    if status in _TROUBLES:
        return NoWeight(_TROUBLES[status], None)
    if kind == b"T" or unit.strip() not in _UNITS:
        raise DecodeError("not_a_weight", data, data.index(line) + found.start(3))
    if not _WEIGHT.fullmatch(number):
        raise DecodeError("number", data, data.index(line) + found.start(6))
    weight = Decimal(number.strip().decode("ascii"))
    name = unit.strip().decode("ascii")
    return Weighing(weight, name, stable=motion != b"M", zero=status == b"Z")


def _solo(data: bytes, found: re.Match[bytes]) -> Printed:
    hour, minute, month, day, year = (int(part) for part in found.groups()[:5])
    raw = found[0][: found.end(5)]
    at = stamp(raw, 2000 + year, month, day, hour, minute)
    if at is None:
        raise DecodeError("timestamp", data, data.index(raw))
    bmi, feet, inches, weight = (Decimal(part.decode("ascii")) for part in found.group(6, 7, 8, 9))
    return Printed(at, weight, "lb", bmi, feet * _INCHES_PER_FOOT + inches)
