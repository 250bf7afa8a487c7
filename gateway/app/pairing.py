"""The questions that devices ask while they pair, until somebody answers them over the API."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gateway.api.hub import Asked, Asking
from gateway.clock import Clock
from gateway.collect.sightings import Seen
from gateway.domain.device import DeviceId

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """What a device asks; `code` is set where it is to be typed on the device."""

    number: int
    address: str
    asks: Asked
    code: int | None
    until: float  # monotonic, s


class PairingDesk:
    """An `Owner` (see `transport.pairing`) who answers over the API. A restart ends every question.

    A device has no more than one question: the newest replaces those before it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._count = 0
        self._open: dict[str, tuple[Question, asyncio.Future[int | bool | None]]] = {}

    def questions(self) -> list[tuple[Question, int]]:
        """List what is asked now, and for how many seconds it may still be answered."""
        now = self._clock.now().monotonic
        return [
            (question, max(0, round(question.until - now)))
            for question, waiting in self._open.values()
            if not waiting.done()
        ]

    def answer(self, number: int, answer: int | bool | None) -> bool:
        """Give the code, or say yes or no; None refuses. False if it is not asked any more."""
        for question, waiting in self._open.values():
            if question.number == number and not waiting.done():
                waiting.set_result(answer)
                return True
        return False

    async def type_code(self, address: str, within: float, /) -> int | None:
        """Ask for the six digits that the device shows."""
        with self._asking(address, Asked.TYPE_CODE, None, within) as answer:
            typed = await answer
        return typed if type(typed) is int else None

    async def show_code(self, address: str, code: int, within: float, /) -> None:
        """Show six digits to be typed on the device."""
        with self._asking(address, Asked.SHOW_CODE, code, within) as answer:
            await answer

    async def confirm(self, address: str, within: float, /) -> bool:
        """Ask whether the device may pair without a code."""
        with self._asking(address, Asked.CONFIRM, None, within) as answer:
            return await answer is True

    @contextmanager
    def _asking(
        self, address: str, asks: Asked, code: int | None, within: float
    ) -> Iterator[asyncio.Future[int | bool | None]]:
        self._count += 1
        until = self._clock.now().monotonic + within
        question = Question(self._count, address, asks, code, until)
        answer: asyncio.Future[int | bool | None] = asyncio.get_running_loop().create_future()
        asked = self._open[address] = (question, answer)
        _log.info("pairing question=%d asks=%s: see 'pairing list'", self._count, asks)
        try:
            yield answer
        finally:
            answer.cancel()
            if self._open.get(address) is asked:
                del self._open[address]


def asking(question: Question, left: int, seen: Seen | None) -> Asking:
    """Make of a question what the API shows of it; `seen` is how the device was seen last."""
    return Asking(
        number=question.number,
        device=DeviceId(f"ble:{question.address}") if seen is None else seen.device,
        name=None if seen is None else seen.name,
        asks=question.asks,
        code=None if question.code is None else f"{question.code:06}",
        seconds_left=left,
    )
