"""Questions and answers with a FreeStyle device over its reports; nothing else is ever written."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from gateway.clock import Instant
from gateway.domain.reading import ClockSample
from gateway.drivers import freestyle_text
from gateway.drivers.api import HID, Frame, Inbox, Session
from gateway.drivers.freestyle_text import Answer, Report
from gateway.errors import DecodeError, LinkTimeout, ProtocolError

ENCRYPTED = (
    "This reader speaks to its maker's programs only, as those of FreeStyle Libre 2 and 3 do: it"
    " cannot be read."
)

_TRIES = 3
_TEXT_WITHIN_S = 5.0  # what tidepool's uploader waits; a reader gathers a long answer first
_LONGEST_ANSWER = 4 << 20  # 90 days of a sensor are half a megabyte
_KEPT_OCTETS = 1024  # of an answer that cannot be read: enough to see what kind of damage it has
_LONGEST_END = len(b"CMD Fail!\r\n")
_REFUSED = b"CKSM:00000000\r\nCMD Fail!\r\n"
_ASIDE_IN_ALL = 64  # kept in a conversation: a list of another layout has thousands of lines
_SETTLES_WITHIN_S = 0.5  # guess: how late a second answer comes to what was asked twice
_SERIAL = re.compile(r"[0-9A-Za-z-]{1,32}")
_LONGEST_VERSION = 64
_SILENT = "the device does not answer: unplug it and plug it in again"


@dataclass(frozen=True, slots=True)
class Told:
    """An answer, and when its last report came."""

    answer: Answer
    at: Instant


@dataclass(frozen=True, slots=True)
class Clock:
    """What a device's clock showed, and when it was asked; None if it was lost."""

    sample: ClockSample | None
    at: Instant
    resolution: timedelta = timedelta(minutes=1)


