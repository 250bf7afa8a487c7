"""The records of a FreeStyle Libre reader, lines of text with commas.

    history   id, 12, month, day, year, hour, minute, second, time valid, three flags,
              first of the sensor, mg/dL, minutes of the sensor, error bits
    results   id, 2, the same time, time valid, what, unknown, low or error, value, ...,
              error bits as the 29th; then notes of the wearer, which are not looked at
    results   id, 5, the new time, unknown, the old time, ...     the clock was set

    what      0 a drop of blood, mg/dL | 1 ketone, 18ths of a mmol/L | 2 a scan, mg/dL

Values are mg/dL whatever the screen shows. With any error bit there is no value. 40 or less is what
the reader says for LO, 500 or more for HI; of ketone 8.0 mmol/L or more for HI, and there is no LO.
The years are of this century.

Source: glucometers-tech/glucometer-protocols (FreeStyle Libre), glucometerutils,
tidepool-org/uploader (names of the reader's own fields, LO and HI).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gateway.drivers.freestyle_text import Other, TimeChange, device_time, number
from gateway.errors import DecodeError
from gateway.wire.stamp import Stamp

LOW_MG_DL, HIGH_MG_DL = 40, 500
"""What the reader keeps for LO and for HI."""
HIGH_KETONE_18THS = 8 * 18
"""The same of ketone, which begins at 0: it has no LO."""
BLOOD_GLUCOSE, KETONE, SENSOR_SCAN = "blood_glucose", "ketone", "sensor_scan"
"""What a result is of."""

_HISTORY, _RESULT, _TIME_CHANGE = 12, 2, 5
_HISTORY_FIELDS = 16
_BEFORE_NOTES = 29
"""Fields of a result before what its wearer wrote."""
_TIME_VALID = 1
_WHAT = {0: BLOOD_GLUCOSE, 1: KETONE, 2: SENSOR_SCAN}


class Ask(Enum):
    """Every question that is asked. The name and the number of the wearer are none of them."""

    SERIAL = b"$sn?"
    SOFTWARE = b"$swver?"
    DATE = b"$date?"
    TIME = b"$time?"
    RECORD_NUMBER = b"$dbrnum?"
    HISTORY = b"$history?"
    RESULTS = b"$arresult?"


@dataclass(frozen=True, slots=True)
class Sample:
    """What the sensor measured by itself, every 15 minutes; `error_bits` say why there is none."""

    record_id: int
    device_time: Stamp | None
    time_valid: bool
    first_of_sensor: bool
    sensor_minutes: int
    valid: bool
    glucose_mgdl: int | None = None
    error_bits: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What the wearer measured: with a strip, or by scanning the sensor."""

    record_id: int
    device_time: Stamp | None
    time_valid: bool
    what: str
    """One of those above, or `unknown_3`."""
    valid: bool
    value: int | None = None
    """In mg/dL; of ketone in 18ths of a mmol/L. None if there are error bits."""
    low: bool = False
    """Whether the reader marks it as LO."""
    error_bits: int | None = None


Record = Sample | Result | TimeChange | Other


def sample(line: bytes) -> Sample:
    """Decode a line of the history. Raises DecodeError: `fields`, `number`, `record_type`."""
    fields = line.split(b",", _HISTORY_FIELDS)[:_HISTORY_FIELDS]
    if number(fields, 1) != _HISTORY:
        raise DecodeError("record_type", line, len(fields[0]) + 1)
    errors = number(fields, 15)
    return Sample(
        record_id=number(fields, 0),
        device_time=device_time(fields, 2, seconds=True),
        time_valid=number(fields, 8) == _TIME_VALID,
        first_of_sensor=number(fields, 12) != 0,
        sensor_minutes=number(fields, 14),
        valid=not errors,
        glucose_mgdl=None if errors else number(fields, 13),
        error_bits=errors or None,
    )


def result(line: bytes) -> Result | TimeChange | Other:
    """Decode a line of the results. Raises DecodeError: `fields`, `number`, `record_type`.

    The error carries no more of the line than what comes before the wearer's notes.
    """
    fields = line.split(b",", _BEFORE_NOTES)[:_BEFORE_NOTES]
    record_id, record_type = number(fields, 0), number(fields, 1)
    if record_type == _TIME_CHANGE:
        return TimeChange(
            record_id,
            device_time(fields, 2, seconds=True),
            device_time(fields, 9, seconds=True),
        )
    if record_type == _HISTORY:
        raise DecodeError("record_type", b",".join(fields), len(fields[0]) + 1)
    if record_type != _RESULT:
        return Other(record_id, record_type)
    errors, what = number(fields, 28), number(fields, 9)
    return Result(
        record_id=record_id,
        device_time=device_time(fields, 2, seconds=True),
        time_valid=number(fields, 8) == _TIME_VALID,
        what=_WHAT.get(what, f"unknown_{what}"),
        valid=not errors,
        value=None if errors else number(fields, 12),
        low=not errors and number(fields, 11) != 0,
        error_bits=errors or None,
    )


def record_number(text: str) -> int | None:
    """Return the number in the answer to `$dbrnum?`, whose words differ; None if there is none."""
    _, equals, told = text.rpartition("= ")
    return int(told) if equals and told.isascii() and told.isdigit() else None


def record(line: bytes) -> Record:
    """Decode a line of either list, told by its type."""
    if line.split(b",", 2)[1:2] == [b"%d" % _HISTORY]:
        return sample(line)
    return result(line)
