"""What LifeScan's meters with Bluetooth say: OneTouch Verio Flex, Verio Reflect, Select Plus Flex.

A packet as in `lifescan`, with link 0, goes in pieces of up to 19 octets, each after a header that
the other side gives back:

    00 + n  the first of n pieces | 40 + i  piece i, from 1 on | 80 + k  has it | C0 + k  refuses it

A question is a prefix (03 or 04, either will do) and an operation; an answer a prefix, a status
(06: it is done) and what was asked for, all of it little-endian:

    20 02            the clock                         seconds u32
    0A 02 06         the number of the newest test     u32
    27 00            how many records there are        u16
    31 02 n u16 00   record n, 0 is the newest         n u16 | 00 | number u16 | 11 octets
    B3 number u16    the record of that number         seconds u32 | mg/dL u16 | control u8 |
                                                       meal u8 | 3 octets, 0 for a test of blood
    20 01 seconds    set the clock                     nothing

Seconds are since 2000, of a clock that shows local time. What erases the memory (1A) or changes
what the meter calls low and high (0A 01) is not here.

Source: public clients (xDrip, tidepool-org/uploader, VitalDevices, xavaro) and AppiaGlucometers'
analysis of a Select Plus Flex; docs/protocols/onetouch-ble.md says where they differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, IntEnum

from gateway.drivers.glucose_meter.lifescan import packet, seal
from gateway.errors import DecodeError
from gateway.wire.cursor import Cursor
from gateway.wire.stamp import Stamp

PIECE_OCTETS = 19
"""What fits behind a header into an attribute write of the smallest size."""

_FIRST, _NEXT, _HAS, _REFUSES = 0x00, 0x40, 0x80, 0xC0
_KIND, _NUMBER = 0xC0, 0x3F
_PREFIX = b"\x03"
_EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001 - of a clock that shows local time
_RECORD_OCTETS = 11


class Ask(Enum):
    """Every question that can be asked, beside those for a record. All of them only read."""

    CLOCK = bytes.fromhex("20 02")
    NEWEST = bytes.fromhex("0a 02 06")
    COUNT = bytes.fromhex("27 00")


class Status(IntEnum):
    """How a question was taken, as far as it is known."""

    DONE = 0x06
    NOT_ALLOWED = 0x07
    NOT_SUPPORTED = 0x08
    WRONG_VALUE = 0x09
    FAILED = 0x0F


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The other side's word on a piece."""

    of: int
    """The number in the header of that piece."""
    refused: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a packet: `count` says how many there are, in the first of them only."""

    number: int
    count: int | None
    data: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer whose content depends on what was asked."""

    status: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """A test. `control`, if not 0: of control solution."""

    device_time: Stamp
    glucose_mgdl: int
    control: int
    meal: int
    """0 for none; which of 1 and 2 is before the meal, sources do not agree on."""
    status: bytes
    """Three octets that are 0 in every record of blood that a client takes for one."""


def ask_for_record(number: int) -> bytes:
    """Return the question for the record of that number, as the meter counts its tests."""
    return b"\xb3" + number.to_bytes(2, "little")


def ask_for_place(place: int) -> bytes:
    """Return the question for the record at a place in the memory; 0 is the newest."""
    return b"\x31\x02" + place.to_bytes(2, "little") + b"\x00"


def set_clock(shown: datetime) -> bytes:
    """Return the order to set the clock; `shown` is naive, from 2000 on."""
    return b"\x20\x01" + int((shown - _EPOCH).total_seconds()).to_bytes(4, "little")


def question(asked: bytes) -> bytes:
    """Make what is written: a packet in one piece."""
    whole = seal(0, _PREFIX + asked)
    if len(whole) > PIECE_OCTETS:
        raise ValueError("no question is so long")
    return bytes((_FIRST | 1,)) + whole


def acknowledgement(piece: Piece) -> bytes:
    """Make what is written once a piece was taken."""
    return bytes((_HAS | (piece.number if piece.count is None else piece.count),))


def notification(data: bytes) -> Acknowledgement | Piece:
    """Decode what the meter sends at a time. Raises DecodeError: `truncated`, `header`."""
    if not data:
        raise DecodeError("truncated", data)
    kind, number = data[0] & _KIND, data[0] & _NUMBER
    if kind in (_HAS, _REFUSES):
        if len(data) != 1:
            raise DecodeError("header", data)
        return Acknowledgement(number, kind == _REFUSES)
    if number == 0 or len(data) == 1:
        raise DecodeError("header", data)
    if kind == _FIRST:
        return Piece(0, number, data[1:])
    return Piece(number, None, data[1:])


class Assembly:
    """Pieces put together again, in order."""

    def __init__(self) -> None:
        self._count = 0
        self._pieces: list[Piece] = []

    def ends_with(self, piece: Piece) -> bool:
        """Say whether this piece was the last one to come, so that it now comes a second time."""
        return self._pieces[-1:] == [piece]

    def add(self, piece: Piece) -> bytes | None:
        """Take a piece; return the packet once it is whole. Raises DecodeError `order`."""
        if piece.number != len(self._pieces) or (piece.count is None) == (piece.number == 0):
            raise DecodeError("order", piece.data)
        self._count = piece.count or self._count
        self._pieces.append(piece)
        if len(self._pieces) < self._count:
            return None
        return b"".join(piece.data for piece in self._pieces)


def answer(data: bytes) -> Answer:
    """Decode a packet of the meter. Raises DecodeError: those of `packet`, `truncated`."""
    cursor = Cursor(packet(data).message)
    cursor.u8()  # the prefix
    return Answer(cursor.u8(), cursor.rest())


def number(content: bytes, octets: int) -> int:
    """Read a number of that size. Raises DecodeError `format`."""
    if len(content) != octets:
        raise DecodeError("format", content)
    return int.from_bytes(content, "little")


def stamp(content: bytes) -> Stamp:
    """Read what the meter's clock shows. Raises DecodeError `format`."""
    return Stamp(_EPOCH + timedelta(seconds=number(content, 4)), content)


def record(content: bytes) -> Record:
    """Read a record that was asked for by its number. Raises DecodeError `format`."""
    if len(content) != _RECORD_OCTETS:
        raise DecodeError("format", content)
    cursor = Cursor(content)
    at, mg_dl = stamp(cursor.take(4)), cursor.u16()
    return Record(at, mg_dl, cursor.u8(), cursor.u8(), cursor.rest())


def number_of_place(content: bytes, place: int) -> int:
    """Read the number of the record at a place. Raises DecodeError `format`."""
    if len(content) != 5 + _RECORD_OCTETS or number(content[:2], 2) != place:
        raise DecodeError("format", content)
    return number(content[3:5], 2)


def message(data: bytes) -> Acknowledgement | Piece | Answer | Record:
    """Decode what the meter sends at a time when nobody knows what was asked."""
    said = notification(data)
    if isinstance(said, Acknowledgement) or said.count != 1:
        return said
    told = answer(said.data)
    if told.status == Status.DONE and len(told.content) == _RECORD_OCTETS:
        return record(told.content)
    return told
