"""Whole frames out of a serial link: the one loop that every serial driver needs."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from gateway.drivers.api import SERIAL, Frame, Inbox, Session
from gateway.errors import DecodeError, LinkLost, LinkTimeout
from gateway.wire.stream import Framer, Garbage, Grammar

ASIDE_PER_DAY = 64
"""Unreadable pieces kept in a day: a line set to the wrong speed yields them without end."""

NOISE = "too much noise on the line: check its speed, parity and cable"

_DAY_S = 86_400.0
_LISTEN_S = 3600.0  # how long one wait lasts; a device that is silent for longer is listened to on

Message = TypeVar("Message")


class FramedInbox:
    """Frames of a serial link, cut by a grammar; what belongs to none is set aside.

    A frame was received when its last byte was.
    """

    def __init__(self, session: Session, inbox: Inbox, grammar: Grammar) -> None:
        self._session = session
        self._inbox = inbox
        self._grammar = grammar
        self._framer = Framer(grammar)
        self._whole: deque[Frame] = deque()
        self._aside = 0
        self._aside_since = session.now().monotonic

    async def get(self, *, within: float) -> Frame:
        """Wait for the next whole frame, at most `within` seconds; raises LinkTimeout, LinkLost.

        With 0, what has come already is looked at.
        """
        left = within
        until = self._session.now().monotonic + within
        while not self._whole:
            if left < 0:
                raise LinkTimeout("the device sends, but no whole frame came in time")
            try:
                chunk = await self._inbox.get(within=left)
            except LinkLost:
                await self._keep(self._framer.rest())
                raise
            await self._keep(self._framer.feed(chunk.data), chunk)
            left = until - self._session.now().monotonic
        return self._whole.popleft()

    async def ask(
        self, request: bytes, *, within: float, answer: Grammar | None = None, tries: int = 1
    ) -> Frame:
        """Write a request and return the next whole frame; for devices that speak when spoken to.

        What has come before is forgotten: it answers something else. `answer` cuts from here on.
        Asks again after a silence of `within` seconds, `tries` times in all; then LinkTimeout.
        """
        self._grammar = answer or self._grammar
        for _ in range(tries - 1):
            await self._write_afresh(request)
            with contextlib.suppress(LinkTimeout):
                return await self.get(within=within)
        await self._write_afresh(request)
        return await self.get(within=within)

    async def _write_afresh(self, request: bytes) -> None:
        self._whole.clear()
        self._framer = Framer(self._grammar)
        with contextlib.suppress(LinkTimeout):
            while True:
                await self._inbox.get(within=0)
        await self._session.link.write(SERIAL, request)

    async def messages(
        self, decode: Callable[[Frame], Message]
    ) -> AsyncIterator[tuple[Frame, Message]]:
        """Listen until LinkLost, which ends the conversation, and decode each frame.

        Frames that `decode` refuses are set aside.
        """
        while True:
            try:
                frame = await self.get(within=_LISTEN_S)
            except LinkTimeout:
                continue
            try:
                message = decode(frame)
            except DecodeError as error:
                await self.set_aside(frame, error)
            else:
                yield frame, message

    async def set_aside(self, frame: Frame, error: DecodeError) -> None:
        """Keep a frame that could not be read, up to a bound for each day."""
        now = self._session.now().monotonic
        if now - self._aside_since >= _DAY_S:
            self._aside, self._aside_since = 0, now
        self._aside += 1
        if self._aside <= ASIDE_PER_DAY:
            await self._session.set_aside(frame, error)
        elif self._aside == ASIDE_PER_DAY + 1:
            await self._session.remark(NOISE)

    async def _keep(
        self, pieces: list[bytes | Garbage] | list[Garbage], chunk: Frame | None = None
    ) -> None:
        received = chunk.received if chunk is not None else self._session.now()
        for piece in pieces:
            if isinstance(piece, Garbage):
                frame = Frame(SERIAL, piece.data, received)
                await self.set_aside(frame, DecodeError(piece.reason, piece.data))
            else:
                self._whole.append(Frame(SERIAL, piece, received))


async def framed(session: Session, grammar: Grammar) -> FramedInbox:
    """Start to listen on the session's serial link."""
    return FramedInbox(session, await session.link.subscribe(SERIAL), grammar)
