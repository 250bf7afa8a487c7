"""CareSens meters (i-SENS, also sold as ReliOn): what tells them, and the clock of their own.

They have no Current Time Service.

    fff0/fff1, from version 1.5 on c4dea010-.../c4dea3bc-...
    we write    c0 03 01 00 | Date Time     set the clock; all zeros: ask what it shows
    answer      4 octets | Date Time        what it showed

Asking and setting are one command. So the clock is asked only where the owner lets clocks be set,
and then set in every conversation: one that took the zeros for a time is put right at once.

Source: the maker's sample programs for iOS and Android and a public client for setting; the
uploader of a diabetes data platform, in use with these meters, for asking too.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.reading import ClockSample
from gateway.drivers.api import Channel, Session, gatt
from gateway.drivers.device_clock import wanted_time, write_clock
from gateway.errors import DecodeError, LinkError, PairingNeeded
from gateway.wire.cursor import Cursor
from gateway.wire.gatt_time import DateTime, date_time, date_time_octets

CLOCK = gatt("c4dea010-5a9d-11e9-8647-d663bd873d93", "c4dea3bc-5a9d-11e9-8647-d663bd873d93")
OLD_CLOCK = gatt("fff0", "fff1")
"""Other makers use this number too, for something else."""

_COMMAND = bytes.fromhex("c0030100")
_ANSWER_S = 5.0
_NAMES = ("caresens", "relion", "i-sens")


@dataclass(frozen=True, slots=True)
class CareSensClock:
    """What the clock is set to, or showed; None in a question."""

    is_command: bool
    shown: DateTime | None


def decode_clock(data: bytes) -> CareSensClock:
    """Read what is written to the clock, or its answer; raises DecodeError."""
    cursor = Cursor(data)
    head = cursor.take(len(_COMMAND))
    shown = date_time(cursor)
    is_question = head == _COMMAND and not any(date_time_octets(shown))
    return CareSensClock(head == _COMMAND, None if is_question else shown)


async def read_clock(session: Session) -> ClockSample | None:
    """Ask what the clock shows, if the owner lets it be set; None if it does not say."""
    channel = _channel(session)
    if channel is None or wanted_time(session) is None:
        return None
    with suppress(LinkError, PairingNeeded, DecodeError):
        answers = await session.link.subscribe(channel)
        await session.link.write(channel, _COMMAND + bytes(7))
        frame = await answers.get(within=_ANSWER_S)
        shown = decode_clock(frame.data).shown
        if isinstance(shown, datetime):
            return ClockSample(shown=shown, at=frame.received)
    return None


async def set_clock(session: Session) -> None:
    """Set the clock, if the owner allows it."""
    channel, shown = _channel(session), wanted_time(session)
    if channel is not None and shown is not None:
        await write_clock(session, channel, _COMMAND + date_time_octets(shown))


def is_one(session: Session) -> bool:
    """Say whether the meter is one of these, by what it offers or is called."""
    names = (session.sighting.name, session.device.manufacturer)
    is_called_so = any(name.lower().startswith(_NAMES) for name in names if name)
    return is_called_so or CLOCK in session.link.channels


def _channel(session: Session) -> Channel | None:
    if CLOCK in session.link.channels:
        return CLOCK
    return OLD_CLOCK if is_one(session) and OLD_CLOCK in session.link.channels else None
