"""The records of a FreeStyle Precision Neo or Optium Neo, lines of text with commas.

    7, id, month, day, year, hour, minute, valid, mg/dL or HI or LO, unknown, blood, ...
    9, id, the same time, valid, ketone in 18ths of a mmol/L or HI, blood
    6, id, the new time, valid, the old time, ...                    the clock was set
    10, 11, ...                                                      what was noted of insulin

Values are mg/dL whatever the screen shows. `valid` is 0 if the time is not to be relied on; `blood`
is 0 for control solution. The newest record
comes first. What the id counts nobody says. The years are of this century.

Source: glucometers-tech/glucometer-protocols (FreeStyle Precision Neo), glucometerutils;
tidepool-org/uploader for control solution, LO, HI of ketone, and the clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gateway.domain.reading import Limit
from gateway.drivers.freestyle_text import Other, TimeChange, device_time, number
from gateway.wire.stamp import Stamp

_TIME_CHANGE, _GLUCOSE, _KETONE = 6, 7, 9
_HI = b"HI"
_LIMITS = {b"LO": Limit.BELOW, _HI: Limit.ABOVE}
_FIELDS = 20  # more than any record has


class Ask(Enum):
    """Every question that is asked. The name and the number of the wearer are none of them."""

    SERIAL = b"$serlnum?"
    SOFTWARE = b"$swver?"
    DATE = b"$date?"
    TIME = b"$time?"
    RESULTS = b"$result?"


@dataclass(frozen=True, slots=True)
class Glucose:
    """A test of blood glucose, or of control solution."""

    record_id: int
    device_time: Stamp | None
    time_valid: bool
    control: bool
    glucose_mgdl: int | None = None
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class Ketone:
    """A test of ketone in blood, or in control solution. There is no LO: it begins at 0."""

    record_id: int
    device_time: Stamp | None
    time_valid: bool
    control: bool
    ketone_18ths: int | None = None
    """Of a mmol/L."""
    limit: Limit | None = None


Record = Glucose | Ketone | TimeChange | Other


def record(line: bytes) -> Record:
    """Decode a line. Raises DecodeError: `fields`, `number`."""
    fields = line.split(b",", _FIELDS)[:_FIELDS]
    record_type, record_id = number(fields, 0), number(fields, 1)
    if record_type == _TIME_CHANGE:
        return TimeChange(
            record_id,
            device_time(fields, 2, seconds=False),
            device_time(fields, 8, seconds=False),
        )
    if record_type not in (_GLUCOSE, _KETONE):
        return Other(record_id, record_type)
    stamp, time_valid = device_time(fields, 2, seconds=False), number(fields, 7) != 0
    said = fields[8] if len(fields) > 8 else b""
    if record_type == _KETONE:
        limit = Limit.ABOVE if said == _HI else None
        value, control = None if limit else number(fields, 8), number(fields, 9) == 0
        return Ketone(record_id, stamp, time_valid, control, value, limit)
    limit = _LIMITS.get(said)
    value, control = None if limit else number(fields, 8), number(fields, 10) == 0
    return Glucose(record_id, stamp, time_valid, control, value, limit)
