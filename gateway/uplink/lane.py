"""The deliveries of one person in one batch, one after another."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from gateway.consent.correction import ReleasedCorrection
from gateway.consent.gate import Released
from gateway.domain.identity import ReadingId
from gateway.domain.subject import SubjectId


@dataclass(frozen=True, slots=True)
class Left:
    """What was on its way to a destination when its person's deliveries were stopped."""

    arrived: tuple[ReadingId, ...] = ()
    unknown: tuple[ReadingId, ...] = ()
    """Cut off: they may have arrived."""


@dataclass(slots=True)
class Lane:
    """What waits, what is under way, and what became of the latest attempt."""

    subject: SubjectId
    claimed_s: float
    readings: deque[Released] = field(default_factory=deque)
    corrections: deque[ReleasedCorrection] = field(default_factory=deque)
    """They go after the readings."""
    alone: set[ReadingId] = field(default_factory=set)
    """Readings that go by themselves."""
    ended: bool = False
    attempt: asyncio.Timeout | None = None
    """Around the attempt under way, if there is one."""
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever an attempt has ended."""
    left: Left = field(default_factory=Left)
    """What became of the latest attempt."""
    settling: deque[asyncio.Task[None]] = field(default_factory=deque)
    """Each writes down a receipt."""

    def good_until(self) -> datetime | None:
        """Return when the first grant ends under which something here was let go."""
        let_go = (*self.readings, *(each.released for each in self.corrections))
        ends = [each.grant.expires for each in let_go if each.grant.expires is not None]
        return min(ends, default=None)

    def take(self, most: int) -> list[Released]:
        """Take the next reading, and up to so many in all that may go in the same request."""
        batch = [self.readings.popleft()]
        while len(batch) < most and self.readings and not self._by_itself(batch[0]):
            if self._by_itself(self.readings[0]):
                break
            batch.append(self.readings.popleft())
        return batch

    def put_back_alone(self, readings: list[Released]) -> None:
        """Let these go next, each by itself."""
        self.alone.update(each.delivery.entry.id for each in readings)
        self.readings.extendleft(reversed(readings))

    def _by_itself(self, released: Released) -> bool:
        return released.delivery.unsettled or released.delivery.entry.id in self.alone
