"""A link over reports: Linux's hidraw, or a packet socket that stands for it.

A thread reads, and lives exactly as long as the link. The kernel keeps 63 reports for whoever has
an HID device open and drops what comes then, in silence (drivers/hid/hidraw.c); a device sends up
to one in a millisecond, and the event loop may be busy for longer than that allows. Writing takes a
thread as well: it returns when the device took the report, or after 5 s if it takes none.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import threading
from collections.abc import Callable, Collection
from typing import TypeVar

from gateway.clock import Clock
from gateway.drivers.api import HID, Channel, Frame, Inbox
from gateway.drivers.never_sent import refuse_forbidden
from gateway.errors import LinkTimeout
from gateway.transport.chunks import CHUNKS, ChunkInbox, no_read

REPORT_BYTES = 64
"""The longest report in scope: what one interrupt transfer of full-speed USB carries."""

_READ_BYTES = 16384  # the longest that the kernel has; what is longer than asked for is cut
_WRITE_WITHIN_S = 10.0
_NUMBER = b"\x00"

_T = TypeVar("_T")


class HidLink:
    """A descriptor that gives and takes one report at a time; the link owns it.

    With `hidraw` a report is written behind its number, always 0, and one that there is no room for
    ends the link: the next would be dropped unseen. A socket's other side is kept waiting instead.
    """

    def __init__(self, descriptor: int, name: str, clock: Clock, *, hidraw: bool) -> None:
        self._fd = descriptor
        self._clock = clock
        self._hidraw = hidraw
        self._loop = asyncio.get_running_loop()
        self._inbox = ChunkInbox(name, room=lambda: None)
        self._space = threading.Semaphore(CHUNKS)
        self._stop = os.eventfd(0)
        self._using = threading.Lock()
        self._open = True
        self._reader = threading.Thread(target=self._read, name=name, daemon=True)
        self._reader.start()

    @property
    def channels(self) -> Collection[Channel]:
        """Reports and nothing else."""
        return (HID,)

    @property
    def pulled(self) -> asyncio.Event:
        """Set once nothing more comes; see `Cabled`."""
        return self._inbox.over

    async def read(self, channel: Channel, /) -> Frame:
        """Refuse: a report is sent, not asked for."""
        raise no_read()

    async def write(self, channel: Channel, data: bytes, /, *, acknowledged: bool = True) -> None:
        """Send one report; return once the device took it. Raises ValueError for a wrong size."""
        if not 1 <= len(data) <= REPORT_BYTES:
            raise ValueError(f"an HID report has 1 to {REPORT_BYTES} octets, not {len(data)}")
        refuse_forbidden(channel, data)
        try:
            await asyncio.to_thread(self._write, _NUMBER + data if self._hidraw else data)
        except TimeoutError:
            raise LinkTimeout("the device did not take the report that was written") from None
        except OSError as error:
            self._inbox.end(error)
            raise self._inbox.lost() from error

    async def subscribe(self, channel: Channel, /) -> Inbox:
        """Return the reports as they come, from the moment the device was opened."""
        return _Reports(self._inbox, self._space)

    async def close(self) -> None:
        """Free the device."""
        if self._open:
            self._open = False
            self._inbox.end()
            await asyncio.shield(asyncio.to_thread(self._end))

    def _write(self, report: bytes) -> None:
        with self._using:  # its descriptor must not be closed, and given away, under it
            try:
                self._hand_over(report)
            except BlockingIOError:
                self._wait_for_room()
                self._hand_over(report)

    def _hand_over(self, report: bytes) -> None:
        if not self._open:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        os.write(self._fd, report)

    def _wait_for_room(self) -> None:
        room = select.poll()
        room.register(self._fd, select.POLLOUT)
        room.register(self._stop, select.POLLIN)
        if not room.poll(_WRITE_WITHIN_S * 1000):
            raise TimeoutError

    def _end(self) -> None:
        os.eventfd_write(self._stop, 1)
        self._space.release()
        self._reader.join()
        with self._using:
            os.close(self._stop)
            os.close(self._fd)

    def _read(self) -> None:
        cause: Exception | None = None
        coming = select.poll()
        coming.register(self._fd, select.POLLIN)
        coming.register(self._stop, select.POLLIN)
        try:
            while self._open and coming.poll() and self._take():
                pass
        except Exception as error:  # noqa: BLE001  # or the link would be silent for ever
            cause = error
        self._tell(self._inbox.end, cause)

    def _take(self) -> bool:
        """Take the report that is there; False at the end."""
        try:
            report = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:  # it was told to stop
            return True
        if not report:
            return False
        frame = Frame(HID, report, self._clock.now())
        if not self._space.acquire(blocking=not self._hidraw):
            raise OSError(errno.ENOBUFS, "more reports came than were taken")
        self._tell(self._inbox.put, frame)
        return True

    def _tell(self, what: Callable[[_T], None], about: _T) -> None:
        with contextlib.suppress(RuntimeError):  # the loop may be closed already
            self._loop.call_soon_threadsafe(what, about)


class _Reports:
    """The inbox, which makes room for a report with each that is taken."""

    def __init__(self, inbox: ChunkInbox, space: threading.Semaphore) -> None:
        self._inbox = inbox
        self._space = space

    async def get(self, *, within: float) -> Frame:
        report = await self._inbox.get(within=within)
        self._space.release()
        return report
