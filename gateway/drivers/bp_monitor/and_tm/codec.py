"""What A&D TM-2655P and TM-2657P kiosk monitors, and InBody's BPBIO320, send.

    SYN SYN SOH | address 2 | STX | text | ETX | BCC        16 16 01 | .. .. | 02 | ... | 03 | ..

BCC is the exclusive or of the text alone. The text is fields, each ended by RS (1E):

    TM        model | YYMMDDHHMM | RB or RA | M | E00 | S127 | M 97 | D 76 | P 78 | I16 | L 92 | ...
    BPBIO320  17 characters typed in, zeros for none | RB | 00000 | S.. | M000 | D.. | P.. | ...

    E   error, 00 for none     S systolic, M mean (000: none), D diastolic, mmHg
    P   pulse per minute       I, L  about the cuff
    RA adds, in lower case: i irregular beats, m 1 if the person moved, r 1 for a second try, t the
    seconds it took, and blank places for what a scale beside it would have said

Fields are told by their first letter, from the error on. A request is a text of one field.

Source: public captures of a TM-2657P and a BPBIO320, a public class for the TM-2655P. The maker's
manual (1WMPD4003318) was not at hand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.drivers.message import null
from gateway.errors import DecodeError
from gateway.wire.stamp import Stamp, stamp
from gateway.wire.stream import Cutting, Stream
from gateway.wire.sums import xor8

FRAME_BYTES = 256
"""The longest in a capture is 137."""

_START = b"\x16\x16\x01"
_TEXT_AT = len(_START) + 3  # address and STX
_STX, _ETX, _RS = 0x02, b"\x03", b"\x1e"

_STAMP = re.compile(rb"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)")
_ERROR = re.compile(rb"E?(\d+|[0-9A-Z]{2})")
_NUMBER = re.compile(rb" *\d{1,3}")
_RECORDS = (b"RB", b"RA")


@dataclass(frozen=True, slots=True)
class Measured:
    """A measurement that worked. Pressures in mmHg, pulse per minute."""

    record: str
    error: str
    systolic: int
    diastolic: int
    patient_id: str | None = null()
    """What was typed in at a BPBIO320: a hint, and personal. A TM sends none."""
    pulse: int | None = None
    map: int | None = None
    model: str | None = None
    device_time: Stamp | None = None
    """None from a BPBIO320, which sends none."""
    irregular_beats: int | None = None
    movement: int | None = None
    retest: int | None = None
    duration_s: int | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """A measurement that did not work. The meaning of `error` is in the monitor's manual."""

    error: str
    model: str | None = None
    device_time: Stamp | None = None
    event: str = field(default="device_error", init=False)


@dataclass(frozen=True, slots=True)
class Request:
    """What a host asks; `bcc` in hex. This driver never does."""

    command: str
    bcc: str


Message = Measured | Failed | Request


def frames(stream: Stream) -> Cutting:
    """Cut frames by their beginning and ETX; one that swallowed another's beginning is garbage."""
    while True:
        yield from stream.skip_to(_START, "no_start")
        head = yield from stream.need(_TEXT_AT)
        end = yield from stream.find(_ETX, limit=FRAME_BYTES)
        if head[-1] != _STX or end is None or end < _TEXT_AT:
            stream.discard(1, "no_frame")
            continue
        whole = yield from stream.need(end + 1)
        inner = whole.find(_START, 1)
        if inner > 0 and not _is_summed(whole):
            stream.discard(inner, "bcc")
        else:
            yield stream.take(end + 1)


def message(data: bytes) -> Message:
    """Decode one frame.

    Raises DecodeError: `start`, `incomplete`, `bcc`, `format`, `timestamp`.
    """
    text = _text(data)
    fields = text.split(_RS)
    if len(fields) == 1:
        return Request(text.decode("latin-1"), f"{data[-1]:02x}")
    if fields[1] in _RECORDS:
        person, record, error, *others = fields
        return _result(data, _Head(record, error, person=person), others)
    if len(fields) < 5 or fields[2] not in _RECORDS:
        raise DecodeError("format", data, _TEXT_AT)
    model, moment, record, _, error, *others = fields
    at = _moment(data, moment)
    return _result(data, _Head(record, error, model.decode("latin-1"), at), others)


@dataclass(frozen=True, slots=True)
class _Head:
    record: bytes
    error: bytes
    model: str | None = None
    at: Stamp | None = None
    person: bytes = b""


def _text(data: bytes) -> bytes:
    if not data.startswith(_START):
        raise DecodeError("start", data)
    if len(data) < _TEXT_AT + 2 or data[-2:-1] != _ETX:
        raise DecodeError("incomplete", data, len(data))
    if data[_TEXT_AT - 1] != _STX:
        raise DecodeError("start", data, _TEXT_AT - 1)
    if not _is_summed(data):
        raise DecodeError("bcc", data, len(data) - 1)
    return data[_TEXT_AT:-2]


def _is_summed(frame: bytes) -> bool:
    return xor8(frame[_TEXT_AT:-2]) == frame[-1]


def _result(data: bytes, head: _Head, others: list[bytes]) -> Measured | Failed:
    told = _ERROR.fullmatch(head.error)
    if told is None:
        raise DecodeError("format", data, data.index(head.error))
    error = told[1].decode("ascii")
    if error.strip("0"):
        return Failed(error, head.model, head.at)
    letters = _by_letter(others)
    systolic, diastolic = _number(data, letters, b"S"), _number(data, letters, b"D")
    if systolic is None or diastolic is None:
        raise DecodeError("format", data, _TEXT_AT)
    return Measured(
        record=head.record.decode("ascii"),
        error=error,
        systolic=systolic,
        diastolic=diastolic,
        patient_id=_person(head.person),
        pulse=_number(data, letters, b"P"),
        map=_number(data, letters, b"M") or None,
        model=head.model,
        device_time=head.at,
        irregular_beats=_number(data, letters, b"i"),
        movement=_number(data, letters, b"m"),
        retest=_number(data, letters, b"r"),
        duration_s=_number(data, letters, b"t"),
    )


def _by_letter(fields: list[bytes]) -> dict[bytes, bytes]:
    """Return what follows each letter; of a letter given twice, the first."""
    told: dict[bytes, bytes] = {}
    for part in fields:
        told.setdefault(part[:1], part[1:])
    return told


def _number(data: bytes, letters: Mapping[bytes, bytes], letter: bytes) -> int | None:
    """Return the number after a letter; None if there is none, or blanks."""
    text = letters.get(letter, b"")
    if not text.strip():
        return None
    if not _NUMBER.fullmatch(text):
        raise DecodeError("format", data, data.index(_RS + letter + text) + 1)
    return int(text)


def _moment(data: bytes, text: bytes) -> Stamp:
    found = _STAMP.fullmatch(text)
    year, *others = (int(part) for part in found.groups()) if found else (0,)
    at = stamp(text, 2000 + year, *others) if found else None
    if at is None:
        raise DecodeError("timestamp", data, data.index(text))
    return at


def _person(typed: bytes) -> str | None:
    return typed.decode("latin-1").strip() if typed.strip(b" 0") else None
