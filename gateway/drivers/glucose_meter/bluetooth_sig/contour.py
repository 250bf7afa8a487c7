"""What Contour meters (Next One, Plus) want before anything else.

    00001026-...   op u8 (01: set) | UTC Date Time | offset of the local time i16 min

It must be bonded before it is subscribed to (`bonds_first` of the manifest sees to that), and shows
an error unless its clock was written: so this comes before the other subscriptions. The clock is
written in every conversation where the owner lets clocks be set, and otherwise only looked at.
It is written to and indicates, as a control point does: it is subscribed to before it is written.

Source: a public client's handling of the Contour Next One, and a list of its characteristics;
nobody has tried it on the hardware.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.drivers.api import Inbox, Session, gatt
from gateway.drivers.device_clock import wanted_time, write_clock, zone_offset
from gateway.errors import DecodeError, LinkRefused, LinkTimeout
from gateway.wire.cursor import Cursor
from gateway.wire.gatt_time import DateTime, date_time, date_time_octets

CLOCK = gatt("00000000-0002-11e2-9e96-0800200c9a66", "00001026-0002-11e2-9e96-0800200c9a66")

_SET = 0x01
_ANSWER_S = 1.0  # guess
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ContourClock:
    """What the clock is set to."""

    op: int
    utc: DateTime
    local_offset_min: int


def decode_clock(data: bytes) -> ContourClock:
    """Read what is written to the clock; raises DecodeError."""
    cursor = Cursor(data)
    op = cursor.u8()
    if op != _SET:
        raise DecodeError("unknown_op_code", data)
    return ContourClock(op, date_time(cursor), cursor.i16())


def clock_octets(utc: datetime, offset: timedelta) -> bytes:
    """Write the clock: `utc` naive, and what the local time is ahead of it."""
    minutes = offset // _MINUTE
    return bytes((_SET,)) + date_time_octets(utc) + minutes.to_bytes(2, "little", signed=True)


async def greet(session: Session) -> None:
    """Set or look at the clock of a Contour meter; do nothing for others."""
    if CLOCK not in session.link.channels:
        return
    shown = wanted_time(session)
    if shown is not None:
        answers = await _subscribed(session)
        offset = zone_offset(session, shown)
        await write_clock(session, CLOCK, clock_octets(shown - offset, offset))
        if answers is not None:
            with suppress(LinkTimeout):  # nobody knows what it says, but it waits to be confirmed
                await answers.get(within=_ANSWER_S)
        return
    try:
        await session.link.read(CLOCK)
    except LinkRefused:
        await session.remark("clock_left_alone: the meter may show an error until set_clock is set")


async def _subscribed(session: Session) -> Inbox | None:
    try:
        return await session.link.subscribe(CLOCK)
    except LinkRefused:
        return None
