"""Questions to a Microlife cuff, and its answers put together of notifications.

An answer comes in parts that have no number. One that is damaged, or not whole, is asked for again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from gateway.clock import Instant
from gateway.domain.reading import ClockSample
from gateway.drivers.api import Frame, Inbox, Session, gatt
from gateway.drivers.bp_monitor.microlife import codec
from gateway.errors import DecodeError, LinkTimeout, ProtocolError

SERVICE = "fff0"
DATA, COMMANDS = gatt(SERVICE, "fff1"), gatt(SERVICE, "fff2")

_ANSWER_S = 10.0  # guess: public clients wait 10, 30 and 60 s for a whole answer; here for a part
_TRIES = 2
_QUIET_S = 1.0  # guess: the parts of an answer follow each other by far less
_MOST_PARTS = 256  # about twice as many as the longest answer has
_PASSED_OVER = 32  # frames that answer nothing that was asked; guess: none has been seen

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Told(Generic[T]):
    """What an answer says, and when its last part came."""

    said: T
    received: Instant


class Line:
    """Questions, and their answers put together of notifications."""

    def __init__(self, session: Session, inbox: Inbox) -> None:
        self._session = session
        self._parts = _Parts(inbox)
        self._held = b""
        self._known = False
        self.older = False
        """Whether the cuff is of the older kind; known once it has answered."""

    async def users(self) -> int:
        """Return how many users it can have. Raises ProtocolError if this is no such cuff."""
        told = await self.ask(codec.WHO, lambda it: codec.users(it, older=self.older))
        if told is None:
            raise ProtocolError("The cuff did not say who uses it: try again.")
        return told.said

    async def clock(self) -> ClockSample | None:
        """Return what its clock shows; None if it was never set, or is not shown."""
        try:
            told = await self.ask(codec.CLOCK, codec.clock, tries=1)
        except ProtocolError:
            return None
        if told is None or told.said is None:
            return None
        return ClockSample(shown=told.said, at=told.received)

    async def ask(
        self,
        number: int,
        read: Callable[[bytes], T],
        data: bytes = b"",
        *,
        tries: int = _TRIES,
    ) -> Told[T] | None:
        """Return what answers; None if it says, as often as it is asked, that it has nothing.

        It is asked again also if it says that it has done it, as by the maker's own kit. Raises
        ProtocolError if no right answer comes, and at once if the first that comes is one that no
        cuff of the family gives.
        """
        nothing, quiet_s = False, 0.0
        for _ in range(tries):
            await self._write(number, data, quiet_s)
            try:
                told = await self._answer(number, read)
                if told is not None:
                    return told
                nothing = True
            except LinkTimeout:
                continue
            except DecodeError as error:
                frame = Frame(DATA, error.payload, self._session.now())
                await self._session.set_aside(frame, error)
                if not self._known and error.reason == "bad_header":
                    raise ProtocolError(
                        "It answers as no Microlife cuff of this kind does: is it another device?"
                    ) from error
                quiet_s = _QUIET_S  # the rest of it may still come
        if nothing:
            return None
        raise ProtocolError("The cuff gave no right answer: switch its Bluetooth on again.")

    async def tell(self, number: int, data: bytes) -> bool:
        """Have it do something; False if it does not say that it has done it."""
        await self._write(number, data)
        try:
            return await self._answer(number, bytes) is None
        except (LinkTimeout, DecodeError):
            return False

    async def _write(self, number: int, data: bytes, quiet_s: float = 0.0) -> None:
        self._held = b""
        await self._parts.forget(quiet_s)
        await self._session.link.write(COMMANDS, codec.ask(number, data))

    async def _answer(self, number: int, read: Callable[[bytes], T]) -> Told[T] | None:
        for _ in range(_PASSED_OVER):
            whole = await self._whole()
            frame = codec.frame(whole.data)
            self._known, self.older = True, frame.sender == codec.OLDER_CUFF
            if frame.payload in (codec.DONE, codec.NOTHING):
                return None
            if frame.payload[:1] == bytes((number,)):
                return Told(read(frame.payload), whole.received)
        raise LinkTimeout("the cuff says much, and does not answer")

    async def _whole(self) -> Frame:
        """Return the next whole frame, received when its last part was."""
        received = self._session.now()
        while (octets := codec.octets_of(self._held)) is None or len(self._held) < octets:
            part = await self._parts.get(begun=self._held)
            self._held, received = self._held + part.data, part.received
        whole, self._held = self._held[:octets], self._held[octets:]
        return Frame(DATA, whole, received)


class _Parts:
    """Notifications, each once: some stacks give them twice, and a part has no number."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._twice = False
        self._last: bytes | None = None

    async def forget(self, quiet_s: float) -> None:
        """Pass over what comes until it is quiet: it answers what was asked before."""
        with contextlib.suppress(LinkTimeout):
            for _ in range(_MOST_PARTS):
                await self._inbox.get(within=quiet_s)

    async def get(self, *, begun: bytes) -> Frame:
        """Return the next part of a frame that has begun so; raises LinkTimeout, LinkLost."""
        while True:
            part = await self._inbox.get(within=_ANSWER_S)
            begins_again = bool(begun) and part.data == begun
            self._twice = self._twice or begins_again
            if not (begins_again or (self._twice and part.data == self._last)):
                self._last = part.data
                return part
            self._last = None
