from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers.stamp_eras import Change, ClockLog, Stamped

NOON = datetime(2026, 11, 20, 12)  # noqa: DTZ001 - a device's clock
HOUR = timedelta(hours=1)
FACTORY = datetime(2000, 1, 1)  # noqa: DTZ001 - what a clock shows that was lost


@dataclass
class Device:
    """A device in true time, which nobody tells it: what it keeps, and what would be right."""

    stamps_late: bool = False
    """Whether a sample is stamped as it is stored, by the clock of then, counted back."""
    true: datetime = NOON
    offset: timedelta = timedelta()
    worn_since: datetime = NOON
    unstored: list[tuple[datetime, timedelta, int]] = field(default_factory=list)
    kept: list[tuple[Stamped, datetime]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    place: int = 0
    is_lost: bool = False

    @property
    def shown(self) -> datetime:
        return self.true + self.offset

    def wait(self, quarters: int) -> None:
        for _ in range(quarters):
            self.true += timedelta(minutes=15)
            minutes = (self.true - self.worn_since) // timedelta(minutes=1)
            self.unstored = [*self.unstored, (self.true, self.offset, minutes)][-32:]

    def measure(self) -> None:
        self.place += 1
        self.kept.append((Stamped(self.place, self.shown), self.true))

    def scan(self) -> None:
        for true, then, minutes in self.unstored:
            self.place += 1
            at = true + (self.offset if self.stamps_late else then)
            self.kept.append((Stamped(self.place, at, minutes, minutes == 15), true))
        self.unstored = []
        self.measure()

    def renew(self) -> None:
        """Put on a new sensor; what the old one had not given is lost."""
        self.worn_since, self.unstored = self.true, []

    def set(self, by: timedelta) -> None:
        """Set it by so much; if it was lost, so far from the true time."""
        self.place += 1
        new = (self.true if self.is_lost else self.shown) + by
        self.changes.append(Change(self.place, self.shown, new))
        self.offset, self.is_lost = new - self.true, False

    def lose(self) -> None:
        """Lose the clock, of which the log says nothing."""
        self.offset, self.is_lost = FACTORY - self.true, True

    def told(self) -> list[datetime | None]:
        log = ClockLog(self.changes, self.shown, since=0)
        return log.on_present_clock([stamped for stamped, _ in self.kept])

    def right(self) -> list[datetime]:
        return [true + self.offset for _, true in self.kept]


def placed(*records: Stamped, changes: Sequence[Change] = (), since: int = 0) -> list[object]:
    return list(ClockLog(changes, NOON, since).on_present_clock(records))


STEPS = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 40)),
    st.tuples(st.just("measure")),
    st.tuples(st.just("scan")),
    st.tuples(st.just("renew")),
    st.tuples(st.just("set"), st.integers(-12 * 60, 12 * 60).map(lambda m: timedelta(minutes=m))),
)


@given(steps=st.lists(STEPS, max_size=30), stamps_late=st.booleans())
def test_what_is_told_is_right(steps: list[tuple[str, object]], stamps_late: bool) -> None:
    device = Device(stamps_late)
    for name, *given_to in steps:
        getattr(device, name)(*given_to)

    for at, right in zip(device.told(), device.right(), strict=True):
        assert at is None or abs(at - right) <= timedelta(minutes=3)


LOSING = st.one_of(STEPS, st.tuples(st.just("lose")))


@given(steps=st.lists(LOSING, max_size=40), stamps_late=st.booleans())
def test_what_is_told_is_right_also_where_the_clock_was_lost(
    steps: list[tuple[str, object]], stamps_late: bool
) -> None:
    device = Device(stamps_late)
    for name, *given_to in [*steps, ("set", HOUR)]:
        getattr(device, name)(*given_to)

    for at, right in zip(device.told(), device.right(), strict=True):
        assert at is None or abs(at - right) <= timedelta(minutes=3)


