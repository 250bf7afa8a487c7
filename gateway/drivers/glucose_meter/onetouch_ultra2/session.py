"""Reading the memory of a OneTouch Ultra2; its clock is asked for in the same conversation.

Only the commands of `codec.Command` are ever written. The memory stays as it is.
"""

from __future__ import annotations

from gateway.domain.reading import ClockSample, Reading
from gateway.drivers.api import Session
from gateway.drivers.framing import FramedInbox, framed
from gateway.drivers.glucose_meter.memory import Stored, reading
from gateway.drivers.glucose_meter.onetouch_ultra2 import codec
from gateway.drivers.glucose_meter.onetouch_ultra2.codec import Clock, Command, Header, Record
from gateway.drivers.polling import read_again_and_again
from gateway.errors import DecodeError, LinkTimeout, ProtocolError

_ANSWER_WITHIN_S = 2.0
_TRIES = 3
_MEALS = {"before": "preprandial", "after": "postprandial"}


async def converse(session: Session) -> None:
    """Read the memory whenever the meter answers, until the link is gone."""
    inbox = await framed(session, codec.frames)

    async def is_there() -> bool:
        try:
            return await _clock(inbox, tries=1) is not None
        except LinkTimeout:
            return False

    async def read() -> None:
        await _read(session, inbox)

    await read_again_and_again(session, is_there, read)


async def _clock(inbox: FramedInbox, *, tries: int) -> ClockSample | None:
    """Ask for the clock; None if the answer is none."""
    frame = await inbox.ask(codec.request(Command.CLOCK), within=_ANSWER_WITHIN_S, tries=tries)
    try:
        message = codec.message(frame.data)
    except DecodeError as error:
        await inbox.set_aside(frame, error)
        return None
    if not isinstance(message, Clock):
        return None
    return ClockSample(shown=message.device_time.at, at=frame.received)


async def _read(session: Session, inbox: FramedInbox) -> None:
    """Record the memory; nothing without the clock, by which alone its times are right."""
    clock = await _clock(inbox, tries=_TRIES)
    header = await _header(inbox) if clock is not None else None
    if header is None:
        return
    update = {"manufacturer": "LifeScan", "model": "OneTouch Ultra2", "serial": header.serial}
    await session.describe(session.device.model_copy(update=update))
    made = await _records(session, inbox, header.record_count, clock)
    if made:
        await session.record(*made)


async def _header(inbox: FramedInbox) -> Header | None:
    """Ask for the records; None if the line that says how many there are cannot be read."""
    frame = await inbox.ask(codec.request(Command.RECORDS), within=_ANSWER_WITHIN_S, tries=_TRIES)
    try:
        message = codec.message(frame.data)
    except DecodeError as error:
        await inbox.set_aside(frame, error)
        return None
    if not isinstance(message, Header):
        raise ProtocolError("The meter answers another question than was asked.")
    return message


async def _records(
    session: Session, inbox: FramedInbox, count: int, clock: ClockSample | None
) -> list[Reading]:
    """Return the readings of the lines after a header; of a meter that stops, those so far."""
    made = []
    for _ in range(count):
        try:
            frame = await inbox.get(within=_ANSWER_WITHIN_S)
        except LinkTimeout:
            break
        try:
            message = codec.message(frame.data)
        except DecodeError as error:
            await inbox.set_aside(frame, error)
            continue
        if isinstance(message, Record):
            stored = Stored(
                message.device_time,
                message.glucose_mgdl,
                frame.received,
                control=message.control,
                doubts={"parity_error"} if message.parity_error else frozenset(),
                findings={_MEALS[message.meal]} if message.meal in _MEALS else frozenset(),
            )
            made.append(reading(session, stored, clock))
    return made
