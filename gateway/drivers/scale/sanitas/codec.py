"""What Sanitas SBF70 and its relatives (Beurer BF700, BF710, BF800) send on FFE1.

    start u8 (E7 or F7) | 58 | settling u8 | weight u16                      while one stands on it
    start u8            | 59 | parts u8 | part u8 | octets                   what it measured
    start u8            | 33                                      the host asks for its users
    start u8            | 34 | users u8 | number u8 | user u64 | initials 3 | year of birth u8
    start u8            | 41 | user u64                           ... and for a user's memory
    start u8            | 42 | parts u8 | part u8 | half of a weighing
    start u8            | F0 | command u8 | octets                answers a command
        to 33: 00, users u8, most users u8      to 41: parts u8, 00

A weighing, in parts 2 and 3 of what it measured (part 1 is 01 and the user's u64, 0 for nobody
known), or in two parts each out of the memory:

    unix time u32 | weight u16 | impedance u16 Ohm | fat u16 | water u16 | muscle u16 | ...

E6 or F6, and an octet, answer the greeting of the same kind.

Everything is most significant octet first; a weight is 0.05 kg per bit, a share 0.1 %. What follows
the muscle is not read: public clients do not agree on it; nor are initials and years of birth: they
are nobody's business. Each frame but an answer waits for its acknowledgement, `start F1` and the
second to fourth octet of the frame; without it the scale stops.

Source: captures of the maker's app and public clients (KristianP26/ble-scale-sync issue 211,
oliexdev/openScale issues 1500 and others); the maker has published nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from gateway.errors import DecodeError
from gateway.wire.cursor import Cursor

STARTS = (0xE7, 0xF7)

USERS, GET_SAVED = 0x33, 0x41
"""What the host may ask."""

_WEIGHT, _MEASURED = 0x58, 0x59
_USER, _SAVED = 0x34, 0x42
_ANSWER, _ACKNOWLEDGE = 0xF0, 0xF1
_NO_WEIGHT = 0xFFFF
_FIRST_OF_DATA = 2
_LEAST_OCTETS = 14  # up to the muscle
_USER_OCTETS = 8


@dataclass(frozen=True, slots=True)
class LiveWeight:
    """A weight while somebody stands on the scale."""

    weight_kg: Decimal
    stable: bool


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a measurement."""

    count: int
    part: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class User:
    """One of the scale's users, by the number that an app chose for them."""

    count: int
    part: int
    number: int


@dataclass(frozen=True, slots=True)
class SavedPart:
    """Half of a weighing out of the memory; `part` counts over all of a user's, from 1 on."""

    count: int
    part: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What the scale answers to a command of the host."""

    command: int
    octets: bytes


Message = LiveWeight | Part | User | SavedPart | Answer


@dataclass(frozen=True, slots=True)
class Measured:
    """A whole measurement. What is 0 was not measured."""

    unix_time: int
    weight_kg: Decimal
    impedance_ohm: int
    fat_percent: Decimal
    water_percent: Decimal
    muscle_percent: Decimal


def frame(data: bytes) -> Message:
    """Read one notification; raises DecodeError."""
    cursor = Cursor(data)
    start, command = cursor.u8(), cursor.u8()
    if start not in STARTS:
        raise DecodeError("bad_header", data)
    if command == _WEIGHT:
        settling, raw = cursor.u8(), cursor.u16_big_endian()
        if raw == _NO_WEIGHT:
            raise DecodeError("out_of_range", data, 3)
        return LiveWeight(_kilograms(raw), settling == 0)
    if command == _MEASURED:
        return Part(cursor.u8(), cursor.u8(), cursor.rest())
    if command == _USER:
        return User(cursor.u8(), cursor.u8(), int.from_bytes(cursor.take(_USER_OCTETS), "big"))
    if command == _SAVED:
        return SavedPart(cursor.u8(), cursor.u8(), cursor.rest())
    if command == _ANSWER:
        return Answer(cursor.u8(), cursor.rest())
    raise DecodeError("unknown_command", data, 1)


def measured(parts: Iterable[Part]) -> Measured:
    """Put the parts of a measurement together; raises DecodeError if one is missing."""
    given = list(parts)
    told = [part for part in given if part.part >= _FIRST_OF_DATA]
    octets = b"".join(part.octets for part in told)
    count = given[-1].count if given else 0
    if [part.part for part in told] != list(range(_FIRST_OF_DATA, count + 1)):
        raise DecodeError("part_missing", octets)
    return _weighing(octets)


def recognised(parts: Iterable[Part]) -> int | None:
    """Return the number of the user that a measurement is of; None if nobody the scale knows."""
    for part in parts:
        if part.part < _FIRST_OF_DATA:
            return int.from_bytes(part.octets[1 : 1 + _USER_OCTETS], "big") or None
    return None


def saved(halves: Iterable[SavedPart]) -> Measured:
    """Put the halves of a weighing out of the memory together; raises DecodeError."""
    given = list(halves)
    octets = b"".join(half.octets for half in given)
    first = given[0].part if given else 0
    if first % 2 == 0 or [half.part for half in given] != [first, first + 1]:
        raise DecodeError("part_missing", octets)
    return _weighing(octets)


def ask(start: int, command: int, user: int | None = None) -> bytes:
    """Return the host's question: for the users, or for what is saved for one of them."""
    return bytes((start, command)) + (b"" if user is None else user.to_bytes(_USER_OCTETS, "big"))


def _weighing(octets: bytes) -> Measured:
    if len(octets) < _LEAST_OCTETS:
        raise DecodeError("truncated", octets, len(octets))
    cursor = Cursor(octets, 4)
    return Measured(
        int.from_bytes(octets[:4], "big"),
        _kilograms(cursor.u16_big_endian()),
        cursor.u16_big_endian(),
        *(Decimal(cursor.u16_big_endian()).scaleb(-1) for _ in range(3)),
    )


def is_greeting(data: bytes) -> bool:
    """Whether this is the scale's answer to the greeting, which says nothing of anybody."""
    return data[:1] in (b"\xe6", b"\xf6")


def acknowledgement(data: bytes) -> bytes | None:
    """Return what tells the scale to go on after this frame; None if it waits for nothing."""
    if len(data) < 4 or data[0] not in STARTS or data[1] in (_ANSWER, _ACKNOWLEDGE):
        return None
    return bytes((data[0], _ACKNOWLEDGE)) + data[1:4]


def split(data: bytes, sizes: object) -> list[bytes]:
    """Cut frames that were joined, as a published measurement is; raises DecodeError."""
    whole = isinstance(sizes, list) and all(isinstance(size, int) and size > 0 for size in sizes)
    if not isinstance(sizes, list) or not whole or sum(sizes) != len(data):
        raise DecodeError("sizes_of_parts_needed", data)
    cursor = Cursor(data)
    return [cursor.take(size) for size in sizes]


def _kilograms(raw: int) -> Decimal:
    return Decimal(raw * 5).scaleb(-2)
