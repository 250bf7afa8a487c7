"""What is true, whoever knows it: the hub's clock, a cuff at home, the counter of a pharmacy."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.clock import Instant
from gateway.domain.device import Device, DeviceId
from gateway.domain.reading import ClockSample, DeviceTime, Reading
from gateway.domain.subject import Assignment, SubjectId
from gateway.testing.clock import START
from tests.journal.making import SCALE, weight

CUFF = Device(id=DeviceId("ble:C0:FF:EE:00:00:03"), driver="scale/test")
COUNTERS_CUFF = Device(id=DeviceId("ble:C0:FF:EE:00:00:04"), driver="scale/test")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
AT_ONCE = 2 * MINUTE
"""What is sent within it seems just measured: nobody sets the clock in between."""


@dataclass
class Hub:
    """The hub's clock, as far from the truth as it is."""

    true: datetime = START
    wrong_by: timedelta = timedelta()
    trusted: bool = True
    boot: int = 0
    up_since: datetime = START - MINUTE

    @property
    def is_right(self) -> bool:
        return self.trusted and not self.wrong_by

    def now(self) -> Instant:
        up_s = (self.true - self.up_since).total_seconds()
        return Instant(self.true + self.wrong_by, up_s, f"boot-{self.boot}", self.trusted)

    def reboot(self, wrong_by: timedelta, *, trusted: bool) -> None:
        self.true += 5 * MINUTE
        self.boot += 1
        self.up_since = self.true
        self.wrong_by, self.trusted = wrong_by, trusted


@dataclass(frozen=True)
class Measured:
    """What the cuff holds: the moment, what its clock showed, and the button that was pressed."""

    record: str
    true: datetime
    stamp: datetime
    slot: str | None


@dataclass
class Cuff:
    """A cuff with a clock and a memory, and whom it measures."""

    hub: Hub
    device: Device = CUFF
    drift: float = 0.0
    set_at: datetime = START
    set_to: datetime = field(default_factory=lambda: START.replace(tzinfo=None))
    was_set: bool = False
    """Whether its clock was set since it was last looked at: it is set once at most until then."""
    held: list[Measured] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)

    def shown(self) -> datetime:
        passed = self.hub.true - self.set_at
        return (self.set_to + passed + passed * self.drift).replace(microsecond=0)

    def looked_at(self) -> ClockSample:
        return ClockSample(shown=self.shown(), at=self.hub.now())

    def set_clock(self, to: datetime) -> None:
        self.set_at, self.set_to, self.was_set = self.hub.true, to, True

    def measure(self, record: str, slot: str | None) -> None:
        self.held.append(Measured(record, self.hub.true, self.shown(), slot))
        self.hub.true += timedelta(seconds=10)

    def given(self, look: ClockSample, held: list[Measured]) -> list[Reading]:
        """Give what is held, but for what is, by accident, as old as its clock was moved by."""
        received = self.hub.now()
        readings = []
        for each in held:
            live = abs(look.shown - each.stamp) <= AT_ONCE
            if not live or self.hub.true - each.true <= AT_ONCE:
                told = DeviceTime(stamp=each.stamp, raw="00", clock=look)
                one = reading(self.device, each.record, received, told, live=live)
                readings.append(one.model_copy(update={"slot": each.slot}))
        self.held.clear()
        if look.at.trusted and received.trusted and readings:
            self.was_set = False
        return readings

    def assigned(self, slot: str | None) -> Assignment | None:
        mine = (each for each in self.assignments if each.slot == slot and each.until is None)
        return next(mine, None)

    def measures(self, slot: str | None, at: datetime) -> set[SubjectId]:
        lasting = [each for each in self.assignments if each.covers(self.device.id, slot, at)]
        of_slot = [each for each in lasting if each.slot is not None]
        return {each.subject for each in of_slot or lasting}


@dataclass
class Turn:
    """Somebody sits at the counter, from when until when at the latest."""

    number: int
    subject: SubjectId
    opened: datetime
    until: datetime
    stays: bool
    """Whether what is measured stays when it is over."""
    there: list[tuple[datetime, datetime]] = field(default_factory=list)
    """When they showed to be there, from when until when."""

    def shows(self, now: datetime, attended: timedelta) -> None:
        """Let them show to be there, for so long from now on."""
        since, until = self.there[-1] if self.there else (now, now)
        if now > until:
            self.there.append((now, now + attended))
        else:
            self.there[-1:] = [(since, max(until, now + attended))]

    def sits(self, at: datetime) -> bool:
        """Tell whether they sat there then, as far as they showed it."""
        return any(since <= at <= min(until, self.until) for since, until in self.there)


def reading(
    device: Device,
    record: str,
    received: Instant,
    told: DeviceTime | None = None,
    *,
    live: bool = True,
) -> Reading:
    changed = {"received": received, "device_time": told, "live": live, "record": record}
    return weight(0, device=device.id).model_copy(update=changed)


def weighed(record: str, hub: Hub) -> Reading:
    return reading(SCALE, record, hub.now())
