"""The clock of a device: local, without zone, and as wrong as it was made."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from firmware_sims.packing.date_time import Stamp, Unset

FACTORY_TIME = datetime(2000, 1, 1)  # noqa: DTZ001 - what a cuff shows after a battery change
UNIX_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - and what a Mi scale does


class Stamps(StrEnum):
    """What a device says of the time of a measurement."""

    CLOCK = "clock"
    """What its clock showed."""
    ZEROS = "zeros"
    """A date of zeros, for its clock was never set."""
    NONE = "none"
    """Nothing: it keeps no time."""


@dataclass(frozen=True, slots=True)
class Setting:
    """That somebody set a clock, at a true time: what it showed just before, and then."""

    at: datetime
    before: datetime
    after: datetime


class DeviceClock:
    """Local time as the device believes it.

    `now` is true time, aware. `error` is how far the device is ahead (negative: behind) when it
    starts, `drift_ppm` how many microseconds per second it gains from then on. `factory_time` is
    what it shows after a battery change. `settings` are all times that somebody set it.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        utc_offset: timedelta = timedelta(),
        error: timedelta = timedelta(),
        drift_ppm: float = 0,
        factory_time: datetime = FACTORY_TIME,
        stamps: Stamps = Stamps.CLOCK,
    ) -> None:
        self._now = now
        self._utc_offset = utc_offset
        self._stamps = stamps
        self._factory_time = factory_time
        self._drift = drift_ppm / 1_000_000
        self._set_at = now()
        self._set_to = (self._set_at + utc_offset + error).replace(tzinfo=None)
        self._before: list[tuple[datetime, datetime, datetime]] = []
        self.settings: list[Setting] = []

    def device_local(self, at: datetime | None = None) -> datetime:
        """Return what the device shows now, or showed or will show at a true time."""
        moment = at or self._now()
        set_at, set_to = self._set_at, self._set_to
        for until, was_set_at, was_set_to in self._before:
            if moment < until:
                set_at, set_to = was_set_at, was_set_to
                break
        elapsed = moment - set_at
        return set_to + elapsed + elapsed * self._drift

    def stamp(self, at: datetime) -> Stamp | None:
        """Return what the device says of a measurement of a true time; None is no time at all."""
        match self._stamps:
            case Stamps.CLOCK:
                return self.device_local(at)
            case Stamps.ZEROS:
                return Unset.NEVER_SET
        return None

    def changed(self, at: datetime, device_local: datetime) -> None:
        """Let the clock have been set at a true time gone by, later than any such before.

        What it showed until then it still did.
        """
        self._before.append((at, self._set_at, self._set_to))
        self._set_at, self._set_to = at, device_local

    def lost(self, at: datetime) -> None:
        """Let the battery have been changed at a true time gone by."""
        self.changed(at, self._factory_time)

    def moved(self, at: datetime, by: timedelta) -> None:
        """Let its user have set it forward, or back, at a true time gone by."""
        self._set(at, self.device_local(at) + by)

    def set_right(self, at: datetime, error: timedelta = timedelta()) -> None:
        """Let its user have set it, so far ahead of the right time, at a true time gone by."""
        self._set(at, (at + self._utc_offset + error).replace(tzinfo=None))

    def set_to(self, device_local: datetime) -> None:
        """Set the device's clock, as its user or a collector does."""
        now = self._now()
        self.settings.append(Setting(now, self.device_local(now), device_local))
        self._begin_at(now, device_local)

    def reset(self) -> None:
        """Fall back to the factory's time, as after a battery change."""
        self._begin_at(self._now(), self._factory_time)

    def _set(self, at: datetime, device_local: datetime) -> None:
        self.settings.append(Setting(at, self.device_local(at), device_local))
        self.changed(at, device_local)

    def _begin_at(self, now: datetime, device_local: datetime) -> None:
        self._set_at, self._set_to = now, device_local
