"""The text protocol that Abbott's FreeStyle devices speak over USB HID: one question, one answer.

    report    type u8 | length u8, 0 to 62 | that many octets | the rest up to 64, without meaning

    01 00                 the beginning                        -> 71 01 01
    21 or 60 | text       a question, such as `$sn?`           -> 60 | text, as often as it takes
    22 01 xx              comes at any time, and means nothing
    30 01 85              the device does not know the type
    33 ...                the device speaks to those only who have its maker's keys

    answer    message | CKSM:XXXXXXXX CR LF | CMD OK CR LF, or CMD Fail! CR LF
    records   lines | count,XXXXXXXX CR LF; or Log Empty CR LF

A checksum is the plain sum of the octets before it, of an answer or of its lines, in eight hex
digits. What is no question ("$time,12,30", "$resetpatient") sets or erases something, and cannot be
made here.

Source: glucometers-tech/glucometer-protocols (shared HID protocol), glucometers-tech/freestyle-hid,
tidepool-org/uploader with its tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from gateway.domain.quantity import Quantity, Unit
from gateway.drivers.stamp_eras import Change
from gateway.errors import DecodeError
from gateway.wire.stamp import Stamp, stamp

REPORT_OCTETS = 64
TEXT_OCTETS = 62
INIT, INIT_DONE = 0x01, 0x71
TEXT, TEXT_OF_LIBRE = 0x60, 0x21
"""Types of a question; every answer has the first."""
KEEP_ALIVE, UNKNOWN_TYPE, CIPHER = 0x22, 0x30, 0x33

_QUESTION = re.compile(rb"\$[a-z]+\?")
_ENDS = (b"CMD OK\r\n", b"CMD Fail!\r\n")
_ANSWER = re.compile(rb"(.*)CKSM:([0-9A-F]{8})\r\nCMD (OK|Fail!)\r\n", re.DOTALL)
_RECORDS = re.compile(rb"(.*\r\n|)(\d{1,9}),([0-9A-F]{8})\r\n", re.DOTALL)
_NO_RECORDS = b"Log Empty\r\n"
_LONGEST_NUMBER = 10  # more digits than any field has


@dataclass(frozen=True, slots=True)
class Report:
    """A report of either side."""

    message_type: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """The message of an answer, whole and summed right."""

    message: bytes
    checksum: str

    @property
    def text(self) -> str:
        """The message as text, where it is a line: a serial number, a version."""
        return self.message.decode("ascii", "replace").strip()


@dataclass(frozen=True, slots=True)
class TimeChange:
    """The device's clock was set from one time to another; None for one that is no time."""

    record_id: int
    device_time: Stamp | None
    """The new time."""
    old_time: Stamp | None

    def at(self, place: int) -> Change:
        """Return it for the log of the clock."""
        old, new = self.old_time, self.device_time
        return Change(place, old.at if old else None, new.at if new else None)


