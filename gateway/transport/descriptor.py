"""A link over a file descriptor: a tty, a pty, a socket."""

from __future__ import annotations

import asyncio
import fcntl
import os
import termios
from collections.abc import Callable, Collection

from gateway.clock import Clock
from gateway.drivers.api import SERIAL, Channel, Frame, Inbox
from gateway.errors import LinkTimeout
from gateway.transport.chunks import ChunkInbox, no_read

_CHUNK_BYTES = 4096  # the size of a tty's own buffer
_WRITE_WITHIN_S = 10.0  # the longest request in scope takes 0.1 s at 2400 baud
_DRAIN_POLL_S = 0.01  # ten characters at 9600 baud


class DescriptorLink:
    """A port whose descriptor the event loop watches; `close` frees it, and may block."""

    def __init__(self, descriptor: int, name: str, clock: Clock, close: Callable[[], None]) -> None:
        self._fd = descriptor
        self._close = close
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._inbox = ChunkInbox(name, room=self._watch)
        self._writing = asyncio.Lock()
        self._ready = asyncio.Event()
        self._open = True
        self._watch()

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
            try:
                async with asyncio.timeout(_WRITE_WITHIN_S):
                    await self._write(data)
                    if acknowledged:
                        await self._drained()
            except OSError as error:
                if isinstance(error, TimeoutError) and error.errno is None:  # ours, not the port's
                    raise LinkTimeout(
                        "the port did not take what was written: check its flow control"
                    ) from None
                self._lose(error)
                raise self._inbox.lost() from error

    async def subscribe(self, channel: Channel, /) -> Inbox:
        """Return the chunks as they come, from the moment the port was opened."""
        return self._inbox

    async def close(self) -> None:
        """Free the port."""
        if self._open:
            self._lose(None)
            self._open = False
            self._ready.set()
            await asyncio.shield(self._release())

    async def _release(self) -> None:
        async with self._writing:  # its descriptor must not be closed, and given away, under it
            await asyncio.to_thread(self._close)

    def _watch(self) -> None:
        if self._open:
            self._loop.add_reader(self._fd, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, _CHUNK_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(error)
            return
        if not data:
            self._lose(None)
            return
        self._inbox.put(Frame(SERIAL, data, self._clock.now()))
        if self._inbox.full:
            self._loop.remove_reader(self._fd)

    def _lose(self, cause: OSError | None) -> None:
        if self._open:
            self._loop.remove_reader(self._fd)
        self._inbox.end(cause)

    async def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            self._check()
            try:
                left = left[os.write(self._fd, left) :]
            except BlockingIOError:
                await self._writable()

    async def _writable(self) -> None:
        self._ready.clear()
        self._loop.add_writer(self._fd, self._ready.set)
        try:
            await self._ready.wait()
        finally:
            self._loop.remove_writer(self._fd)

    async def _drained(self) -> None:
        self._check()
        while int.from_bytes(fcntl.ioctl(self._fd, termios.TIOCOUTQ, bytes(4)), "little"):
            await asyncio.sleep(_DRAIN_POLL_S)  # a tty tells nobody when its last bit has left
            self._check()

    def _check(self) -> None:
        if not self._open:
            raise self._inbox.lost()
