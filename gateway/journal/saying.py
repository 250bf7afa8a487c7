"""Saying whose readings are: one at a time, and in several transactions where they are many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from gateway.domain.subject import Assignment
from gateway.journal import attribution, handing_over
from gateway.journal.views import Handover
from gateway.journal.writer import Transaction, Work, Writer

T = TypeVar("T")


class Saying:
    """Lets calls change whose readings are, one after the other, while recording goes on.

    Each marks, in its first transaction, what it is about (attribution.py). If a later one fails,
    the next call does what is left before anything else.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._one = asyncio.Lock()
        self._half_done = False

    async def say(self, work: Work[T]) -> T:
        """Do what may change whose readings are, and look at those that it marked."""

        def first(tx: Transaction) -> tuple[T, bool]:
            said = work(tx)
            return said, attribution.look_at_some(tx)

        async with self.all_done():
            said, more = await self._writer.run(first)
            if more:
                await self._look_again()
            return said

    async def hand_over(self, period: Assignment, *, only_look: bool) -> Handover:
        """Say whom a device measured in a period that is over, and count what that does."""
        some = partial(handing_over.some, new=period, only_look=only_look)

        def first(tx: Transaction) -> tuple[Handover, int | None]:
            if not only_look:
                handing_over.say(tx, period)
            return some(tx, after=0)

        async with self.all_done():
            done, last = await self._writer.run(first)
            self._half_done = last is not None and not only_look
            while last is not None:
                more, last = await self._writer.run(partial(some, after=last))
                done += more
            self._half_done = False
            return done

    @asynccontextmanager
    async def all_done(self) -> AsyncIterator[None]:
        """Let nobody say whose readings are meanwhile, once all that was said before is done."""
        async with self._one:
            if self._half_done:
                await self._look_again()
            yield

    async def _look_again(self) -> None:
        """Look at what is marked to be looked at again, some in each transaction."""
        self._half_done = True
        while await self._writer.run(attribution.look_at_some):
            pass
        self._half_done = False
