"""The custom service of A&D cuffs and scales: their clock, and the word that ends a connection.

    length u8 (of what follows) | kind u8: 1 set, 0 read, 3 of the buffer | command u8 | payload
    08 01 01 YY MM DD hh mm ss   set the time, the year from 2000 on
    02 01 03                     disconnect

An A&D device is paired once, in the mode it shows as "Pr"; from then on it appears after each
measurement for some seconds, sends what it has, and waits to be told to disconnect. What erases,
unpairs or resets is known here by name, for `decode`, and never written.

Source: A&D "BLE data format" sheet as restated by public clients (UA-651BLE, UC-352BLE).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime

from gateway.drivers.api import Session, gatt
from gateway.errors import DecodeError, LinkError
from gateway.wire.cursor import Cursor

CUSTOM = gatt(
    "233bf000-5a34-1b6d-975c-000d5690abe4",
    "233bf001-5a34-1b6d-975c-000d5690abe4",
)
DISCONNECT = bytes.fromhex("020103")

_COMMANDS = {
    (0x01, 0x01): "set_time",
    (0x01, 0x03): "disconnect",
    (0x00, 0x04): "read_time",
    (0x01, 0x10): "unpair",
    (0x01, 0x12): "delete_all_memory",
    (0x01, 0xA6): "set_buffer_size",
    (0x00, 0xDB): "read_settings",
    (0x00, 0xE1): "request_buffered",
}


@dataclass(frozen=True, slots=True)
class AndCommand:
    """One command of the custom service."""

    length: int
    write: bool
    command: str
    payload: str
    """Hex."""


def decode_command(data: bytes) -> AndCommand:
    """Read a command; raises DecodeError."""
    cursor = Cursor(data)
    length, kind = cursor.u8(), cursor.u8()
    number = cursor.u8()
    if length != len(data) - 1:
        raise DecodeError("bad_length", data)
    if (kind, number) not in _COMMANDS:
        raise DecodeError("unknown_command", data, 1)
    return AndCommand(length, kind == 1, _COMMANDS[kind, number], cursor.rest().hex())


def set_time(shown: datetime) -> bytes:
    """Write the command that sets the clock to `shown`, naive."""
    parts = (shown.year - 2000, shown.month, shown.day, shown.hour, shown.minute, shown.second)
    return bytes((8, 1, 1, *parts))


def is_one(session: Session) -> bool:
    """Say whether the device has the custom service."""
    return CUSTOM in session.link.channels


async def let_go(session: Session) -> None:
    """Tell the device that it may disconnect; it may have done so already."""
    if is_one(session):
        with contextlib.suppress(LinkError):
            await session.link.write(CUSTOM, DISCONNECT)
