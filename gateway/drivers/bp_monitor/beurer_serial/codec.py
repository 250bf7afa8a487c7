"""The serial edition of Beurer's BM55, BM58 and BM65: a memory that is asked for.

    AA -> 55                          are you there
    A4 -> 32 bytes                    who it is, text
    A2 -> count u8                    how many records
    A3 n -> AC | systolic - 25 | diastolic - 25 | pulse | month | day | hour | minute | year - 2000
         -> A9                        there is no record n; they count from 1
        bit 7 of the day: the second user; of the year: irregular beats; of the month: movement

One byte each. No checksum; whose memory (U1 or U2) it is is chosen by hand. The bits are those of
the HID edition, which has the same records: no client of the serial one reads or meets them.

Source: public clients atbrask/BM65DataDownloader, McKael/gobm65 and babo/bm58; for the bits
roose242/bmdump and beep-projects/bpconnect.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.drivers.bp_monitor.readings import Pressure
from gateway.errors import DecodeError
from gateway.wire.stamp import Stamp, stamp
from gateway.wire.stream import Cutting, Grammar, Stream, exactly

PING, COUNT, DESCRIBE = b"\xaa", b"\xa2", b"\xa4"
PONG = 0x55

one_byte: Grammar = exactly(1)
description: Grammar = exactly(32)

_RECORD, _NO_RECORD = 0xAC, 0xA9
_RECORD_BYTES = 9
_PRESSURE_FROM = 25  # mmHg
_STAMP = slice(4, 9)
_MARK = 0x80


@dataclass(frozen=True, slots=True)
class Record:
    """A measurement out of the memory. Pressures in mmHg, pulse per minute."""

    device_time: Stamp
    systolic: int
    diastolic: int
    pulse: int
    second_user: bool | None = None
    """None where the record does not say, as of the bits below."""
    irregular_pulse: bool | None = None
    body_movement: bool | None = None

    @property
    def pressure(self) -> Pressure:
        """What the cuff measured."""
        doubts = {"body_movement"} if self.body_movement else set[str]()
        findings = {"irregular_pulse"} if self.irregular_pulse else set[str]()
        return Pressure(self.systolic, self.diastolic, None, self.pulse, doubts, findings)


@dataclass(frozen=True, slots=True)
class Pong:
    """The cuff is there."""

    handshake: bool = field(default=True, init=False)


@dataclass(frozen=True, slots=True)
class Count:
    """How many records there are."""

    record_count: int


def read(number: int) -> bytes:
    """Make the request for record `number`, from 1 on."""
    return bytes((0xA3, number))


def records(stream: Stream) -> Cutting:
    """Cut the answers to A3: a record, or the byte that says there is none."""
    while True:
        head = yield from stream.need(1)
        if head[0] == _NO_RECORD:
            yield stream.take(1)
        elif head[0] == _RECORD:
            yield from stream.need(_RECORD_BYTES)
            yield stream.take(_RECORD_BYTES)
        else:
            stream.discard(1, "no_start")


def record(data: bytes) -> Record:
    """Decode a record.

    Raises DecodeError: `no_record`, `format`, `timestamp`.
    """
    if data[:1] == bytes((_NO_RECORD,)):
        raise DecodeError("no_record", data)
    if len(data) != _RECORD_BYTES or data[0] != _RECORD:
        raise DecodeError("format", data)
    _, systolic, diastolic, pulse, month, day, hour, minute, year = data
    date = (2000 + (year & ~_MARK), month & ~_MARK, day & ~_MARK)
    at = stamp(data[_STAMP], *date, hour, minute)
    if at is None:
        raise DecodeError("timestamp", data, _STAMP.start)
    return Record(
        at,
        systolic + _PRESSURE_FROM,
        diastolic + _PRESSURE_FROM,
        pulse,
        second_user=bool(day & _MARK) or None,
        irregular_pulse=bool(year & _MARK) or None,
        body_movement=bool(month & _MARK) or None,
    )


def message(data: bytes) -> Record | Pong | Count:
    """Decode any answer when nobody knows what was asked; a single byte may mean two things."""
    if data == bytes((PONG,)):
        return Pong()
    if len(data) == 1 and data[0] != _NO_RECORD:
        return Count(data[0])
    return record(data)
