"""A FreeStyle Libre sensor: it measures by itself, and remembers eight hours until it is scanned.

It counts minutes from when it was put on, and knows no time of the day. Sources: its minutes and
the first value at 15 of them, glucometers-tech/glucometer-protocols; eight hours and 14 days, the
maker's questions and answers (freestyle.abbott).
Guesses: that it warms up for an hour, whose values are kept and marked as errors, and the rates at
which an arrow turns.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from firmware_sims.body import Body

SAMPLING_MIN = 15
REMEMBERS_MIN = 8 * 60
LIFE = timedelta(days=14)
WARM_UP = timedelta(hours=1)
# mg/dL per minute above which the arrow is steep, or not level; guesses.
_STEEP, _SLANTED = 2.0, 1.0
FAST_DOWN, DOWN, LEVEL, UP, FAST_UP = 1, 2, 3, 4, 5


class LibreSensor:
    """One sensor, put on at a true time; for whom, `body` says."""

    def __init__(self, body: Body, put_on_at: datetime) -> None:
        self.put_on_at = put_on_at
        self._body = body
        self._told_min = 0

    @property
    def ends_at(self) -> datetime:
        """When it measures no more."""
        return self.put_on_at + LIFE

    def minutes(self, at: datetime) -> int:
        """Return its count at a true time."""
        return (at - self.put_on_at) // timedelta(minutes=1)

    def is_warm(self, minutes: int) -> bool:
        """Say whether what it measures then is a value."""
        return timedelta(minutes=minutes) >= WARM_UP

    def unread(self, at: datetime) -> Iterator[int]:
        """Give the minutes of each value that it remembers and no scan before had; once."""
        last = min(self.minutes(at), LIFE // timedelta(minutes=1))
        forgotten = max(self._told_min, last - REMEMBERS_MIN)
        self._told_min = max(self._told_min, last - last % SAMPLING_MIN)
        first = forgotten - forgotten % SAMPLING_MIN + SAMPLING_MIN
        yield from range(first, last + 1, SAMPLING_MIN)

    def glucose(self, at: datetime) -> int:
        """Return what there is to measure at a true time, mg/dL."""
        return self._body.glucose(at)

    def arrow(self, at: datetime) -> int:
        """Return the number of the arrow beside a value."""
        before = self._body.glucose(at - timedelta(minutes=SAMPLING_MIN))
        rate = (self._body.glucose(at) - before) / SAMPLING_MIN
        if abs(rate) <= _SLANTED:
            return LEVEL
        if rate > 0:
            return FAST_UP if rate > _STEEP else UP
        return FAST_DOWN if rate < -_STEEP else DOWN
