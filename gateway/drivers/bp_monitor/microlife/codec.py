"""What passes between a Microlife cuff and whoever reads its memory.

    4D | sender u8 | length u16 | payload | sum u8     the length counts the payload and the sum
        sender   FF the host   3A a cuff   31 a cuff of the older kind
        payload  a command u8 and its data; or 81 done, 91 wait, 92 there is nothing

    05  who it knows       user u8 | 2 x (id 20 | age u8) | version      older: user | id 11 | age
        version            name 3 | year, month, day | users u8 | slots u8 | options u8 | ...
    0C  its clock          set u8 | year, month, day, hour, minute, second
    00  what it remembers  mode | present u8 | stored u8 | user u8 | averaging u8 | 2 unknown
                           | 3 records, of what was measured just now | records, as many as stored

    a record               systolic, diastolic, pulse | year, month, day, hour, minute | marks | 00
        marks              7 cuff sits well  6 irregular pulse  5 atrial fibrillation  3-4 averaging
    an older one           systolic, diastolic, pulse | month 0-1, day | month 2-3, hour | minute
                           | 7 averaged  6 irregular pulse  0-5 year

Numbers are u8, lengths big end first; years count from 2000; mmHg, beats per minute.

Source: the maker's kit for iOS and a kit of its for Android, taken apart, both published with apps;
the clients joergmlpts/blood-pressure-monitor, derdilla/blood-pressure-monitor-fl and
Woyken/microlife-blood-pressure-monitor-ble; a memory read over USB, vytautas-valaitis/microlife_bp.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.errors import DecodeError
from gateway.wire.cursor import Cursor
from gateway.wire.gatt_time import UnusableDateTime
from gateway.wire.stamp import Stamp, stamp
from gateway.wire.sums import sum8

HOST, CUFF, OLDER_CUFF = 0xFF, 0x3A, 0x31

HISTORY, HANG_UP, WHO, CLOCK, SET_CLOCK = 0x00, 0x04, 0x05, 0x0C, 0x0D
DONE, WAIT, NOTHING = b"\x81", b"\x91", b"\x92"
THREE = 3
UNTIMED = bytes(6)
"""Stands in a question for the history where a time may: a cuff that is not of the older kind keeps
its own clock then. Three clients ask so, two of them right after they have set the clock."""

_MARK = 0x4D
_CUFFS = (b"", bytes((CUFF,)), bytes((OLDER_CUFF,)))
_HEAD = 4
_PRESENT = 3
_INDEX = 7
_RECORD, _OLDER_RECORD = 10, 7
_MOST_OCTETS = _HEAD + 1 + _INDEX + (_PRESENT + 255) * _RECORD + 1
_ID, _OLDER_ID = 20, 11
_RELEASE_OCTETS = 6  # of the version: a name, and the day it was made
_FITS, _IRREGULAR, _FIBRILLATION, _AVERAGING = 0x80, 0x40, 0x20, 0x18


@dataclass(frozen=True, slots=True)
class MicrolifeFrame:
    """One frame."""

    sender: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class MicrolifeRecord:
    """One measurement, or the average of some. None: a record of this kind does not tell.

    A cuff whose clock was never set leaves the parts of a time 0.
    """

    systolic: int
    diastolic: int
    pulse: int
    timestamp: Stamp | UnusableDateTime
    irregular_pulse: bool
    averaging: int
    """0: one measurement; `THREE`: the average of three. Others are not explained anywhere."""
    atrial_fibrillation: bool | None = None
    cuff_fits: bool | None = None


@dataclass(frozen=True, slots=True)
class History:
    """What a cuff remembers of a user, each record as its octets."""

    user: int
    """1, 2, or 3 for a guest."""
    records: tuple[bytes, ...]
    is_partial: bool
    """Whether it has more than it told: those, or what becomes one by averaging."""
    older: bool


def octets_of(head: bytes) -> int | None:
    """Return how long the frame is that begins so; None if that is not to be seen yet.

    Raises DecodeError `bad_header` if no cuff of the family begins so.
    """
    if (head and head[0] != _MARK) or head[1:2] not in _CUFFS:
        raise DecodeError("bad_header", head)
    if len(head) < _HEAD:
        return None
    octets = _HEAD + int.from_bytes(head[2:_HEAD], "big")
    if not _HEAD + 2 <= octets <= _MOST_OCTETS:
        raise DecodeError("bad_length", head, 2)
    return octets


def frame(data: bytes) -> MicrolifeFrame:
    """Read what a cuff sent; raises DecodeError."""
    octets = octets_of(data)
    if octets != len(data):
        raise DecodeError("bad_length", data, min(len(data), 2))
    return _unsealed(data)


def command(data: bytes) -> MicrolifeFrame:
    """Read what a host sent; raises DecodeError."""
    if data[:2] != bytes((_MARK, HOST)):
        raise DecodeError("bad_header", data)
    if len(data) < _HEAD + 2 or _HEAD + int.from_bytes(data[2:_HEAD], "big") != len(data):
        raise DecodeError("bad_length", data, 2)
    return _unsealed(data)


def _unsealed(data: bytes) -> MicrolifeFrame:
    if sum8(data[:-1]) != data[-1]:
        raise DecodeError("checksum", data, len(data) - 1)
    return MicrolifeFrame(data[1], data[_HEAD:-1])


def ask(number: int, data: bytes = b"") -> bytes:
    """Write a command."""
    payload = bytes((number,)) + data
    sealed = bytes((_MARK, HOST)) + (len(payload) + 1).to_bytes(2, "big") + payload
    return sealed + bytes((sum8(sealed),))


def time_octets(at: datetime) -> bytes:
    """Write a time as a cuff takes it; years from 2000 to 2255."""
    return bytes((at.year - 2000, at.month, at.day, at.hour, at.minute, at.second))


def users(payload: bytes, *, older: bool) -> int:
    """Read how many users a cuff can have from the answer to `WHO`; raises DecodeError.

    Their ids are people's own, and not looked at.
    """
    cursor = Cursor(payload, 2)
    cursor.take(_OLDER_ID + 1 if older else 2 * (_ID + 1))
    cursor.take(_RELEASE_OCTETS)
    return cursor.u8()


def clock(payload: bytes) -> datetime | None:
    """Read the answer to `CLOCK`; None for a clock that was never set. Raises DecodeError."""
    cursor = Cursor(payload, 1)
    is_set = cursor.u8() == 1
    raw = cursor.take(6)
    year, month, day, hour, minute, second = raw
    shown = stamp(raw, 2000 + year, month, day, hour, minute, second)
    if is_set and shown is None:
        raise DecodeError("timestamp", payload, 2)
    return shown.at if is_set and shown else None


def history(payload: bytes) -> History:
    """Read the answer to `HISTORY`; raises DecodeError. What was never written is passed over.

    What was measured just now is passed over too, as nothing tells whose it is: it comes again as
    a record, of whose it is.
    """
    index, present, records = _slots(payload, _RECORD)
    is_partial = len(records) < index[2] or bool(present and not records)
    return History(index[3], records, is_partial, older=False)


def older_history(payload: bytes) -> History:
    """Read what an older cuff answers; raises DecodeError.

    It tells either what was measured just now by the user it is switched to, or what it remembers.
    A measurement is a record then; of some that are averaged the average will be.
    """
    index, present, records = _slots(payload, _OLDER_RECORD)
    if len(present) == 1:
        records, present = (*records, *present), ()
    is_partial = len(records) < index[2] or bool(present and not records)
    return History(index[3], records, is_partial, older=True)


def _slots(payload: bytes, size: int) -> tuple[bytes, tuple[bytes, ...], tuple[bytes, ...]]:
    """Return the head of a history, what was measured just now, and the records."""
    cursor = Cursor(payload, 1)
    index = cursor.take(_INDEX)
    present = [cursor.take(size) for _ in range(_PRESENT)]
    if cursor.remaining % size:
        raise DecodeError("bad_length", payload, cursor.offset)
    records = [cursor.take(size) for _ in range(cursor.remaining // size)]
    return index, _written(present), _written(records)


def _written(slots: list[bytes]) -> tuple[bytes, ...]:
    return tuple(slot for slot in slots if any(slot))


def record(data: bytes) -> MicrolifeRecord:
    """Read a record; raises DecodeError."""
    if len(data) != _RECORD:
        raise DecodeError("bad_length", data, min(len(data), _RECORD))
    systolic, diastolic, pulse, year, month, day, hour, minute, marks, _ = data
    return MicrolifeRecord(
        systolic,
        diastolic,
        pulse,
        _time(data[3:8], year, month, day, hour, minute),
        irregular_pulse=bool(marks & _IRREGULAR),
        averaging=(marks & _AVERAGING) >> 3,
        atrial_fibrillation=bool(marks & _FIBRILLATION),
        cuff_fits=bool(marks & _FITS),
    )


def older_record(data: bytes) -> MicrolifeRecord:
    """Read a record of the older kind; raises DecodeError."""
    if len(data) != _OLDER_RECORD:
        raise DecodeError("bad_length", data, min(len(data), _OLDER_RECORD))
    systolic, diastolic, pulse, low_day, high_hour, minute, marks_year = data
    month = high_hour >> 6 << 2 | low_day >> 6
    return MicrolifeRecord(
        systolic,
        diastolic,
        pulse,
        _time(data[3:], marks_year & 0x3F, month, low_day & 0x3F, high_hour & 0x3F, minute),
        irregular_pulse=bool(marks_year & 0x40),
        averaging=THREE if marks_year & 0x80 else 0,
    )


def _time(
    raw: bytes, year: int, month: int, day: int, hour: int, minute: int
) -> Stamp | UnusableDateTime:
    at = stamp(raw, 2000 + year, month, day, hour, minute)
    return at or UnusableDateTime(2000 + year, month, day, hour, minute, 0)
