"""Moments on a device's own clock."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.clock import Instant
from gateway.domain.reading import ClockSample, DeviceTime
from gateway.frozen import frozen

_MINUTE = timedelta(minutes=1)


@frozen
class Stamp:
    """What a device's clock showed, as precise as the device gives it; `at` is naive.

    `raw` holds the bytes of the stamp as they were received.
    """

    at: datetime
    raw: bytes
    resolution: timedelta = timedelta(seconds=1)

    def __str__(self) -> str:
        """Write it as ISO 8601, with seconds only if the device gives them."""
        return self.at.isoformat(timespec="minutes" if self.resolution >= _MINUTE else "seconds")

    def device_time(self, clock: ClockSample | None = None) -> DeviceTime:
        """Return it as the time of a reading."""
        return DeviceTime(
            stamp=self.at, raw=self.raw.hex(), clock=clock, resolution=self.resolution
        )

    def just_taken(self, received: Instant) -> DeviceTime:
        """Return it as the time of a reading that the device sends as soon as it has taken it.

        The stamp then is what the device's clock shows at that moment, so that a clock that was
        never set, or not set to summer time, does no harm.
        """
        return self.device_time(ClockSample(shown=self.at, at=received))


def stamp(
    raw: bytes, year: int, month: int, day: int, hour: int, minute: int, second: int | None = None
) -> Stamp | None:
    """Make a stamp; None if the calendar or the clock has no such moment."""
    try:
        at = datetime(year, month, day, hour, minute, second or 0)  # noqa: DTZ001 - a device's clock
    except ValueError:
        return None
    return Stamp(at, raw, _MINUTE if second is None else timedelta(seconds=1))
