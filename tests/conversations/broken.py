"""A link to a device that breaks at a chosen moment, and the gateway that begins anew after it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from gateway.drivers.api import Channel, Frame, Inbox
from gateway.errors import LinkLost, LinkTimeout
from gateway.transport.api import OpenLink

T = TypeVar("T")


class Break(StrEnum):
    """What happens to a conversation."""

    NEVER = "never"
    CUT = "cut"
    """The link is lost before a step of the driver's."""
    CUT_IN_STEP = "cut_in_step"
    """The link is lost once the step was done and before the driver hears how it went."""
    STALL = "stall"
    """The device answers nothing any more, and sends nothing."""
    STOP = "stop"
    """The gateway itself ends, as the service does when the hub is switched off."""


@dataclass
class BreakingLink:
    """An `OpenLink` that breaks at the driver's step `at`: each request and each wait is one."""

    link: OpenLink
    how: Break
    at: int
    meanwhile: Callable[[int], None]
    """Told of every step once it is done or broken: none is thought of a minute before it is."""
    stop: Callable[[], object]
    """Ends the gateway."""
    steps: int = 0
    broken: bool = False

    @property
    def channels(self) -> Collection[Channel]:
        return self.link.channels

    async def read(self, channel: Channel, /) -> Frame:
        return await self.step(lambda: self.link.read(channel), 5)

    async def write(self, channel: Channel, data: bytes, /, *, acknowledged: bool = True) -> None:
        await self.step(lambda: self.link.write(channel, data, acknowledged=acknowledged), 30)

    async def subscribe(self, channel: Channel, /) -> Inbox:
        return BreakingInbox(self, await self.step(lambda: self.link.subscribe(channel), 30))

    async def close(self) -> None:
        await self.link.close()

    async def step(
        self, act: Callable[[], Awaitable[T]], within: float, *, waits: bool = False
    ) -> T:
        """Let the driver do one thing, unless it all breaks: as `hci` would tell it."""
        number = self.steps
        self.steps += 1
        if not self.broken and self.how is not Break.NEVER and self.steps > self.at:
            self.broken = True
            await self.breaks(act)
        if not self.broken:
            try:
                return await act()
            finally:
                self.meanwhile(number)
        self.meanwhile(number)
        if self.how is not Break.STALL:
            raise LinkLost("the link broke")
        await asyncio.sleep(within)
        if not waits:  # a request left unanswered is the end of a link
            self.how = Break.CUT
        raise LinkTimeout("the device has fallen silent")

    async def breaks(self, act: Callable[[], Awaitable[object]]) -> None:
        if self.how is Break.CUT_IN_STEP:
            await act()
        if self.how is Break.STOP:
            self.stop()
            await asyncio.Event().wait()
        if self.how is not Break.STALL:
            await self.link.close()


@dataclass(frozen=True, slots=True)
class BreakingInbox:
    link: BreakingLink
    inbox: Inbox

    async def get(self, *, within: float) -> Frame:
        return await self.link.step(lambda: self.inbox.get(within=within), within, waits=True)
