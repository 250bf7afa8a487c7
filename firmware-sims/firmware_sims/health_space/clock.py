"""The sandbox's clock, which can be put wrong."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def utc_now() -> datetime:
    """Return the system's time."""
    return datetime.now(UTC)


class SandboxClock:
    """`now()` shifted by `skew_s` seconds; tokens and the Date header follow it."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.skew_s: float = 0.0

    def now(self) -> datetime:
        """Return the time as this end believes it to be."""
        return self._now() + timedelta(seconds=self.skew_s)
