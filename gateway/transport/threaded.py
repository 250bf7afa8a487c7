"""A link over a port without a file descriptor, such as pyserial's `rfc2217://`."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Collection
from typing import Protocol

from gateway.clock import Clock
from gateway.drivers.api import SERIAL, Channel, Frame, Inbox
from gateway.transport.chunks import ChunkInbox, no_read


class Port(Protocol):
    """What is asked of the port; every call may raise OSError, and its library stumble."""

    @property
    def in_waiting(self) -> int:
        """How many bytes can be read without waiting."""
        ...

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, after a fraction of a second even if none came."""
        ...

    def write(self, data: bytes, /) -> int | None:
        """Send all of it."""
        ...

    def flush(self) -> None:
        """Wait until everything is sent."""
        ...

    def close(self) -> None:
        """Free the port."""
        ...


class ThreadedLink:
    """A port without a descriptor, read by a thread that lives exactly as long as the link."""

    def __init__(self, port: Port, name: str, clock: Clock) -> None:
        self._port = port
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._room = threading.Event()
        self._room.set()
        self._closing = threading.Event()
        self._inbox = ChunkInbox(name, room=self._room.set)
        self._writing = asyncio.Lock()
        self._open = True
        self._reader = threading.Thread(target=self._read, name=name, daemon=True)
        self._reader.start()

    @property
    def channels(self) -> Collection[Channel]:
        """A stream and nothing else."""
        return (SERIAL,)

    @property
    def pulled(self) -> asyncio.Event:
        """Set once nothing more comes; see `Cabled`."""
        return self._inbox.over

    async def read(self, channel: Channel, /) -> Frame:
        """Refuse: a stream has no present value."""
        raise no_read()

    async def write(self, channel: Channel, data: bytes, /, *, acknowledged: bool = True) -> None:
        """Send bytes; with `acknowledged`, return once the last bit has left the port."""
        async with self._writing:
            if not self._open:
                raise self._inbox.lost()
            try:
                await asyncio.to_thread(self._port.write, data)
                if acknowledged:
                    await asyncio.to_thread(self._port.flush)
            except OSError as error:
                self._inbox.end(error)
                raise self._inbox.lost() from error

    async def subscribe(self, channel: Channel, /) -> Inbox:
        """Return the chunks as they come, from the moment the port was opened."""
        return self._inbox

    async def close(self) -> None:
        """Free the port."""
        if self._open:
            self._open = False
            self._inbox.end()
            await asyncio.shield(asyncio.to_thread(self._end))

    def _end(self) -> None:
        self._closing.set()
        self._room.set()
        self._reader.join()
        with contextlib.suppress(OSError):
            self._port.close()

    def _read(self) -> None:
        cause: Exception | None = None
        while not self._closing.is_set() and cause is None:
            self._room.wait()
            try:
                data = self._port.read(max(1, self._port.in_waiting))
            except Exception as error:  # noqa: BLE001  # or the link would be silent for ever
                cause = error
            else:
                if data:
                    self._deliver(data)
        with contextlib.suppress(RuntimeError):  # the loop may be closed already
            self._loop.call_soon_threadsafe(self._inbox.end, cause)

    def _deliver(self, data: bytes) -> None:
        chunk = Frame(SERIAL, data, self._clock.now())
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._put, chunk)

    def _put(self, chunk: Frame) -> None:
        self._inbox.put(chunk)
        if self._inbox.full:
            self._room.clear()
