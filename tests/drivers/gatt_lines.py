"""What the tests of Bluetooth drivers share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from gateway.clock import Instant
from gateway.drivers.api import Channel, Frame
from gateway.errors import DecodeError
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink


@dataclass
class TickingClock:
    """Moves by `step_s` each time it is asked: that much lies between two frames."""

    step_s: float
    asked: int = 0

    def now(self) -> Instant:
        self.asked += 1
        clock = ManualClock()
        clock.advance(self.asked * self.step_s)
        return clock.now()


class StoppedLink(ScriptedLink):
    """The gateway stops, or the time of the conversation is over, once all was delivered."""

    def _next(self, channel: Channel) -> Frame:
        if not self.pending:
            raise asyncio.CancelledError
        return super()._next(channel)


def is_message_or_decode_error(decode: Callable[[bytes], object], data: bytes) -> None:
    """Assert that a decoder answers with a message or an error that points into the bytes."""
    message, fault = None, None
    try:
        message = decode(data)
    except DecodeError as error:
        fault = error

    if fault is not None:
        assert 0 <= fault.offset <= len(data)
    else:
        assert message is not None
