"""TaiDoc and FORA blood pressure monitors: eight bytes there, eight bytes back.

    51 | command | 4 bytes | A3 from the host, A5 from the device | sum of the first seven, u8

    22  are you there (answered by 22, 24 or 54)      24  model, BCD, u16: 3128 is a TD-3128
    23  the clock                                     2B  count of records, u16
    25  when record n was taken, n u16, 0 the newest  26  what record n says

    time    u16: year - 2000 (7 bits), month (4), day (5) | minute, bits 0-5 | hour, bits 0-4
            minute, bit 6: irregular beats; bit 7, of a D40: a pressure, else glucose
            hour, bits 5-6: how irregular; bit 7: an average
    value   systolic | mean | diastolic | pulse
            one client reads a D40's as systolic u16 | diastolic | pulse: told by the second octet
    glucose mg/dL, u16 | the room's temperature | meal, bits 6-7: 1 before, 2 after, 3 no blood but
            control solution; bits 0-5: the strips' code, but of a meter bits 2-5 are what was
            measured: 0 glucose, 6 to 13 something else

All little-endian. Over Bluetooth, the same eight bytes are one value of a characteristic. Whether a
memory holds glucose, too, depends on the model; of an unknown model nobody can tell, so it is
refused. Commands that clear the memory (52) or set the clock (33) are not here.

Source: glucometers-tech/glucometer-protocols (td42xx, framing), public clients (the values; the
bits beside the time: markchuang56/iOS-Demo, and advmeds-bluetooth-lib for what is a pressure). That
a D40's second octet is the mean: descriptions of the maker's own programs, and a client of its
Bluetooth, which asks the same and was compared with the display, as was its glucose. What stands
beside the glucose: that client, markchuang56/iOS-Demo and tidepool-org/uploader (GlucoRx).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from gateway.errors import DecodeError
from gateway.wire.stamp import Stamp, stamp
from gateway.wire.stream import Cutting, Stream
from gateway.wire.sums import sum8

_START, _FROM_HOST, _FROM_DEVICE = 0x51, 0xA3, 0xA5
_BYTES = 8


class Command(IntEnum):
    """Every command that can be sent. All of them only read."""

    CONNECT = 0x22
    CLOCK = 0x23
    MODEL = 0x24
    RECORD_TIME = 0x25
    RECORD_VALUE = 0x26
    COUNT = 0x2B


CONNECTED = frozenset({0x22, 0x24, 0x54})
"""The answers to CONNECT."""


class Layout(IntEnum):
    """How a value is laid out."""

    MEAN = 1
    MIXED = 2
    """As of a D40: pressures among glucose, with the mean or without."""
    METER = 3
    """A meter: glucose, and what else its strips measure."""


MODELS = {"3128": Layout.MEAN, "3129": Layout.MEAN, "3261": Layout.MIXED}
"""Known models: TD-3128, P30, D40. No source states the code of a P20: see the driver's setting."""


@dataclass(frozen=True, slots=True)
class Packet:
    """Eight bytes; `command` in hex."""

    command: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Taken:
    """When a record was taken."""

    device_time: Stamp
    ihb_raw: int
    """Bits 6 and 7 of the minute."""
    average: bool

    @property
    def is_irregular(self) -> bool:
        """Whether the heart beat irregularly."""
        minute, hour = self.device_time.raw[2:4]
        return bool(minute & 0x40 or hour & 0x60)

    def is_pressure(self, layout: Layout) -> bool:
        """Whether the record is one; a D40 keeps glucose beside."""
        return layout is Layout.MEAN or (layout is Layout.MIXED and bool(self.ihb_raw & 0b10))


@dataclass(frozen=True, slots=True)
class Value:
    """What a record says. Pressures in mmHg, pulse per minute."""

    systolic: int
    diastolic: int
    pulse: int
    map: int | None = None


@dataclass(frozen=True, slots=True)
class Glucose:
    """What a record says that is no pressure."""

    mg_dl: int
    meal: int
    """0 none, 1 before, 2 after; 3 is control solution."""
    substance: int
    """Of a meter: 0 is glucose. Of a D40, a part of the strips' code."""


def request(command: Command, index: int = 0) -> bytes:
    """Make the packet that asks for something, of record `index` where there are records."""
    packet = bytes((_START, command)) + index.to_bytes(2, "little") + bytes((0, 0, _FROM_HOST))
    return packet + bytes((sum8(packet),))


def packets(stream: Stream) -> Cutting:
    """Cut the packets of the device."""
    while True:
        yield from stream.skip_to(bytes((_START,)), "no_start")
        whole = yield from stream.need(_BYTES)
        if whole[6] == _FROM_DEVICE and sum8(whole[:7]) == whole[7]:
            yield stream.take(_BYTES)
        else:
            stream.discard(1, "checksum")


def packet(data: bytes) -> Packet:
    """Decode a packet of either side.

    Raises DecodeError: `length`, `start`, `checksum`, `direction`.
    """
    if len(data) != _BYTES:
        raise DecodeError("length", data, min(len(data), _BYTES))
    if data[0] != _START:
        raise DecodeError("start", data)
    if sum8(data[:7]) != data[7]:
        raise DecodeError("checksum", data, 7)
    if data[6] not in (_FROM_HOST, _FROM_DEVICE):
        raise DecodeError("direction", data, 6)
    return Packet(f"{data[1]:02x}", data[2:6])


def model(payload: bytes) -> str:
    """Return the model as four digits."""
    return payload[1::-1].hex()


def taken(payload: bytes) -> Taken:
    """Decode a time. Raises DecodeError `timestamp`."""
    date = int.from_bytes(payload[:2], "little")
    minute, hour = payload[2], payload[3]
    year, month, day = 2000 + (date >> 9), date >> 5 & 0x0F, date & 0x1F
    at = stamp(payload, year, month, day, hour & 0x1F, minute & 0x3F)
    if at is None:
        raise DecodeError("timestamp", payload)
    return Taken(at, ihb_raw=minute >> 6, average=bool(hour & 0x80))


def value(payload: bytes, layout: Layout) -> Value:
    """Decode what a record of a model with this layout says.

    No mean is 0 or 1: of a D40, that is the upper half of a systolic pressure in a u16.
    """
    if layout is Layout.MIXED and payload[1] <= 1:
        return Value(int.from_bytes(payload[:2], "little"), payload[2], payload[3])
    systolic, mean, diastolic, pulse = payload
    return Value(systolic, diastolic, pulse, mean)


def glucose(payload: bytes) -> Glucose:
    """Decode what a record that is no pressure says."""
    mg_dl, bits = int.from_bytes(payload[:2], "little"), payload[3]
    return Glucose(mg_dl, meal=bits >> 6, substance=bits >> 2 & 0x0F)


def message(data: bytes, layout: Layout = Layout.MIXED) -> Packet | Taken | Value | Glucose:
    """Decode any packet, by itself: a value of a D40 is taken for a pressure.

    Raises DecodeError, of `packet` or `taken`.
    """
    whole = packet(data)
    if data[6] == _FROM_HOST:
        return whole
    if data[1] in (Command.RECORD_TIME, Command.CLOCK):
        return taken(whole.payload)
    if data[1] == Command.RECORD_VALUE:
        return glucose(whole.payload) if layout is Layout.METER else value(whole.payload, layout)
    return whole
