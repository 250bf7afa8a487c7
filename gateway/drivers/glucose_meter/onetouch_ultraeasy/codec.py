"""Packets of the LifeScan OneTouch UltraEasy and UltraMini.

Packets as in `lifescan`, numbered:

    link  1 sequence of the sender | 2 sequence it expects | 4 acknowledges | 8 disconnects

    05 20 02 00 00 00 00            the clock          -> 05 06 | seconds u32
    05 0B 02 ...                    the serial number  -> 05 06 | text
    05 1F | number u16              a record, 0 is the newest -> 05 06 | seconds u32 | mg/dL u32
    05 1F F5 01                     record 501, which never is -> 05 0F | count u16

All little-endian. Seconds are since 1970, of a clock that shows local time. A packet with a message
is acknowledged by one without. Commands that clear the memory (05 1A) or set the clock (05 20 01)
are not here.

Source: glucometers-tech/glucometerutils.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from gateway.drivers.glucose_meter.lifescan import SHORTEST, START, Packet, is_packet, packet
from gateway.errors import DecodeError
from gateway.wire.stamp import Stamp
from gateway.wire.stream import Cutting, Stream

SEQUENCE, EXPECTED, ACKNOWLEDGES, DISCONNECTS = 0x01, 0x02, 0x04, 0x08

_DONE, _COUNTED = b"\x05\x06", b"\x05\x0f"
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - of a clock that shows local time
_NO_RECORD = 501


class Ask(Enum):
    """Every question that can be asked, beside that for a record. All of them only read."""

    CLOCK = bytes.fromhex("05 20 02 00000000")
    SERIAL = bytes.fromhex("05 0b 02 00000000 846ae87300")
    COUNT = b"\x05\x1f" + _NO_RECORD.to_bytes(2, "little")


@dataclass(frozen=True, slots=True)
class Clock:
    """What the meter's clock shows."""

    device_time: Stamp


@dataclass(frozen=True, slots=True)
class Count:
    """How many records there are."""

    record_count: int


@dataclass(frozen=True, slots=True)
class Record:
    """A test."""

    device_time: Stamp
    glucose_mgdl: int


def ask_for_record(number: int) -> bytes:
    """Return the message that asks for a record; 0 is the newest."""
    if not 0 <= number < _NO_RECORD:
        raise ValueError(f"there is no record {number}")
    return b"\x05\x1f" + number.to_bytes(2, "little")


def packets(stream: Stream) -> Cutting:
    """Cut packets; a beginning whose length, end or CRC is wrong was none."""
    while True:
        yield from stream.skip_to(bytes((START,)), "no_start")
        length = (yield from stream.need(2))[1]
        if length < SHORTEST:
            stream.discard(1, "length")
            continue
        whole = yield from stream.need(length)
        if is_packet(whole):
            yield stream.take(length)
        else:
            stream.discard(1, "crc")


def clock(message: bytes) -> Clock:
    """Decode the answer to CLOCK. Raises DecodeError `format`."""
    return Clock(_stamp(_answered(message, _DONE, 4)))


def count(message: bytes) -> Count:
    """Decode the answer to COUNT. Raises DecodeError `format`."""
    return Count(int.from_bytes(_answered(message, _COUNTED, 2), "little"))


def record(message: bytes) -> Record:
    """Decode the answer to a question for a record. Raises DecodeError `format`."""
    told = _answered(message, _DONE, 8)
    return Record(_stamp(told[:4]), int.from_bytes(told[4:], "little"))


def serial(message: bytes) -> str | None:
    """Decode the answer to SERIAL; None if it is none."""
    if not message.startswith(_DONE) or not message[2:].strip(b"\0 ").isalnum():
        return None
    return message[2:].strip(b"\0 ").decode("ascii")


def answer(data: bytes) -> Packet | Clock | Count | Record:
    """Decode a packet when nobody knows what was asked: by the length of its message."""
    whole = packet(data)
    message = whole.message
    if message.startswith(_DONE) and len(message) == 10:
        return record(message)
    if message.startswith(_DONE) and len(message) == 6:
        return clock(message)
    if message.startswith(_COUNTED) and len(message) == 4:
        return count(message)
    return whole


def _answered(message: bytes, status: bytes, size: int) -> bytes:
    if not message.startswith(status) or len(message) != len(status) + size:
        raise DecodeError("format", message)
    return message[len(status) :]


def _stamp(raw: bytes) -> Stamp:
    return Stamp(_EPOCH + timedelta(seconds=int.from_bytes(raw, "little")), raw)
