"""Reading the memory of a OneTouch UltraEasy; its clock is asked for in the same conversation.

Both sides number their packets with one bit and acknowledge each. A disconnect brings both bits
back to 0. Only the questions of `codec` are ever written; the memory stays as it is.
"""

from __future__ import annotations

from gateway.domain.reading import ClockSample
from gateway.drivers.api import SERIAL, Frame, Session
from gateway.drivers.framing import FramedInbox, framed
from gateway.drivers.glucose_meter.lifescan import packet, seal
from gateway.drivers.glucose_meter.memory import Stored, reading
from gateway.drivers.glucose_meter.onetouch_ultraeasy import codec
from gateway.drivers.glucose_meter.onetouch_ultraeasy.codec import (
    ACKNOWLEDGES,
    DISCONNECTS,
    EXPECTED,
    SEQUENCE,
    Ask,
)
from gateway.drivers.polling import read_again_and_again
from gateway.errors import DecodeError, LinkTimeout, ProtocolError

_ANSWER_WITHIN_S = 1.0
_RECORDS = 500  # what the meter keeps


async def converse(session: Session) -> None:
    """Read the memory whenever the meter answers, until the link is gone."""
    inbox = await framed(session, codec.packets)
    line = _Line(session, inbox)

    async def read() -> None:
        try:
            await _read(session, line, inbox)
        except DecodeError as error:
            raise ProtocolError("The meter answers another question than was asked.") from error

    await read_again_and_again(session, line.connect, read)


class _Line:
    """Questions and answers, with the two sequence bits."""

    def __init__(self, session: Session, inbox: FramedInbox) -> None:
        self._session = session
        self._inbox = inbox
        self._ours = False
        self._theirs = False

    async def connect(self) -> bool:
        """Bring both sides back to the beginning; False if no meter answers."""
        self._ours = self._theirs = False
        try:
            frame = await self._inbox.ask(seal(DISCONNECTS), within=_ANSWER_WITHIN_S)
        except LinkTimeout:
            return False
        return bool(packet(frame.data).link & DISCONNECTS)

    async def ask(self, message: bytes) -> Frame:
        """Return the message that answers, with when it came; raises LinkTimeout."""
        frame = await self._inbox.ask(seal(self._bits(), message), within=_ANSWER_WITHIN_S)
        while packet(frame.data).link & ACKNOWLEDGES:
            frame = await self._inbox.get(within=_ANSWER_WITHIN_S)
        self._ours, self._theirs = not self._ours, not self._theirs
        acknowledgement = seal(self._bits() | ACKNOWLEDGES)
        await self._session.link.write(SERIAL, acknowledgement)
        return Frame(SERIAL, packet(frame.data).message, frame.received)

    def _bits(self) -> int:
        return (SEQUENCE if self._ours else 0) | (EXPECTED if self._theirs else 0)


async def _read(session: Session, line: _Line, inbox: FramedInbox) -> None:
    await _introduce(session, line)
    shown = await line.ask(Ask.CLOCK.value)
    clock = ClockSample(shown=codec.clock(shown.data).device_time.at, at=shown.received)
    count = codec.count((await line.ask(Ask.COUNT.value)).data).record_count
    if count > _RECORDS:
        raise ProtocolError(f"The meter claims {count} records, more than it can keep.")
    made = []
    for number in range(count):
        frame = await line.ask(codec.ask_for_record(number))
        try:
            record = codec.record(frame.data)
        except DecodeError as error:
            await inbox.set_aside(frame, error)
        else:
            stored = Stored(record.device_time, record.glucose_mgdl, frame.received)
            made.append(reading(session, stored, clock))
    if made:
        await session.record(*reversed(made))


async def _introduce(session: Session, line: _Line) -> None:
    number = codec.serial((await line.ask(Ask.SERIAL.value)).data)
    update = {"manufacturer": "LifeScan", "model": "OneTouch UltraEasy", "serial": number}
    await session.describe(session.device.model_copy(update=update))
