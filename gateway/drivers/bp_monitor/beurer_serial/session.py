"""Reading the memory of a Beurer cuff; its clock cannot be asked for, so the hub's zone is assumed.

Nothing but questions is ever written. The memory stays as it is: re-reading it is no news.
"""

from __future__ import annotations

from gateway.drivers.api import Frame, Session
from gateway.drivers.bp_monitor.beurer_serial import codec
from gateway.drivers.bp_monitor.memory import Stored, made
from gateway.drivers.framing import FramedInbox, framed
from gateway.drivers.polling import read_again_and_again
from gateway.errors import DecodeError, LinkTimeout

_ANSWER_WITHIN_S = 1.0
_TRIES = 3


async def converse(session: Session) -> None:
    """Read the memory whenever the cuff is switched to it, until the link is gone."""
    inbox = await framed(session, codec.one_byte)

    async def is_there() -> bool:
        try:
            answer = await inbox.ask(codec.PING, within=_ANSWER_WITHIN_S, answer=codec.one_byte)
        except LinkTimeout:
            return False
        return answer.data[0] == codec.PONG

    async def read() -> None:
        await _introduce(session, inbox)
        await _read(session, inbox)

    await read_again_and_again(session, is_there, read)


async def _introduce(session: Session, inbox: FramedInbox) -> None:
    answer = await inbox.ask(
        codec.DESCRIBE, within=_ANSWER_WITHIN_S, answer=codec.description, tries=_TRIES
    )
    text = answer.data.decode("ascii", errors="replace").strip("\0 ")
    update = {"manufacturer": "Beurer", "model": text or None}
    await session.describe(session.device.model_copy(update=update))


async def _read(session: Session, inbox: FramedInbox) -> None:
    answer = await inbox.ask(
        codec.COUNT, within=_ANSWER_WITHIN_S, answer=codec.one_byte, tries=_TRIES
    )
    stored = []
    for number in range(1, answer.data[0] + 1):
        frame, agreed = await _asked_twice(inbox, number)
        try:
            if not agreed:
                raise DecodeError("no_two_answers_agree", frame.data)
            record = codec.record(frame.data)
        except DecodeError as error:
            await inbox.set_aside(frame, error)
        else:
            slot = "2" if record.second_user else None
            stored.append(Stored(record.device_time, record.pressure, frame.received, slot))
    if stored:
        await session.record(*made(session, stored))


async def _asked_twice(inbox: FramedInbox, number: int) -> tuple[Frame, bool]:
    """Ask for a record until two answers in a row agree; say whether they did.

    An answer has no checksum: a byte that came twice on its way would make another measurement.
    """
    last = b""
    for _ in range(_TRIES):
        frame = await inbox.ask(
            codec.read(number), within=_ANSWER_WITHIN_S, answer=codec.records, tries=_TRIES
        )
        if frame.data == last:
            return frame, True
        last = frame.data
    return frame, False
