"""Tells a line that a device sent twice from two measurements that look alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field

from gateway.drivers.api import Frame


@dataclass(slots=True)
class Repeats:
    """For devices that push a line with minutes, no seconds, and no number of its own.

    The same line again within `within_s` seconds is the same measurement: none takes less. Lines
    are compared whole, with the typed id, of which `place` says nothing.
    """

    within_s: float
    _line: bytes = b""
    _since_s: float = 0.0
    _at: Hashable = None
    _counts: Counter[Hashable] = field(default_factory=Counter)

    def place(self, frame: Frame, at: Hashable, looks: Hashable) -> int:
        """Return which one this is, from 1 on, of those stamped `at` that look the same."""
        line, moment = frame.data.strip(), frame.received.monotonic
        if at != self._at:
            self._at = at
            self._counts.clear()
        if line != self._line or moment - self._since_s > self.within_s:
            self._line, self._since_s = line, moment
            self._counts[looks] += 1
        return max(self._counts[looks], 1)
