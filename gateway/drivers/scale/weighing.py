"""The conversation of scales that show a weight again and again, by themselves or when asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

from gateway.domain.reading import Reading
from gateway.drivers.api import SERIAL, Frame, Session
from gateway.drivers.cable_readings import Origin
from gateway.drivers.framing import FramedInbox, framed
from gateway.drivers.scale.readings import kilograms, weight
from gateway.drivers.scale.standing import Standing
from gateway.drivers.scale.weigh_in import (
    LIVE_DIFFERS_BY,
    LOCKED_DIFFERS_BY,
    SILENCE_S,
    Packet,
    Weighed,
    WeighIn,
)
from gateway.errors import DecodeError, LinkTimeout
from gateway.wire.stream import Grammar

_LISTEN_S = 3600.0
_ASK_EVERY_S = 1.0
_ANSWER_WITHIN_S = 1.0
_SILENT_ASKS = 2  # with the pauses between them, longer than SILENCE_S


@dataclass(frozen=True, slots=True)
class Weight:
    """A weight as the scale shows it; `stable` is None if it does not say."""

    weight: Decimal
    unit: str
    stable: bool | None = None
    person: str | None = None
    slot: str | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """The scale's own word for why it shows none."""

    error: str
    not_understood: bool = False
    """It is about the question, and says nothing of what stands on the scale."""


Understand = Callable[[Frame], Weight | Trouble | None]
"""Says what a frame shows; None if it shows nothing. Raises DecodeError."""


async def weigh(
    session: Session, grammar: Grammar, understand: Understand, *, ask: bytes | None = None
) -> None:
    """Record one reading for each weigh-in until the link is gone.

    With `ask`, the scale is asked every second, and these are the only bytes written.
    """
    asked = ask is not None
    before = Standing.from_text(await session.bookmark())
    differs_by = LIVE_DIFFERS_BY if asked else LOCKED_DIFFERS_BY
    weigh_in = WeighIn(differs_by, asked=asked, before=before)
    scale = _Scale(session, await framed(session, grammar), understand, weigh_in)
    try:
        while True:
            if ask is None:
                await scale.listen()
            else:
                await session.pause(_ASK_EVERY_S)
                await session.link.write(SERIAL, ask)
                await scale.answered()
    finally:  # the link is lost, or the gateway stops: what stood on the scale is not
        await scale.leave()


class _Scale:
    def __init__(
        self, session: Session, inbox: FramedInbox, understand: Understand, weigh_in: WeighIn
    ) -> None:
        self._session = session
        self._inbox = inbox
        self._understand = understand
        self._weigh_in = weigh_in
        self._trouble: str | None = None
        self._missed = 0

    async def listen(self) -> None:
        """Hear one frame, or the silence that ends a weigh-in."""
        within = SILENCE_S if self._weigh_in.standing is not None else _LISTEN_S
        try:
            frame = await self._inbox.get(within=within)
        except LinkTimeout:
            await self.silent()
        else:
            await self._hear(frame)

    async def answered(self) -> None:
        """Hear the answer, and what else has come from a scale that also sends by itself.

        One that misses an answer is not silent yet.
        """
        try:
            await self._hear(await self._inbox.get(within=_ANSWER_WITHIN_S))
        except LinkTimeout:
            self._missed += 1
            if self._missed >= _SILENT_ASKS:
                await self.silent()
            return
        self._missed = 0
        with suppress(LinkTimeout):
            while True:
                await self._hear(await self._inbox.get(within=0))

    async def silent(self) -> None:
        """End the weigh-in."""
        await self._record(self._weigh_in.silence())

    async def leave(self) -> None:
        """End the weigh-in, and remember that it may go on; an unsteady one may yet be steady."""
        standing = self._weigh_in.standing
        weighed = self._weigh_in.silence()
        goes_on = None if standing is None else standing.to_text()
        if weighed:
            await self._record(weighed, goes_on if weighed[-1].steady else None)
        elif goes_on is not None:
            await self._session.set_bookmark(goes_on)

    async def _hear(self, frame: Frame) -> None:
        try:
            shown = self._understand(frame)
        except DecodeError as error:
            await self._inbox.set_aside(frame, error)
            return
        if isinstance(shown, Trouble):
            if not shown.not_understood:
                await self._record(self._weigh_in.interrupted())
            await self._remark(shown.error)
        elif shown is not None:
            self._trouble = None
            await self._record(self._add(shown, frame))

    def _add(self, shown: Weight, frame: Frame) -> list[Weighed]:
        told = (shown.weight, shown.unit, shown.person, shown.stable, shown.slot)
        return self._weigh_in.add(Packet(frame.received, *told))

    async def _remark(self, error: str) -> None:
        """Remark a trouble when it begins; without the frame, which may have a typed id."""
        if error != self._trouble:
            self._trouble = error
            await self._session.remark(f"device_error {error}")

    async def _record(self, weighed: Sequence[Weighed], bookmark: str | None = None) -> None:
        if weighed:
            await self._session.record(*map(self._reading, weighed), bookmark=bookmark)

    def _reading(self, weighed: Weighed) -> Reading:
        doubts = frozenset() if weighed.steady else frozenset({"unsteady"})
        origin = Origin(self._session.device.id, weighed.since, slot=weighed.slot)
        return weight(kilograms(weighed.weight, weighed.unit), origin, doubts)
