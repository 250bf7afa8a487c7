"""The clock of a device: local, without zone, and as wrong as it was made."""

from collections.abc import Callable
from datetime import datetime, timedelta

FACTORY_TIME = datetime(2000, 1, 1)  # noqa: DTZ001 - what a cuff shows after a battery change


class DeviceClock:
    """Local time as the device believes it.

    `now` is true time, aware. `error` is how far the device is ahead (negative: behind) when it
    starts, `drift_ppm` how many microseconds per second it gains from then on.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        utc_offset: timedelta = timedelta(),
        error: timedelta = timedelta(),
        drift_ppm: float = 0,
    ) -> None:
        self._now = now
        self._drift = drift_ppm / 1_000_000
        self._set_at = now()
        self._set_to = (self._set_at + utc_offset + error).replace(tzinfo=None)

    def device_local(self, at: datetime | None = None) -> datetime:
        """Return what the device shows now, or showed or will show at a true time."""
        elapsed = (at or self._now()) - self._set_at
        return self._set_to + elapsed + elapsed * self._drift

    def set_to(self, device_local: datetime) -> None:
        """Set the device's clock, as its user or a collector does."""
        self._set_at = self._now()
        self._set_to = device_local

    def reset(self) -> None:
        """Fall back to the factory's time, as after a battery change."""
        self.set_to(FACTORY_TIME)
