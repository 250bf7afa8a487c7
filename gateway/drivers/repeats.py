"""Tells a line that a device sent twice from two measurements that look alike."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from gateway.drivers.api import Frame


@dataclass(slots=True)
class Repeats:
    """For devices that push a line with minutes, no seconds, and no number of its own.

    The same line again within `within_s` seconds is the same measurement: none takes less. Lines
    are compared whole, with the typed id, of which `place` says nothing.
    """

    within_s: float
    _line: bytes = b""
    _looks: Hashable = None
    _since_s: float = 0.0
    _count: int = 0

    def place(self, frame: Frame, looks: Hashable) -> int:
        """Return which one this is, from 1 on, of those that came in a row and look the same."""
        line, moment = frame.data.strip(), frame.received.monotonic
        if line != self._line or moment - self._since_s > self.within_s:
            self._count = self._count + 1 if looks == self._looks else 1
            self._line, self._looks, self._since_s = line, looks, moment
        return self._count
