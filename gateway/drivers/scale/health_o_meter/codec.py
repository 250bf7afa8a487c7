"""What Health o meter (Pelstar) scales send, and Rice Lake health scales, by the same grammar.

    ESC R | ESC I<id, 10> | ESC W<weight> | ESC H<height> | ESC B<bmi> | ESC T<tare>
          | ESC N<m or c> | ESC E

No checksum, no line ends. Without N (m: kg and cm, c: lb and inches) there is no unit, and no
weight. H, B and T may be missing, H and B are 0 until asked for; the height is typed in. "L" models
begin all packets but the first of a stream with "6R" for ESC R. A packet may begin in the middle of
another: only what follows the last R counts.

Baby scales and the 2595KL send another packet:

    01 or 02 | 80 lb or 82 kg | D7 E4 | weight, 5 or 7 digits with a point | CR

Source: Pelstar "Communication Protocols" REV20230711; Rice Lake manuals 140-10-7, 150-10-7,
160-10-7 and RL-350.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal

from gateway.drivers.message import null
from gateway.errors import DecodeError
from gateway.wire.stream import Cutting, Stream

PACKET_BYTES = 256
"""The longest of the protocol book is some 60."""

REQUEST = b"\x1bR\x1bE"
"""Asks a Rice Lake for its weight."""

_ESC, _END = b"\x1b", b"\x1bE"
_STARTS = (b"\x1bR\x1b", b"6R\x1b")
_UNITS = {b"m": ("kg", "cm"), b"c": ("lb", "in")}
_NUMBER = re.compile(rb" *-?\d{1,4}(\.\d{1,3})? *")
_OUT_OF_RANGE = (b"999.9", b"999.99")

_BABY_UNITS = {0x80: "lb", 0x82: "kg"}
_BABY_MARK = b"\xd7\xe4"
_BABY_BYTES = 16
_BABY = re.compile(rb"[\x01\x02]([\x80\x82])\xd7\xe4(\d{3}\.(?:\d|\d{3}))\r", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the scale shows. `height` was typed in."""

    weight: Decimal
    unit: str
    patient_id: str | None = null()
    """What was typed or scanned at the scale: a hint, and personal."""
    height: Decimal | None = None
    height_unit: str | None = None
    bmi: Decimal | None = None
    tare: Decimal | None = None


@dataclass(frozen=True, slots=True)
class OutOfRange:
    """The scale shows no weight: too much, or less than nothing."""

    weight: None = null()
    error: str = field(default="overload_or_underload", init=False)
    event: str = field(default="device_error", init=False)


@dataclass(frozen=True, slots=True)
class Request:
    """What a host asks."""

    request: str


Message = Shown | OutOfRange | Request


def packets(stream: Stream) -> Cutting:
    """Cut at ESC E, from the last R-field before it on."""
    while True:
        size = yield from stream.find(_END, limit=PACKET_BYTES)
        seen = yield from stream.need(size or PACKET_BYTES)
        start = max(seen.rfind(mark) for mark in _STARTS)
        if size is None:
            stream.discard(start if start > 0 else len(_ESC), "too_long")
        elif start < 0:
            stream.discard(size, "no_start")
        else:
            stream.discard(start, "fragment")
            yield stream.take(size - start)


def baby_packets(stream: Stream) -> Cutting:
    """Cut the packets of a baby scale or a 2595KL."""
    while True:
        head = yield from stream.need(4)
        if head[0] not in (1, 2) or head[1] not in _BABY_UNITS or head[2:] != _BABY_MARK:
            stream.discard(1, "no_start")
            continue
        size = yield from stream.find(b"\r", limit=_BABY_BYTES)
        if size is None:
            stream.discard(1, "too_long")
        else:
            yield stream.take(size)


def message(data: bytes) -> Message:
    """Decode one packet, of either kind.

    Raises DecodeError: `no_end`, `no_start`, `ambiguous` (a field twice), `missing_units`, `units`,
    `missing_weight`, `number`.
    """
    if data[2:4] == _BABY_MARK:
        return _baby(data)
    if not data.endswith(_END):
        raise DecodeError("no_end", data, len(data))
    fields = _fields(data)
    if not fields:
        return Request("reading")
    if b"N" not in fields:
        raise DecodeError("missing_units", data, len(data) - len(_END))
    if fields[b"N"] not in _UNITS:
        raise DecodeError("units", data, data.rindex(b"N"))
    if b"W" not in fields:
        raise DecodeError("missing_weight", data, len(data) - len(_END))
    if fields[b"W"].strip() in _OUT_OF_RANGE:
        return OutOfRange(None)
    unit, height_unit = _UNITS[fields[b"N"]]
    height = _number(data, fields, b"H") or None
    return Shown(
        weight=_number(data, fields, b"W") or Decimal(0),
        unit=unit,
        patient_id=_person(fields.get(b"I", b"")),
        height=height,
        height_unit=height_unit if height is not None else None,
        bmi=_number(data, fields, b"B") or None,
        tare=_number(data, fields, b"T") or None,
    )


def _baby(data: bytes) -> Shown:
    found = _BABY.fullmatch(data)
    if found is None:
        raise DecodeError("format", data)
    return Shown(Decimal(found[2].decode("ascii")), _BABY_UNITS[found[1][0]], None)


def _fields(data: bytes) -> dict[bytes, bytes]:
    """Return the fields between the last R-field and the end, by their letters."""
    start = max((data.rfind(mark) + len(mark) for mark in _STARTS if mark in data), default=None)
    if start is None:
        raise DecodeError("no_start", data)
    fields: dict[bytes, bytes] = {}
    for part in data[start : -len(_END)].split(_ESC) if start < len(data) - 1 else ():
        if part[:1] in fields:
            raise DecodeError("ambiguous", data, data.rindex(part))
        fields[part[:1]] = part[1:]
    return fields


def _number(data: bytes, fields: dict[bytes, bytes], letter: bytes) -> Decimal | None:
    text = fields.get(letter, b"")
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise DecodeError("number", data, data.rindex(letter + text) + 1)
    return Decimal(text.strip().decode("ascii"))


def _person(typed: bytes) -> str | None:
    return typed.decode("latin-1").strip() if typed.strip(b" 0") else None