@given(steps=st.lists(LOSING.filter(lambda step: step[0] != "scan"), max_size=40))
def test_what_is_measured_at_once_is_told_since_the_clock_was_lost_and_set(
    steps: list[tuple[str, object]],
) -> None:
    device = Device()
    known_from = 0
    for name, *given_to in [*steps, ("set", HOUR)]:
        known_from = len(device.kept) if name == "set" and device.is_lost else known_from
        getattr(device, name)(*given_to)

    told = device.told()

    assert told[known_from:] == device.right()[known_from:]
    assert set(told[:known_from]) <= {None}


@given(steps=st.lists(STEPS.filter(lambda step: step[0] != "scan"), max_size=30))
def test_what_is_measured_at_once_is_always_told(steps: list[tuple[str, object]]) -> None:
    device = Device()
    for name, *given_to in steps:
        getattr(device, name)(*given_to)

    assert device.told() == device.right()


@pytest.mark.parametrize("stamps_late", [False, True])
def test_a_sample_stored_after_the_clock_was_set_is_told_by_its_sensor(stamps_late: bool) -> None:
    device = Device(stamps_late)
    device.wait(20)
    device.set(-HOUR)
    device.wait(20)
    device.scan()

    assert device.told() == device.right()


def test_a_sensor_that_contradicts_its_stamps_ends_what_can_be_told() -> None:
    device = Device()
    device.measure()
    device.wait(8)
    device.scan()
    device.offset += 3 * HOUR  # without a word in the log
    device.wait(8)
    device.scan()

    told = device.told()

    assert told[-9:] == device.right()[-9:]
    assert set(told[:-9]) == {None}


def test_a_sample_whose_stamp_was_lost_is_told_by_its_sensor() -> None:
    lost = Stamped(1, None, sensor_minutes=100)
    kept = Stamped(2, NOON - HOUR, sensor_minutes=130)

    assert placed(lost, kept) == [NOON - timedelta(minutes=90), NOON - HOUR]
    assert placed(lost) == [None]


def test_a_new_sensor_says_nothing_of_the_one_before() -> None:
    old = Stamped(1, NOON - 3 * HOUR, sensor_minutes=5)
    new = Stamped(2, NOON - HOUR, sensor_minutes=15, first_of_sensor=True)

    assert placed(old, new) == [old.at, new.at]


def test_what_is_older_than_the_log_is_not_told() -> None:
    assert placed(Stamped(4, NOON - HOUR), Stamped(5, NOON), since=5) == [None, NOON]


def test_samples_from_before_the_log_are_told_by_their_sensor() -> None:
    change = Change(6, NOON - HOUR, NOON - 2 * HOUR)
    before = Stamped(4, NOON - 3 * HOUR, sensor_minutes=100)
    after = Stamped(5, NOON - 2 * HOUR, sensor_minutes=160)

    assert placed(before, after, changes=[change], since=5) == [
        NOON - 4 * HOUR,
        NOON - 3 * HOUR,
    ]
    assert placed(before, changes=[change], since=5) == [None]


def test_a_stamp_outside_of_its_era_is_not_told() -> None:
    change = Change(5, NOON - 2 * HOUR, NOON - HOUR)

    assert placed(Stamped(4, NOON - HOUR), changes=[change]) == [None]
    assert placed(Stamped(6, NOON - 2 * HOUR), changes=[change]) == [None]
    assert placed(Stamped(6, NOON + HOUR), changes=[change]) == [None]
    assert placed(Stamped(4, NOON - 3 * HOUR), changes=[change]) == [NOON - 2 * HOUR]


def test_what_the_clock_showed_at_a_moment_is_told_by_its_log() -> None:
    log = ClockLog([Change(5, NOON - 2 * HOUR, NOON - HOUR)], NOON, 0)
    lost = ClockLog([Change(5, None, NOON - HOUR)], NOON, 0)

    assert log.shown_then(NOON - HOUR / 2) == NOON - HOUR / 2
    assert log.shown_then(NOON - 2 * HOUR) == NOON - 3 * HOUR
    assert lost.shown_then(NOON - 2 * HOUR) is None


def test_before_the_clock_was_lost_the_log_tells_nothing() -> None:
    change = Change(5, None, NOON - HOUR)

    assert placed(Stamped(4, NOON - 3 * HOUR), Stamped(6, NOON), changes=[change]) == [None, NOON]
