"""How long to leave a destination alone after it could not be reached."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

STEPS_S = (1, 2, 5, 10, 30, 60, 120, 300)
"""Quick at first, for a router that restarts; then every five minutes, for an outage of days."""
_SPREAD = 0.25
"""Up to a quarter longer, drawn: the hubs of a whole town must not come back at the same second."""


LASTS_S = 60.0
"""A connection that is lost sooner has not lasted: something ends it again and again."""


class Backoff:
    """The circuit breaker of one destination, on the monotonic clock.

    After a failure it is open for a while, longer each time in a row; the attempt after that closes
    it or opens it again. `jitter` draws from [0, 1).
    """

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._failures = 0
        self._until = 0.0

    @property
    def failing(self) -> bool:
        """Whether the last word of the destination was a failure: try with one delivery first."""
        return self._failures > 0

    def remaining(self, monotonic: float) -> float:
        """Return for how many seconds more it is open; 0 if it is closed."""
        return max(self._until - monotonic, 0.0) if self._failures else 0.0

    def failed(self, monotonic: float, retry_after: timedelta | None = None) -> float:
        """Take down a failure; return for how many seconds it is now open.

        Failures of attempts that were under way together count once.
        """
        if not self.remaining(monotonic):
            step = STEPS_S[min(self._failures, len(STEPS_S) - 1)]
            self._until = monotonic + step * (1 + _SPREAD * self._jitter())
            self._failures += 1
        if retry_after is not None:
            self._until = max(self._until, monotonic + retry_after.total_seconds())
        return self.remaining(monotonic)

    def answered(self) -> None:
        """Take down that the destination answers."""
        self._failures = 0
