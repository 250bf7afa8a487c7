"""A clock that stands still until it is told to move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.clock import Instant

START = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)


class ManualClock:
    """A `Clock` for tests: `advance` moves both scales, `step` moves UTC alone.

    Its moments are trusted unless `trusted` is set to False.
    """

    def __init__(self, start: datetime = START, boot_id: str = "test-boot") -> None:
        self._utc = start
        self._monotonic = 1000.0
        self._boot_id = boot_id
        self.trusted = True

    def now(self) -> Instant:
        """Return the moment the test has set."""
        return Instant(self._utc, self._monotonic, self._boot_id, self.trusted)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._utc += timedelta(seconds=seconds)
        self._monotonic += seconds

    def boot(self) -> None:
        """Start the machine anew: the next boot begins."""
        self._monotonic = 0.0
        self._boot_id += "-next"

    def step(self, by: timedelta) -> None:
        """Set the wall clock while no time passes."""
        self._utc += by
