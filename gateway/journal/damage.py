"""Damage that is met while the gateway runs, and who waits for the news of it.

The rule: the first of it ends the daemon. What was committed stays as it is, devices keep what they
still hold, and the next start looks through the whole file, sets it aside and saves what it can.
Going on would write into a file of which nobody knows what is still true.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

from gateway.errors import JournalDamaged


class Damage:
    """The first damage that the journal's writer or a reader met. Any thread may tell of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._first: JournalDamaged | None = None
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def met(self, error: JournalDamaged) -> None:
        """Remember it, if it is the first, and tell those who wait."""
        with self._lock:
            self._first = self._first or error
            waiting, self._waiting = self._waiting, []
        for loop, event in waiting:
            with suppress(RuntimeError):  # a loop that is closed has no one left who waits
                loop.call_soon_threadsafe(event.set)

    async def first(self) -> JournalDamaged:
        """Wait until there is damage, for ever if all is well, and return what it is."""
        while True:
            event = asyncio.Event()
            with self._lock:
                if self._first is not None:
                    return self._first
                self._waiting.append((asyncio.get_running_loop(), event))
            await event.wait()
