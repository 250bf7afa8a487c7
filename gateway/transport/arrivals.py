"""What a device sends by itself, kept until a driver asks for it.

A stack hands every notification and indication to `Arrivals.arrived`, from the moment of connection
on: a bonded device keeps its subscriptions and may send before we have looked at its services.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from gateway.clock import Clock, Instant
from gateway.drivers.api import Channel, Frame
from gateway.errors import LinkLost, LinkTimeout

WAITING_FRAMES = 20_480
"""How many frames of one link may wait. A sensor that keeps 14 days at a reading a minute sends
20 160 while its driver may still be at the first; a device that sends more without being read is
broken or hostile, and its link is given up (20 000 frames of 512 bytes are 10 MB)."""

Confirm = Callable[[], None]


@dataclass(slots=True)
class _Arrived:
    data: bytes
    at: Instant
    confirm: Confirm | None


class Arrivals:
    """The frames of one link by characteristic handle, what is still to confirm, and the loss."""

    def __init__(self, clock: Clock, limit: int = WAITING_FRAMES) -> None:
        self._clock = clock
        self._room = limit
        self._waiting: dict[int, deque[_Arrived]] = {}
        self._subscribed: set[int] = set()
        self._unread: set[int] = set()
        self._to_confirm: list[Confirm] = []
        self._news = asyncio.Event()
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Done once the link is gone, with the reason."""

    def arrived(self, handle: int, data: bytes, confirm: Confirm | None = None) -> None:
        """Keep a frame; `confirm` tells the device that it may forget what the frame said."""
        if self.lost.done():
            return
        if handle in self._unread:
            if confirm is not None:
                confirm()
            return
        if self._room == 0:
            self.lose("the device sends faster than it is read; its link was given up")
            return
        self._room -= 1
        frame = _Arrived(bytes(data), self._clock.now(), confirm)
        self._waiting.setdefault(handle, deque()).append(frame)
        self._news.set()

    def lose(self, why: str) -> None:
        """Note that the link is gone: every waiter gets LinkLost now, later ones at once."""
        if not self.lost.done():
            self.lost.set_result(why)
            self._news.set()

    def check(self) -> None:
        """Raise LinkLost if the link is gone."""
        if self.lost.done():
            raise LinkLost(self.lost.result())

    def inbox(self, handle: int, channel: Channel) -> ArrivalsInbox:
        """Return the inbox of a channel; it begins with what came before anyone asked."""
        self._subscribed.add(handle)
        self._waiting.setdefault(handle, deque())
        return ArrivalsInbox(self, handle, channel)

    def forget(self, handle: int) -> None:
        """Confirm and drop what waits on a channel that no driver reads, and what comes later."""
        self._unread.add(handle)
        for frame in self._waiting.pop(handle, ()):
            self._room += 1
            _confirm(frame)

    def go_on(self) -> None:
        """Confirm what was taken, and what waits on channels nobody subscribed to.

        A device may have one indication outstanding per link, whatever the channel: one that nobody
        will ever take would otherwise hold up all the others. Its frame is kept all the same.
        """
        taken, self._to_confirm = self._to_confirm, []
        if self.lost.done():
            return
        for confirm in taken:
            confirm()
        for handle in self._waiting.keys() - self._subscribed:
            for frame in self._waiting[handle]:
                _confirm(frame)

    async def take(self, handle: int, channel: Channel, within: float) -> Frame:
        """Return the next frame of a channel; see `Inbox.get`."""
        self.go_on()
        waiting = self._waiting[handle]
        try:
            async with asyncio.timeout(within):
                while not waiting:
                    self.check()
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError as error:
            raise LinkTimeout(f"nothing came on {channel} within {within:g} s") from error
        frame = waiting.popleft()
        self._room += 1
        if frame.confirm is not None:
            self._to_confirm.append(frame.confirm)
        return Frame(channel, frame.data, frame.at)


def _confirm(frame: _Arrived) -> None:
    if frame.confirm is not None:
        frame.confirm()
        frame.confirm = None


class ArrivalsInbox:
    """The `Inbox` of one channel."""

    def __init__(self, arrivals: Arrivals, handle: int, channel: Channel) -> None:
        self._arrivals = arrivals
        self._handle = handle
        self._channel = channel

    async def get(self, *, within: float) -> Frame:
        """Wait for the next frame; first confirms the one taken before, of any channel."""
        return await self._arrivals.take(self._handle, self._channel, within)