class Line:
    """Asks one question after the other."""

    def __init__(self, session: Session, inbox: Inbox, message_type: int) -> None:
        self._session = session
        self._inbox = inbox
        self._type = message_type
        self._aside: set[tuple[str, bytes]] = set()
        self._remarked: set[str] = set()

    @classmethod
    async def open(cls, session: Session, message_type: int) -> Line:
        """Begin a conversation whose questions have this type.

        Raises LinkTimeout, LinkLost; ProtocolError if the device is encrypted.
        """
        line = cls(session, await session.link.subscribe(HID), message_type)
        for tries_left in reversed(range(_TRIES)):
            await line._write_afresh(freestyle_text.request(freestyle_text.INIT))
            try:
                await line._next(freestyle_text.INIT_DONE)
                break
            except LinkTimeout as error:
                if not tries_left:
                    raise LinkTimeout(_SILENT) from error
        return line

    async def ask(self, question: Enum) -> Told | None:
        """Ask until the answer is right, three times at most.

        None if the device refuses, which is remarked, or if its answer stays wrong, which is set
        aside. Raises LinkTimeout if nothing comes, LinkLost, ProtocolError.
        """
        text: bytes = question.value
        was_silent = False
        for tries_left in reversed(range(_TRIES)):
            await self._write_afresh(freestyle_text.question(self._type, text))
            try:
                frame = await self._answer()
            except LinkTimeout as error:
                if not tries_left:
                    raise LinkTimeout(_SILENT) from error
                was_silent = True
                continue
            if was_silent:  # or a late answer to this would pass for that to the next question
                await self._forget(within=_SETTLES_WITHIN_S)
            try:
                return Told(freestyle_text.answer(frame.data), frame.received)
            except DecodeError as error:
                if tries_left:
                    continue
                if error.reason == "command_failed":
                    await self.remark(f"refused: {text.decode()}")
                else:
                    await self.set_aside(frame, error)
        return None

    async def introduce(self, serial: Enum, software: Enum, model: str) -> str:
        """Tell who the device is, by these two questions; return its serial number.

        Raises ProtocolError if it tells none, and what `ask` raises.
        """
        number = await self.number(serial, model)
        version = await self.ask(software)
        update = {
            "manufacturer": "Abbott",
            "model": model,
            "serial": number,
            "software": None if version is None else version.answer.text[:_LONGEST_VERSION],
        }
        await self._session.describe(self._session.device.model_copy(update=update))
        return number

    async def number(self, serial: Enum, model: str) -> str:
        """Ask for the serial number; raises ProtocolError if there is none, and what `ask` does."""
        told = await self.ask(serial)
        if told is None or not _SERIAL.fullmatch(told.answer.text):
            raise ProtocolError(f"The device tells no serial number: is it a {model}?")
        return told.answer.text

    async def clock(self, date: Enum, time: Enum) -> Clock | None:
        """Read the clock by its two questions; None if they are not answered.

        The date is asked for twice: between the two questions a day may end.
        """
        for _ in range(_TRIES):
            first, shown, again = await self.ask(date), await self.ask(time), await self.ask(date)
            if first is None or shown is None or again is None:
                return None
            if first.answer == again.answer:
                return await self._clock(first.answer, shown)
        return None

    async def _clock(self, date: Answer, time: Told) -> Clock | None:
        try:
            stamp = freestyle_text.clock(date.message, time.answer.message)
        except DecodeError as error:
            await self.set_aside(Frame(HID, error.payload, time.at), error)
            return None
        if stamp is None:
            await self.remark("clock_lost: set the date and the time of the device")
            return Clock(None, time.at)
        return Clock(ClockSample(shown=stamp.at, at=time.at), time.at, stamp.resolution)

    async def set_aside(self, frame: Frame, error: DecodeError) -> None:
        """Keep what cannot be read, once in a conversation, however often it is read again."""
        data = frame.data[:_KEPT_OCTETS]
        if (error.reason, data) not in self._aside and len(self._aside) < _ASIDE_IN_ALL:
            self._aside.add((error.reason, data))
            kept = DecodeError(error.reason, data, min(error.offset, len(data)))
            await self._session.set_aside(Frame(HID, data, frame.received), kept)

    async def remark(self, event: str) -> None:
        """Remark on something, once in a conversation."""
        if event not in self._remarked:
            self._remarked.add(event)
            await self._session.remark(event)

    async def _write_afresh(self, report: bytes) -> None:
        """Write a report, forgetting what came before: it answers something else."""
        await self._forget(within=0)
        await self._session.link.write(HID, report)

    async def _forget(self, *, within: float) -> None:
        """Pass over what came, and what comes `within` s of each other; but not for ever."""
        until = self._session.now().monotonic + _TEXT_WITHIN_S
        with contextlib.suppress(LinkTimeout):
            while self._session.now().monotonic <= until:
                await self._inbox.get(within=within)

    async def _answer(self) -> Frame:
        """Put together what comes until an answer is whole.

        A device that does not know the question's type answers as if it had failed.
        """
        text = bytearray()
        while not freestyle_text.is_whole(bytes(text[-_LONGEST_END:])):
            report, at = await self._next(freestyle_text.TEXT, freestyle_text.UNKNOWN_TYPE)
            if report.message_type == freestyle_text.UNKNOWN_TYPE:
                return Frame(HID, _REFUSED, at)
            text += report.data
            if len(text) > _LONGEST_ANSWER:
                raise ProtocolError("The device's answer has no end.")
        return Frame(HID, bytes(text), at)

    async def _next(self, *types: int) -> tuple[Report, Instant]:
        """Wait for a report of one of these types, and pass over others.

        One that cannot be read is set aside; what it belongs to will not add up.
        """
        until = self._session.now().monotonic + _TEXT_WITHIN_S
        left = _TEXT_WITHIN_S
        while left >= 0:
            frame = await self._inbox.get(within=left)
            left = until - self._session.now().monotonic
            if frame.data[:1] == bytes((freestyle_text.CIPHER,)):
                raise ProtocolError(ENCRYPTED)
            try:
                report = freestyle_text.report(frame.data)
            except DecodeError as error:
                await self.set_aside(frame, error)
                continue
            if report.message_type in types:
                return report, frame.received
        raise LinkTimeout("the device sends, but no answer came in time")
