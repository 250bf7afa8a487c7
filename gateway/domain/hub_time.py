"""The hub's own time: what UTC was when it did not know.

A hub without a battery-backed clock starts at a time of its own. What it receives before a server
has told it the time carries the boot and that boot's monotonic clock; both stay true. Once UTC is
known at one moment of the boot, it is known at all of them. If the hub is restarted before, the
boot lies between what is known of the boots before and after it, and the doubt is half of that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.clock import Instant
from gateway.domain.reading import Reading

STEP = timedelta(seconds=1)
"""A wall clock that moves by more against the monotonic one was set; less is being steered."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """What UTC was at one monotonic moment (s) of a boot, give or take `doubt`."""

    boot_id: str
    utc: datetime
    monotonic: float
    doubt: timedelta = timedelta()

    def utc_of(self, monotonic: float) -> datetime:
        """Return what UTC was at another moment of the same boot."""
        return self.utc + timedelta(seconds=monotonic - self.monotonic)

    def moved(self, instant: Instant) -> Instant:
        """Return the instant, of the same boot, with the right UTC."""
        return replace(instant, utc=self.utc_of(instant.monotonic), trusted=True)

    def disagrees(self, instant: Instant) -> bool:
        """Whether the instant, of the same boot, says another time than this."""
        return abs(self.utc_of(instant.monotonic) - instant.utc) > STEP


def at_true_time(reading: Reading, anchor: Anchor) -> Reading:
    """Return the reading as if the hub had known the time when it received it in that boot.

    For computing its time only: what was recorded, and its identity, stay as they are.
    """
    changed: dict[str, object] = {"received": anchor.moved(reading.received)}
    told = reading.device_time
    if told is not None and told.clock is not None:
        sample = told.clock.model_copy(update={"at": anchor.moved(told.clock.at)})
        changed["device_time"] = told.model_copy(update={"clock": sample})
    return reading.model_copy(update=changed)


def as_received(reading: Reading, told_since: Anchor | None = None) -> Reading:
    """Return the reading with the look at its device's clock told by the time of its reception.

    The hub may have been told the time between the two, while the device gave what it had; or after
    both, and then it is `told_since`. For computing its time only, as `at_true_time`.
    """
    told, received = reading.device_time, reading.received
    if not received.trusted:
        return reading
    if told_since is not None and told_since.disagrees(received):
        return at_true_time(reading, told_since)
    if told is None or told.clock is None:
        return reading
    looked = told.clock.at
    by_now = Anchor(received.boot_id, received.utc, received.monotonic)
    if looked.boot_id != received.boot_id or (looked.trusted and not by_now.disagrees(looked)):
        return reading
    return at_true_time(reading, by_now)


def lost_boot(boot_id: str, up: timedelta, after: datetime, before: datetime) -> Anchor | None:
    """Place a boot in which the hub never knew the time; None if there is no room for it.

    `after` and `before` are moments before it began and after it ended; `up` is how long it lasted
    at least. A boot's monotonic clock starts with it, at zero.
    """
    latest_start = before - up
    if latest_start < after:
        return None
    half = (latest_start - after) / 2
    return Anchor(boot_id, after + half, 0.0, half)
