"""An inbox of chunks between a port that delivers when it likes and a driver that waits."""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import Callable

from gateway.drivers.api import Frame
from gateway.errors import LinkLost, LinkRefused, LinkTimeout

CHUNKS = 1024
"""How many chunks wait at most: a minute of a busy line, far more than one fsync takes."""


class ChunkInbox:
    """Chunks in the order they came. For one reader; used from the event loop only.

    `room` is called when a full inbox can take chunks again.
    """

    def __init__(self, name: str, room: Callable[[], None]) -> None:
        self._name = name
        self._room = room
        self._chunks: deque[Frame] = deque()
        self._arrived = asyncio.Event()
        self.over = asyncio.Event()
        """Set once no more chunks come."""
        self._cause: BaseException | None = None

    @property
    def full(self) -> bool:
        """Whether the port should wait for the driver."""
        return len(self._chunks) >= CHUNKS

    def put(self, chunk: Frame) -> None:
        """Add what the port delivered."""
        self._chunks.append(chunk)
        self._arrived.set()

    def end(self, cause: BaseException | None = None) -> None:
        """Let `get` raise LinkLost once the chunks that have come are taken."""
        if not self.over.is_set():
            self.over.set()
            self._cause = cause
        self._arrived.set()

    async def get(self, *, within: float) -> Frame:
        """Wait for the next chunk, at most `within` seconds; raises LinkTimeout, LinkLost."""
        if not self._chunks and not self.over.is_set():
            self._arrived.clear()
            try:
                async with asyncio.timeout(within):
                    await self._arrived.wait()
            except TimeoutError:
                raise LinkTimeout(f"nothing came from {self._name} in {within:g} s") from None
        if not self._chunks:
            raise self.lost()
        was_full = self.full
        chunk = self._chunks.popleft()
        if was_full:
            self._room()
        return chunk

    def lost(self) -> LinkLost:
        """Make the error that says the port is gone, with its cause."""
        error = LinkLost(f"{self._name} is gone: unplugged, switched off, or closed")
        error.__cause__ = self._cause
        return error


def no_read() -> LinkRefused:
    """Make the error that a cable has no present value to read."""
    return LinkRefused("a device on a cable is not asked for a value: subscribe", errno.ENOTSUP)
