r"""Records of a Contour meter, ASTM E1394 with `|` between fields and `^` between their parts.

    H|\^&||password|product^versions^serial^...|settings|count||||||1|time      the meter
    P|1                                                                         a patient, empty
    R|number|^^^Glucose|value|mg/dL^P||marks||time                              a result
    R|number|^^^Carb|8|3^||||time, R|number|^^^Insulin|80|1^||||time            notes
    O|number||||||||||Q                                 the next result is of control solution
    L|1||N                                              the end; another letter than N: cut short

Times have 12 digits, or 14 with seconds, of the meter's own clock. The unit is in each result.
Marks have `/` between them: < LO, > HI, C control solution, B and A before and after a meal, Z with
how long after, F fasting, D, I, S, X how the person was; M and T with a digit nobody explains.

Source: glucodump and glucometerutils, which follow the maker's guide; bnjones/contourtool for notes
and F; captures as in `framing`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from gateway.domain.reading import Limit
from gateway.drivers.glucose_meter.contour_usb import framing
from gateway.drivers.glucose_meter.contour_usb.framing import CONTROLS, STX
from gateway.errors import DecodeError
from gateway.wire.stamp import Stamp, stamp

MG_DL, MMOL_L = "mg/dL", "mmol/L"

_GLUCOSE, _CONTROL = "Glucose", "C"
_LIMITS = {"<": Limit.BELOW, ">": Limit.ABOVE}
_DELIMITERS = b"H|\\^&|"
_QUALITY_CONTROL = b"Q"
_NUMBER = re.compile(rb"\d{1,6}")
_VALUE = re.compile(rb"\d{1,4}(\.\d{1,2})?")
_TIME = re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?")
_SERIAL = re.compile(r"[0-9A-Za-z-]{1,32}")
_LONGEST_PART = 64


@dataclass(frozen=True, slots=True)
class Header:
    """Who the meter is, how much it has, and what its clock shows; None for what it does not say.

    The password, by which a program may be let in to set something, is not kept.
    """

    product: str
    versions: str
    serial: str | None
    record_count: int | None
    device_time: Stamp | None


@dataclass(frozen=True, slots=True)
class Result:
    """A test of glucose. A number beside a limit is none."""

    record_number: int
    glucose: Decimal | None
    unit: str
    reference: str
    marks: tuple[str, ...]
    device_time: Stamp | None
    raw_time: bytes
    control: bool
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A result of something else: what a person noted of carbohydrates, or of insulin."""

    record_number: int
    noted: str


@dataclass(frozen=True, slots=True)
class Order:
    """What the next result is of."""

    control: bool


@dataclass(frozen=True, slots=True)
class End:
    """The end of the memory; `whole` if the meter did not cut it short."""

    whole: bool


@dataclass(frozen=True, slots=True)
class Other:
    """A record of another type."""

    record_type: str


@dataclass(frozen=True, slots=True)
class Control:
    """A single octet."""

    control_character: str


@dataclass(frozen=True, slots=True)
class Part:
    """What a report carries, where that is no whole frame."""

    data: bytes


Record = Header | Result | Note | Order | End | Other


def record(text: bytes) -> Record:
    """Decode the text of a frame. Raises DecodeError: `delimiters`, `fields`, `number`, `unit`."""
    fields = text.split(b"|")
    match fields[0]:
        case b"H":
            return _header(text, fields)
        case b"R":
            return _result(text, fields)
        case b"O":
            return Order(len(fields) > 11 and fields[11] == _QUALITY_CONTROL)
        case b"L":
            return End(len(fields) > 3 and fields[3] == b"N")
    return Other(_text(fields[0]))


def message(data: bytes) -> Record | Control | Part:
    """Decode a frame, or what a report carries. Raises DecodeError: what `framing` and `record` do.

    An offset counts from the beginning of what is decoded last.
    """
    carried = data if data[:1] == STX else framing.payload(data)
    if carried in CONTROLS:
        return Control(CONTROLS[carried])
    if not carried.startswith(STX) or (carried is not data and not carried.endswith(b"\n")):
        return Part(carried)
    return record(framing.frame(carried).text)


def _header(text: bytes, fields: list[bytes]) -> Header:
    if not text.startswith(_DELIMITERS):
        raise DecodeError("delimiters", text, 1)
    if len(fields) < 14:
        raise DecodeError("fields", text, len(text))
    who = [*map(_text, fields[4].split(b"^")), "", ""]
    serial = who[2].replace(" ", "")
    return Header(
        product=who[0],
        versions=who[1].replace("\\", " "),
        serial=serial if _SERIAL.fullmatch(serial) else None,
        record_count=int(fields[6]) if _NUMBER.fullmatch(fields[6]) else None,
        device_time=_time(fields[13]),
    )


def _result(text: bytes, fields: list[bytes]) -> Result | Note:
    if len(fields) < 9:
        raise DecodeError("fields", text, len(text))
    if not _NUMBER.fullmatch(fields[1]):
        raise DecodeError("number", text, len(fields[0]) + 1)
    number, of_what = int(fields[1]), _text(fields[2].rpartition(b"^")[2])
    if of_what != _GLUCOSE:
        return Note(number, of_what)
    marks = tuple(mark for mark in _text(fields[6]).replace("\\", "/").split("/") if mark)
    limits = {_LIMITS[mark] for mark in marks if mark in _LIMITS}
    value = _VALUE.fullmatch(fields[3])
    if len(limits) > 1 or (not limits and value is None):
        raise DecodeError("number", text, len(b"|".join(fields[:3])) + 1)
    unit, _, reference = _text(fields[4]).partition("^")
    if unit not in (MG_DL, MMOL_L):
        raise DecodeError("unit", text, len(b"|".join(fields[:4])) + 1)
    return Result(
        record_number=number,
        glucose=None if limits else Decimal(fields[3].decode("ascii")),
        unit=unit,
        reference=reference,
        marks=marks,
        device_time=_time(fields[8]),
        raw_time=fields[8][:_LONGEST_PART],
        control=_CONTROL in marks,
        limit=limits.pop() if limits else None,
    )


def _time(field: bytes) -> Stamp | None:
    found = _TIME.fullmatch(field)
    if found is None:
        return None
    year, month, day, hour, minute, second = found.groups()
    return stamp(
        field,
        int(year),
        int(month),
        int(day),
        int(hour),
        int(minute),
        None if second is None else int(second),
    )


def _text(field: bytes) -> str:
    return field.decode("ascii", "replace")[:_LONGEST_PART]