@dataclass(frozen=True, slots=True)
class Other:
    """A record of another type."""

    record_id: int
    record_type: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that is no record."""

    error: str
    offset: int


@dataclass(frozen=True, slots=True)
class Log:
    """An answer that is a list of records, as its driver decodes them."""

    records: tuple[object, ...]
    checksum: str


@dataclass(frozen=True, slots=True)
class Text:
    """An answer that is none."""

    text: str
    checksum: str


def report(data: bytes) -> Report:
    """Decode a report. Raises DecodeError: `incomplete`, `length`."""
    if len(data) < 2:
        raise DecodeError("incomplete", data, len(data))
    if data[1] > TEXT_OCTETS:
        raise DecodeError("length", data, 1)
    if len(data) < 2 + data[1]:
        raise DecodeError("incomplete", data, len(data))
    return Report(data[0], data[2 : 2 + data[1]])


def request(message_type: int, data: bytes = b"") -> bytes:
    """Make a report, filled up to its 64 octets."""
    return (bytes((message_type, len(data))) + data).ljust(REPORT_OCTETS, b"\0")


def question(message_type: int, text: bytes) -> bytes:
    """Make the report that asks a question; ValueError if it is none: it would change something."""
    if not is_question(text):
        raise ValueError("only questions are asked of a FreeStyle device")
    return request(message_type, text)


def is_question(text: bytes) -> bool:
    """Say whether a text changes nothing in a device: a name, and a question mark at its end."""
    return _QUESTION.fullmatch(text) is not None


def is_whole(text: bytes) -> bool:
    """Say whether an answer has come to its end."""
    return text.endswith(_ENDS)


def answer(text: bytes) -> Answer:
    """Decode a whole answer.

    Raises DecodeError: `incomplete`, `no_checksum`, `command_failed`, `checksum`.
    """
    if not is_whole(text):
        raise DecodeError("incomplete", text, len(text))
    found = _ANSWER.fullmatch(text)
    if found is None:
        raise DecodeError("no_checksum", text, max(text.rfind(b"CMD "), 0))
    message, told, status = found.groups()
    if status != b"OK":
        raise DecodeError("command_failed", text, found.start(3))
    if int(told, 16) != sum(message):
        raise DecodeError("checksum", text, found.start(2))
    return Answer(message, told.decode("ascii"))


def records(message: bytes) -> tuple[bytes, ...]:
    """Return the lines of a message that is a list of records, in the device's order.

    Raises DecodeError: `no_records`, `records_checksum`, `count`.
    """
    if message == _NO_RECORDS:
        return ()
    found = _RECORDS.fullmatch(message)
    if found is None:
        raise DecodeError("no_records", message)
    lines, count, told = found.groups()
    if int(told, 16) != sum(lines):
        raise DecodeError("records_checksum", message, found.start(3))
    cut = tuple(lines.split(b"\r\n")[:-1])
    if len(cut) != int(count):
        raise DecodeError("count", message, found.start(2))
    return cut


def message(data: bytes, record: Callable[[bytes], object]) -> Report | Log | Text:
    """Decode a report, or a whole answer put together of several; for whom nobody asked anything.

    `record` decodes a line. Raises DecodeError: what `report`, `answer` and `records` raise.
    """
    if not is_whole(data):
        return report(data)
    told = answer(data)
    try:
        lines = records(told.message)
    except DecodeError as error:
        if error.reason != "no_records":
            raise
        return Text(told.text, told.checksum)
    return Log(tuple(_if_readable(record, line) for line in lines), told.checksum)


def _if_readable(record: Callable[[bytes], object], line: bytes) -> object:
    try:
        return record(line)
    except DecodeError as error:
        return Unreadable(error.reason, error.offset)


def ketone(eighteenths: int) -> Quantity:
    """Return an amount of ketone as the device shows it, to a tenth of a mmol/L.

    It is kept in 18ths, as if it were glucose in mg/dL.
    """
    mmol_l = (Decimal(eighteenths) / 18).quantize(Decimal("0.1"))
    return Quantity(value=mmol_l, unit=Unit.MILLIMOLE_PER_LITRE)


def number(fields: list[bytes], at: int) -> int:
    """Return a field as a number, 0 or more. Raises DecodeError: `fields`, `number`."""
    if at >= len(fields):
        raise DecodeError("fields", b",".join(fields), len(b",".join(fields)))
    field = fields[at]
    if not field.isdigit() or len(field) > _LONGEST_NUMBER:
        raise DecodeError("number", b",".join(fields), len(b",".join((*fields[:at], b""))))
    return int(field)


def device_time(fields: list[bytes], at: int, *, seconds: bool) -> Stamp | None:
    """Return the time that begins at a field: month, day, year of the century, hour, minute.

    With `seconds` these follow. None if the calendar has no such time: a clock that was lost shows
    255 everywhere. Raises DecodeError: `fields`, `number`.
    """
    count = 6 if seconds else 5
    month, day, year, *time = (number(fields, at + n) for n in range(count))
    return stamp(b",".join(fields[at : at + count]), 2000 + year, month, day, *time)


def clock(date: bytes, time: bytes) -> Stamp | None:
    """Return what a clock shows by the messages that answer `$date?` and `$time?`; None if lost.

    The time has no seconds, or has them. Raises DecodeError: `fields`, `number`.
    """
    fields = [*date.strip().split(b","), *time.strip().split(b",")]
    if len(fields) not in (5, 6):
        raise DecodeError("fields", b",".join(fields), 0)
    return device_time(fields, 0, seconds=len(fields) == 6)
