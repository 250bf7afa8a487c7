"""What Omron HBP monitors push after a measurement.

    HBP-9030, output format 5: 53 printable characters and CR LF, commas at fixed places
        YYYY,MM,DD,HH,mm,<ID 20>,e,SYS,DIA,PR,m
        e    error number, 0 if the measurement worked; else SYS, DIA and PR are three blanks each
        m    how often the person moved
        SYS 060-260 mmHg, DIA 030-215 mmHg, PR 040-180 /min
    HBP-9020 and 9021 (experimental)
        bp,<ID up to 20>,YYYY/MM/DD,HH:mm,SYS,MAP,DIA,PR,s   CR, or CR LF
        STX YYMMDD HHMM SYS DIA PR ETX                       each part after a blank
        s    a digit that nobody explains; 0 is taken for "nothing to say"

There is no checksum: what does not follow the grammar to the letter, or has a number that the
monitor cannot measure, is refused. Formats 1 to 4 of the HBP-9030 are told by how they begin.

Source: Omron manual 2873643-0F p. 20 (format 5), a public kiosk client (the others).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gateway.drivers.message import null
from gateway.errors import DecodeError
from gateway.wire.stamp import Stamp, stamp
from gateway.wire.stream import lines

UNSUPPORTED = "unsupported_output_format: set function item 32 of the monitor to 5"

_SYSTOLIC_MMHG = range(60, 261)
_DIASTOLIC_MMHG = range(30, 216)
_PULSE_PER_MIN = range(40, 181)

_FORMAT_5 = re.compile(
    rb"(\d{4}),(\d\d),(\d\d),(\d\d),(\d\d),([ -~]{20}),(\d)"
    rb",(\d{3}|   ),(\d{3}|   ),(\d{3}|   ),(\d)"
)
_BP = re.compile(
    rb"bp,([ -~]{0,20}),(\d{4})/(\d\d)/(\d\d),(\d\d):(\d\d)"
    rb",(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d)"
)
_STX = re.compile(rb"\x02 (\d\d)(\d\d)(\d\d) (\d\d)(\d\d) (\d{3}) (\d{3}) (\d{3})")
_STAMP_5 = slice(0, 16)
_KNOWN = re.compile(b"(?:%s|%s|%s)." % (_FORMAT_5.pattern, _BP.pattern, _STX.pattern), re.DOTALL)


def _begin(line: bytes) -> int:
    """Return where in a line that noise may precede a known format begins; else 0."""
    found = next((m for m in _KNOWN.finditer(line) if m.end() == len(line)), None)
    return found.start() if found is not None else 0


frames = lines(limit=128, ends=b"\r\n\x03", begin=_begin)
"""The longest line is 63 bytes; a format with ETX at its end has no CR."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A measurement that worked. Pressures in mmHg, pulse per minute."""

    device_time: Stamp
    systolic: int
    diastolic: int
    pulse: int
    patient_id: str | None = null()
    """What was typed or scanned at the kiosk: a hint, and personal."""
    movement: int = 0
    map: int | None = None
    status: int | None = None
    experimental: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """A measurement that did not work. The meaning of `error` is in the monitor's manual."""

    device_time: Stamp
    error: int
    patient_id: str | None = null()
    movement: int = 0
    event: str = field(default="device_error", init=False)


Message = Measured | Failed


def message(data: bytes) -> Message:
    """Decode one line with its end.

    Raises DecodeError: `unsupported_output_format` with the remedy where the monitor is set to
    another format, else `incomplete`, `format`, `timestamp` or `range`.
    """
    line = data.rstrip(b"\r\n\x03")
    if line.startswith((b"MMBP", b"ID")):
        raise DecodeError(UNSUPPORTED, data)
    if line == data:
        raise DecodeError("incomplete", data, len(data))
    if found := _FORMAT_5.fullmatch(line):
        return _format_5(data, found)
    if found := _BP.fullmatch(line):
        return _bp(data, found)
    if found := _STX.fullmatch(line):
        return _stx(data, found)
    raise DecodeError("format", data)


def _format_5(data: bytes, found: re.Match[bytes]) -> Message:
    *date, person, error, systolic, diastolic, pulse, movement = found.groups()
    at = _stamp(data, data[_STAMP_5], date)
    blanks = [number.isspace() for number in (systolic, diastolic, pulse)]
    if error != b"0" and all(blanks):
        return Failed(at, int(error), _person(person), int(movement))
    if error != b"0" or any(blanks):
        raise DecodeError("format", data, found.start(7))
    return Measured(
        at, *_numbers(data, found, 8, 9, 10), patient_id=_person(person), movement=int(movement)
    )


def _bp(data: bytes, found: re.Match[bytes]) -> Measured:
    person, *date, _, mean, _, _, status = found.groups()
    at = _stamp(data, data[found.start(2) : found.end(6)], date)
    return Measured(
        at,
        *_numbers(data, found, 7, 9, 10),
        patient_id=_person(person),
        map=int(mean) or None,
        status=int(status),
        experimental=True,
    )


def _stx(data: bytes, found: re.Match[bytes]) -> Measured:
    year, *others = found.groups()[:5]
    at = _stamp(data, data[found.start(1) : found.end(5)], [b"20" + year, *others])
    return Measured(at, *_numbers(data, found, 6, 7, 8), patient_id=None, experimental=True)


def _stamp(data: bytes, raw: bytes, parts: list[bytes]) -> Stamp:
    year, month, day, hour, minute = (int(part) for part in parts)
    at = stamp(raw, year, month, day, hour, minute)
    if at is None:
        raise DecodeError("timestamp", data, data.index(raw))
    return at


def _numbers(
    data: bytes, found: re.Match[bytes], systolic: int, diastolic: int, pulse: int
) -> tuple[int, int, int]:
    limits = (_SYSTOLIC_MMHG, _DIASTOLIC_MMHG, _PULSE_PER_MIN)
    for group, within in zip((systolic, diastolic, pulse), limits, strict=True):
        if int(found[group]) not in within:
            raise DecodeError("range", data, found.start(group))
    return int(found[systolic]), int(found[diastolic]), int(found[pulse])


def _person(typed: bytes) -> str | None:
    """Return the id, None if nobody typed one: all blanks, or all zeros."""
    return typed.decode("ascii").strip() if typed.strip(b" 0") else None
