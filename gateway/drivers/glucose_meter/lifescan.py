"""The packets of LifeScan's meters, on a cable and over Bluetooth.

    02 | length u8, of all | link u8 | message | 03 | CRC u16

The CRC is CRC-16/CCITT-FALSE over what precedes it, least significant octet first. On meters that
do not number their packets `link` is always 0; some clients take it for the upper octet of the
length.

Source: glucometers-tech/glucometer-protocols, "Shared Binary Protocol".
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.errors import DecodeError
from gateway.wire.sums import crc16_ccitt_false

START, END = 0x02, 0x03
SHORTEST = 6

_MESSAGE_AT = 3
_TRAILER = 3  # the end mark and the CRC


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet of either side."""

    link: int
    message: bytes
    crc16_ccitt_false: str


def seal(link: int, message: bytes = b"") -> bytes:
    """Make a packet."""
    body = bytes((START, SHORTEST + len(message), link)) + message + bytes((END,))
    return body + crc16_ccitt_false(body).to_bytes(2, "little")


def packet(data: bytes) -> Packet:
    """Decode a packet.

    Raises DecodeError: `start`, `length`, `end`, `crc`.
    """
    if data[:1] != bytes((START,)):
        raise DecodeError("start", data)
    if len(data) < SHORTEST or data[1] != len(data):
        raise DecodeError("length", data, min(1, len(data)))
    if data[-_TRAILER] != END:
        raise DecodeError("end", data, len(data) - _TRAILER)
    crc = int.from_bytes(data[-2:], "little")
    if crc16_ccitt_false(data[:-2]) != crc:
        raise DecodeError("crc", data, len(data) - 2)
    return Packet(data[2], data[_MESSAGE_AT:-_TRAILER], f"{crc:04x}")


def is_packet(data: bytes) -> bool:
    """Say whether it is a whole packet, and not octets that only begin like one."""
    try:
        packet(data)
    except DecodeError:
        return False
    return True
