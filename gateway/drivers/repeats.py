"""Tells a line that a device sent twice from two measurements that look alike."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.clock import Instant
from gateway.domain.device_time import EARLIEST
from gateway.drivers.api import Frame, Session
from gateway.wire.stamp import Stamp

_MINUTE_S = 60.0  # how long a clock that has minutes only shows the same


@dataclass(frozen=True, slots=True)
class Last:
    """The last measurement: what the device's clock showed, its place, and when it came.

    Kept as a bookmark, so that it outlives a restart; of its numbers it says nothing.
    """

    stamped: str
    place: int
    came: Instant

    def to_text(self) -> str:
        """Write it as a bookmark."""
        came = [self.came.utc.isoformat(), self.came.monotonic, self.came.boot_id]
        return json.dumps({"stamped": self.stamped, "place": self.place, "came": came})

    @classmethod
    def from_text(cls, text: str | None) -> Last | None:
        """Read a bookmark; None if there is none, or not one of ours."""
        try:
            fields = json.loads(text or "")
            utc, monotonic, boot_id = fields["came"]
            at = datetime.fromisoformat(utc).astimezone(UTC)
            came = Instant(at, float(monotonic), str(boot_id))
            return cls(str(fields["stamped"]), int(fields["place"]), came)
        except (KeyError, TypeError, ValueError):
            return None

    def seconds_before(self, now: Instant) -> float:
        """Return how long before `now` it came; by UTC if the machine was started anew since."""
        if self.came.boot_id == now.boot_id:
            return now.monotonic - self.came.monotonic
        return (now.utc - self.came.utc).total_seconds()


@dataclass(slots=True)
class Repeats:
    """For devices that push a line with minutes, no seconds, and no number of its own.

    The same line again within `within_s` seconds is the same measurement: none takes less. Lines
    are compared whole, with the typed id, of which `place` says nothing.

    `before` is the last measurement of an earlier conversation. While its minute may last, what
    comes later than `within_s` is another; what comes sooner, or so late that it must be an old
    line, counts as the same if it looks the same.
    """

    within_s: float
    before: Last | None = None
    since: Instant | None = None
    """When the line that was placed last came first: its moment, where the device has no clock."""
    _line: bytes = b""
    _at: Hashable = None
    _first: int = 1
    _counts: Counter[Hashable] = field(default_factory=Counter)

    @classmethod
    async def resumed(cls, session: Session, within_s: float) -> Repeats:
        """Go on from the session's bookmark."""
        return cls(within_s, Last.from_text(await session.bookmark()))

    @property
    def bookmark(self) -> str | None:
        """What is to be kept with the reading, if anything was placed."""
        return None if self.before is None else self.before.to_text()

    def key(self, frame: Frame, at: Stamp, looks: str) -> str:
        """Return the key of what a device measured at a stamp: this, its look and its place.

        A clock that was never set may begin anew each time the device is switched on, and show the
        same again every morning: then the moment of reception is the key.
        """
        place = self.place(frame, at.at, looks)
        if at.at.year < EARLIEST.year and self.since is not None:
            return f"received:{self.since.utc.isoformat()}"
        return f"{at} {looks} #{place}"

    def place(self, frame: Frame, at: Hashable, looks: Hashable) -> int:
        """Return which one this is, from 1 on, of those stamped `at` that look the same."""
        line = frame.data.strip()
        if at != self._at:
            self._at = at
            self._first = self._first_of(frame, str(at))
            self._counts.clear()
        if line != self._line or self._is_over(frame.received):
            self._line, self.since = line, frame.received
            self._counts[looks] += 1
        place = self._first + max(self._counts[looks], 1) - 1
        known = self.before.place if self.before and self.before.stamped == str(at) else 0
        self.before = Last(str(at), max(place, known), frame.received)
        return place

    def _is_over(self, now: Instant) -> bool:
        return self.since is None or now.monotonic - self.since.monotonic > self.within_s

    def _first_of(self, frame: Frame, stamped: str) -> int:
        before = self.before
        if before is None or before.stamped != stamped:
            return 1
        since_s = before.seconds_before(frame.received)
        if self.within_s < since_s < _MINUTE_S:
            return before.place + 1
        return before.place if 0 <= since_s <= self.within_s else 1
