"""Packets to and from a Dexcom receiver, and the only commands this gateway can say.

    01 | total length u16, 6..1590 | command or result u8 | payload | CRC u16

little-endian; the CRC is CRC-16/XMODEM over all that precedes it. The host asks, the receiver
answers; nothing comes by itself.

The receiver also obeys commands that erase its memory, set its clock or shut it down. They are not
in `Command`, and `request` takes nothing else.

Source: public implementations openaps/dexcom_reader and ecc1/dexcom, with their captures.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from gateway.errors import DecodeError
from gateway.wire.stream import Cutting, Stream
from gateway.wire.sums import crc16_xmodem

SHORTEST, LONGEST = 6, 1590
"""The longest carries three pages."""

_START = b"\x01"
_CRC_BYTES = 2
_PAYLOAD_AT = 4


class Command(IntEnum):
    """Every command that can be sent. All of them only read."""

    PING = 10
    READ_FIRMWARE_HEADER = 11
    READ_PAGE_RANGE = 16
    READ_PAGES = 17
    READ_DISPLAY_TIME_OFFSET = 29
    READ_SYSTEM_TIME = 34
    READ_BLINDED_MODE = 39


class Result(IntEnum):
    """How the receiver answers."""

    ACK = 1
    NAK = 2
    INVALID_COMMAND = 3
    INVALID_PARAM = 4
    INCOMPLETE_PACKET = 5
    RECEIVER_ERROR = 6
    INVALID_MODE = 7


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet; `command` is a command of the host or a result of the receiver."""

    command: int
    payload: bytes


def request(command: Command, payload: bytes = b"") -> bytes:
    """Make the packet that asks for something."""
    length = SHORTEST + len(payload)
    packet = _START + length.to_bytes(2, "little") + bytes((command,)) + payload
    return packet + crc16_xmodem(packet).to_bytes(2, "little")


def packets(stream: Stream) -> Cutting:
    """Cut packets; a beginning whose length or CRC is wrong was none."""
    while True:
        yield from stream.skip_to(_START, "sof")
        length = int.from_bytes((yield from stream.need(3))[1:], "little")
        if not SHORTEST <= length <= LONGEST:
            stream.discard(1, "length")
            continue
        whole = yield from stream.need(length)
        if _has_right_crc(whole):
            yield stream.take(length)
        else:
            stream.discard(1, "crc")


def packet(data: bytes) -> Packet:
    """Decode one packet.

    Raises DecodeError: `sof`, `length`, `incomplete`, `crc`.
    """
    if data[:1] != _START:
        raise DecodeError("sof", data)
    length = int.from_bytes(data[1:3], "little")
    if len(data) >= 3 and not SHORTEST <= length <= LONGEST:
        raise DecodeError("length", data, 1)
    if len(data) < max(length, SHORTEST):
        raise DecodeError("incomplete", data, len(data))
    if len(data) > length:
        raise DecodeError("length", data, 1)
    if not _has_right_crc(data):
        raise DecodeError("crc", data, length - _CRC_BYTES)
    return Packet(data[3], data[_PAYLOAD_AT:-_CRC_BYTES])


def _has_right_crc(whole: bytes) -> bool:
    told = int.from_bytes(whole[-_CRC_BYTES:], "little")
    return crc16_xmodem(whole[:-_CRC_BYTES]) == told
