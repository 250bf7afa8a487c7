"""Links made of a script, to try a conversation and its unkind ends in milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from gateway.clock import Clock
from gateway.drivers.api import Channel, Frame
from gateway.drivers.never_sent import refuse_forbidden
from gateway.errors import LinkError, LinkLost, LinkRefused, LinkTimeout
from gateway.testing.clock import ManualClock

Written = tuple[Channel, bytes]
Answer = Callable[[bytes], Iterable[Written]]
"""What a device does when written to: given the bytes, the frames it then sends."""


@dataclass
class ScriptedLink:
    """A device that answers from tables. Frames sent before a subscription are not lost.

    `values` are what `read` returns; `answers` maps a channel to what the device does when written
    to; `pending` are frames that wait to be delivered, in order, once their channel is subscribed.
    When everything was delivered, `then` decides: silence (LinkTimeout at once, no real waiting)
    or the end of the link (LinkLost).
    """

    values: Mapping[Channel, bytes] = field(default_factory=dict)
    answers: Mapping[Channel, Answer] = field(default_factory=dict)
    pending: list[Written] = field(default_factory=list)
    then: type[LinkError] = LinkTimeout
    clock: Clock = field(default_factory=ManualClock)
    refuse: Mapping[Channel, int] = field(default_factory=dict)
    """Channels whose read, write or subscription is answered with this error code."""
    written: list[Written] = field(default_factory=list)
    subscribed: list[Channel] = field(default_factory=list)

    @property
    def channels(self) -> frozenset[Channel]:
        """Everything the script mentions."""
        sent = {channel for channel, _ in self.pending}
        return frozenset({*self.values, *self.answers, *sent, *self.refuse})

    async def read(self, channel: Channel, /) -> Frame:
        """Return the scripted value."""
        self._maybe_refuse(channel)
        if channel not in self.values:
            raise LinkRefused(f"{channel} has no value", 0x0A)
        return Frame(channel, self.values[channel], self.clock.now())

    async def write(self, channel: Channel, data: bytes, /, *, acknowledged: bool = True) -> None:
        """Note what was written and queue the device's answer."""
        refuse_forbidden(channel, data)
        self._maybe_refuse(channel)
        self.written.append((channel, bytes(data)))
        if channel in self.answers:
            self.pending.extend(self.answers[channel](bytes(data)))

    async def subscribe(self, channel: Channel, /) -> _ScriptedInbox:
        """Start collecting a channel."""
        self._maybe_refuse(channel)
        self.subscribed.append(channel)
        return _ScriptedInbox(self, channel)

    async def close(self) -> None:
        """Do nothing: a script has no connection."""

    def _maybe_refuse(self, channel: Channel) -> None:
        if channel in self.refuse:
            raise LinkRefused(f"{channel} was refused", self.refuse[channel])

    def _next(self, channel: Channel) -> Frame:
        for at, (waiting, data) in enumerate(self.pending):
            if waiting == channel:
                del self.pending[at]
                return Frame(channel, data, self.clock.now())
        if self.then is LinkLost and not self.pending:
            raise LinkLost("the script is at its end")
        raise LinkTimeout(f"nothing on {channel}")


@dataclass
class OneAtATimeLink(ScriptedLink):
    """A device all of whose frames are indications: the next comes once the one before was taken.

    So a driver that waits for an answer alone waits in vain while something else is in its way.
    """

    in_vain: int = 0
    """How often a channel was waited for while a frame of another was in its way."""

    def _next(self, channel: Channel) -> Frame:
        if self.pending and self.pending[0][0] != channel:
            self.in_vain += 1
            raise LinkTimeout(f"{self.pending[0][0]} is not confirmed yet")
        return super()._next(channel)


class _ScriptedInbox:
    def __init__(self, link: ScriptedLink, channel: Channel) -> None:
        self._link = link
        self._channel = channel

    async def get(self, *, within: float) -> Frame:
        return self._link._next(self._channel)
