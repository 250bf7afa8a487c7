"""What a LifeScan OneTouch Ultra2 answers: lines of text, each with a checksum.

    DMF -> T "SAT","08/03/13","22:12:00   " 0608 CR                the clock
    DMP -> P 002,"ABCDEFGHY","MG/DL " xxxx CR                      how many records, serial, unit
           P "WED","03/09/16","07:33:00   "," 098 ","N","00", 00 xxxx CR    one line for each

    date    month/day/year        value   C for control solution, 3 digits, ? for a parity error
    meal    N none, B before, A after     then a comment, 00 to 11

The checksum is the sum of what precedes the blank before it, modulo 65536. Values are always in
mg/dL: the unit is that of the meter's screen. Commands that clear the memory (DMZ) or set the clock
(DMT) are not here.

Source: LifeScan's specification as glucometers-tech/glucometerutils follows it, with its tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from gateway.errors import DecodeError
from gateway.wire.stamp import Stamp, stamp
from gateway.wire.stream import lines
from gateway.wire.sums import sum16

frames = lines(limit=128)

_WAKE = b"\x11\r"
_SUMMED = re.compile(rb"(.+) ([0-9A-F]{4})", re.DOTALL)
_WHEN = rb"\"[A-Z]{3}\",\"(\d\d)/(\d\d)/(\d\d)\",\"(\d\d):(\d\d):(\d\d)   \""
_CLOCK = re.compile(rb"[TF] " + _WHEN)
_HEADER = re.compile(rb"P (\d{3}),\"([0-9A-Z]{9})\",\"(?:MG/DL |MMOL/L)\"")
_RECORD = re.compile(rb"P " + _WHEN + rb",\"([C ]) ?(\d{3})([? ])\",\"([NBA])\",\"(\d\d)\", \d\d")
_MEALS = {b"N": "none", b"B": "before", b"A": "after"}


class Command(Enum):
    """Every command that can be sent. All of them only read."""

    CLOCK = b"DMF"
    RECORDS = b"DMP"


@dataclass(frozen=True, slots=True)
class Clock:
    """What the meter's clock shows."""

    device_time: Stamp
    checksum: str


@dataclass(frozen=True, slots=True)
class Header:
    """How many records follow, and whose they are."""

    record_count: int
    serial: str


@dataclass(frozen=True, slots=True)
class Record:
    """A test."""

    device_time: Stamp
    glucose_mgdl: int
    meal: str
    comment: str
    control: bool
    parity_error: bool


Message = Clock | Header | Record


def request(command: Command) -> bytes:
    """Make the bytes that wake the meter and ask it for something."""
    return _WAKE + command.value + b"\r"


def message(data: bytes) -> Message:
    """Decode one line with its end.

    Raises DecodeError: `incomplete`, `no_checksum`, `checksum`, `format`, `timestamp`.
    """
    line = data.rstrip(b"\r\n")
    if line == data:
        raise DecodeError("incomplete", data, len(data))
    summed = _SUMMED.fullmatch(line)
    if summed is None:
        raise DecodeError("no_checksum", data, len(line))
    text, told = summed.groups()
    if int(told, 16) != sum16(text):
        raise DecodeError("checksum", data, summed.start(2))
    if found := _CLOCK.fullmatch(text):
        return Clock(_stamp(data, found), told.decode("ascii"))
    if found := _HEADER.fullmatch(text):
        return Header(int(found[1]), found[2].decode("ascii"))
    found = _RECORD.fullmatch(text)
    if found is None:
        raise DecodeError("format", data)
    control, value, parity, meal, comment = found.groups()[6:]
    return Record(
        device_time=_stamp(data, found),
        glucose_mgdl=int(value),
        meal=_MEALS[meal],
        comment=comment.decode("ascii"),
        control=control == b"C",
        parity_error=parity == b"?",
    )


def _stamp(data: bytes, found: re.Match[bytes]) -> Stamp:
    month, day, year, hour, minute, second = (int(part) for part in found.groups()[:6])
    raw = data[found.start(1) : found.end(6)]
    at = stamp(raw, 2000 + year, month, day, hour, minute, second)
    if at is None:
        raise DecodeError("timestamp", data, found.start(1))
    return at
