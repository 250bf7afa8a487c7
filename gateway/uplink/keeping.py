"""Having the outbox keep what became of deliveries, whatever the disk does meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Concatenate, ParamSpec, TypeVar

from gateway.errors import JournalError, JournalFull
from gateway.uplink.api import Timer

_P = ParamSpec("_P")
_What = TypeVar("_What")

JOURNAL_REST_S = 10.0

_log = logging.getLogger(__name__)


class Keeping:
    """What the outbox is told of one destination."""

    def __init__(self, name: str, timer: Timer) -> None:
        self._name = name
        self._timer = timer
        self.stuck: str | None = None
        """Why the journal lets nothing go there for now, in a sentence; None if it does."""

    async def all(
        self,
        write: Callable[Concatenate[_What, _P], Awaitable[None]],
        what: Iterable[_What],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> None:
        """Keep the same of each, in one sync of the disk if there is one."""
        await asyncio.gather(*(self.one(write, each, *args, **kwargs) for each in what))

    async def one(
        self, write: Callable[_P, Awaitable[None]], *args: _P.args, **kwargs: _P.kwargs
    ) -> None:
        """Have the outbox keep an outcome; with a full disk, wait: sending more would lose more."""
        while True:
            try:
                return await write(*args, **kwargs)
            except JournalFull as error:
                stuck = f"What was sent cannot be kept yet: {error}."
                if stuck != self.stuck:  # once, and not for each of many that wait
                    _log.error("%s: what was sent cannot be kept yet: %s", self._name, error)
                self.stuck = stuck
                await self._timer(asyncio.Event(), JOURNAL_REST_S)
            except JournalError as error:
                # It stays "on its way", so the next start searches for it.
                _log.error("%s: what was sent cannot be kept: %s", self._name, error)
                return None
