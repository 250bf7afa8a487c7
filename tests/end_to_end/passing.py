"""Time that passes by itself, and faster when a test says so: nobody waits for a back-off."""

import asyncio
from contextlib import suppress
from datetime import datetime, time, timedelta, tzinfo

from gateway.clock import Instant, SystemClock
from tests.jumping import JumpingLoop

LOOK_AGAIN_S = 0.02
"""Between two looks at a daemon that is asked from outside, as everybody has to ask it."""
_IN_A_JUMP_S = 0.25
"""The same where time jumps: this much of it passes at once."""


class Passing:
    """The machine's time, put ahead by all that was skipped: a clock, and what waits by it.

    `begins` lets it begin at another date.
    """

    def __init__(self, begins: datetime | None = None) -> None:
        self._real = SystemClock()
        self._ahead_s = 0.0
        self._calendar_ahead = timedelta() if begins is None else begins - self._real.now().utc
        self._waiting: set[asyncio.Timeout] = set()

    def now(self) -> Instant:
        real = self._real.now()
        ahead = timedelta(seconds=self._ahead_s)
        return Instant(
            real.utc + self._calendar_ahead + ahead, real.monotonic + self._ahead_s, real.boot_id
        )

    def utc(self) -> datetime:
        return self.now().utc

    def monotonic(self) -> float:
        return self.now().monotonic

    async def timer(self, event: asyncio.Event, seconds: float) -> None:
        """Wait until the event is set, at most so many seconds, of which some may be skipped."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds) as limit:
                self._waiting.add(limit)
                try:
                    await event.wait()
                finally:
                    self._waiting.discard(limit)

    def follow(self, loop: asyncio.AbstractEventLoop) -> None:
        """Jump where the loop's own time does."""
        if isinstance(loop, JumpingLoop) and self._jumped not in loop.on_jump:
            loop.on_jump.append(self._jumped)

    def _jumped(self, seconds: float) -> None:
        self._ahead_s += seconds

    async def look_again(self) -> None:
        """Wait as long as one does between two looks."""
        jumps = isinstance(asyncio.get_running_loop(), JumpingLoop)
        await asyncio.sleep(_IN_A_JUMP_S if jumps else LOOK_AGAIN_S)

    def skip(self, seconds: float) -> None:
        """Let so much time have passed."""
        self._ahead_s += seconds
        for limit in self._waiting:
            if not limit.expired():
                limit.reschedule((limit.when() or 0.0) - seconds)

    def skip_to_noon(self, zone: tzinfo) -> None:
        """Let it become noon, for tests of what happens once a day."""
        now = self.utc().astimezone(zone)
        noon = datetime.combine(now.date() + timedelta(days=1), time(12), tzinfo=zone)
        self.skip((noon - now).total_seconds())
