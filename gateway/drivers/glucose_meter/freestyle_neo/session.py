"""Reading the memory of a Precision or Optium Neo; its clock is asked for in the same conversation.

The meter gives its whole memory or nothing. The bookmark holds what its clock showed. Only the
questions of `codec.Ask` are ever written.
"""

from __future__ import annotations

from gateway.drivers import freestyle_text
from gateway.drivers.api import HID, Frame, Session
from gateway.drivers.clock_log import Look, is_look
from gateway.drivers.freestyle_line import Line, Told
from gateway.drivers.glucose_meter.freestyle_neo import codec
from gateway.drivers.glucose_meter.freestyle_neo.codec import Ask
from gateway.drivers.glucose_meter.freestyle_neo.readings import (
    Meter,
    Stored,
    clock_changes,
    oldest_first,
    readings,
)
from gateway.drivers.polling import POLL_S
from gateway.errors import DecodeError

NEO = (0x1A61, 0x3850)
"""The USB id."""

_MODEL = "FreeStyle Precision Neo, Optium Neo"


async def converse(session: Session) -> None:
    """Read the memory whenever it says something else than before, until the link is gone."""
    line = await Line.open(session, freestyle_text.TEXT)
    serial = await line.introduce(Ask.SERIAL, Ask.SOFTWARE, _MODEL)
    safe = None
    while True:
        told = await line.ask(Ask.RESULTS)
        if told is not None and told.answer != safe and await _record(session, line, serial, told):
            safe = told.answer
        await session.pause(POLL_S)


async def serial_number(session: Session) -> str:
    """Ask for the serial number and nothing else."""
    line = await Line.open(session, freestyle_text.TEXT)
    return await line.number(Ask.SERIAL, _MODEL)


async def _record(session: Session, line: Line, serial: str, told: Told) -> bool:
    """Record the memory; False without the clock, by which alone its times are right."""
    clock = await line.clock(Ask.DATE, Ask.TIME)
    if clock is None:
        return False
    owner, _, seen = (await session.bookmark() or "").partition(":")
    before = Look.from_text(seen) if owner == serial else None
    meter = Meter(session.device.id, serial, clock.sample, before)
    stored = oldest_first(await _stored(line, told))
    made = list(readings(stored, meter, told.at))
    if made:
        look = Look.of(clock.sample, clock_changes(stored)) if any(map(is_look, made)) else None
        look = look or before
        await session.record(*made, bookmark=f"{serial}:{look.to_text() if look else ''}")
    return True


async def _stored(line: Line, told: Told) -> list[Stored]:
    """Decode the lines of the memory; set aside those that are none, or all if they do not add."""
    try:
        lines = freestyle_text.records(told.answer.message)
    except DecodeError as error:
        await line.set_aside(Frame(HID, told.answer.message, told.at), error)
        return []
    stored = []
    for each in lines:
        try:
            record = codec.record(each)
        except DecodeError as error:
            await line.set_aside(Frame(HID, each, told.at), error)
            continue
        stored.append(Stored(each, record))
    return stored
