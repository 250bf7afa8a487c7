from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import Instant
from gateway.domain.device import DeviceId
from gateway.domain.device_clock import ClockHistory, seen
from gateway.domain.device_time import Timing, corrected
from gateway.domain.reading import ClockSample, DeviceTime, Kind, Limit, Reading
from gateway.drivers.clock_log import Look, Told, told
from gateway.drivers.stamp_eras import Change, Stamped
from tests.drivers.test_stamp_eras import Device

NOON = datetime(2026, 11, 20, 12)  # noqa: DTZ001 - a device's clock
HOUR = timedelta(hours=1)


def look(at: datetime, *, hub: datetime, trusted: bool = True) -> ClockSample:
    return ClockSample(shown=at, at=Instant(hub.replace(tzinfo=UTC), 0.0, "boot", trusted))


MINUTES = timedelta(minutes=1)
LAST_LOOK = look(NOON - 24 * HOUR, hub=NOON - 25 * HOUR)
NOW_WEST = look(NOON, hub=NOON + 5 * HOUR)  # six hours west of where it was
JOURNEY = Change(5, NOON - 4 * HOUR, NOON - 10 * HOUR)


def test_a_look_survives_being_written_down() -> None:
    seen = Look.of(LAST_LOOK, [])

    assert seen is not None
    assert Look.from_text(seen.to_text()) == seen
    assert Look.of(look(NOON, hub=NOON, trusted=False), []) is None
    assert Look.of(None, []) is None


def test_a_look_that_came_before_the_other_tells_nothing_of_how_a_clock_moved() -> None:
    earlier, later = Look(0, 1_000_000), Look(0, 1_000_060)

    assert later.is_as_moved(earlier, timedelta())
    assert not earlier.is_as_moved(later, timedelta())


@pytest.mark.parametrize("text", ["", "None", "1", "@", "a@b ", "1@-5 ", "--1@2 ", "1@2"])
def test_what_is_no_look_is_none(text: str) -> None:
    assert Look.from_text(text) is None


def test_what_was_stamped_since_a_look_is_counted_if_the_log_explains_the_next() -> None:
    records = [Stamped(1, NOON - 40 * HOUR), Stamped(4, NOON - 5 * HOUR), Stamped(6, NOON - HOUR)]

    assert told(records, [JOURNEY], NOW_WEST, Look.of(LAST_LOOK, [])) == [
        Told(NOON - 40 * HOUR, counted=False),
        Told(NOON - 11 * HOUR, counted=True),
        Told(NOON - HOUR, counted=True),
    ]


def test_what_happened_once_without_a_word_is_left_to_what_was_seen() -> None:
    records = [Stamped(4, NOON - 5 * HOUR), Stamped(7, NOON - MINUTES)]

    assert told(records, [], NOW_WEST, Look.of(LAST_LOOK, [])) == [
        Told(NOON - 5 * HOUR),
        Told(NOON - MINUTES),
    ]


LOST = NOON.replace(year=2000, month=1, day=1, hour=0)


@pytest.mark.parametrize("old", [None, LOST], ids=["no time", "the factory's time"])
def test_what_a_clock_stamped_before_it_was_lost_is_told_by_what_that_was_seen_to_show(
    old: datetime | None,
) -> None:
    records = [Stamped(4, NOON - 5 * HOUR), Stamped(7, NOON - MINUTES)]

    assert told(records, [replace(JOURNEY, old=old)], NOW_WEST, Look.of(LAST_LOOK, [])) == [
        Told(NOON - 5 * HOUR),
        Told(NOON - MINUTES, counted=True),
    ]
    assert told(records[:1], [], None, Look.of(LAST_LOOK, [])) == [Told(NOON - 5 * HOUR)]


def test_what_a_clock_stamped_that_was_lost_unseen_is_local_time_if_nobody_ever_set_it() -> None:
    records = [Stamped(4, NOON - 11 * HOUR), Stamped(7, NOON - MINUTES)]
    lost = replace(JOURNEY, old=LOST)

    assert told(records, [lost], NOW_WEST, None) == [
        Told(NOON - 11 * HOUR, unseen=True),
        Told(NOON - MINUTES),
    ]
    assert told(records[:1], [], None, None) == [Told(NOON - 11 * HOUR, unseen=True)]
    before = Change(2, NOON - 20 * HOUR, NOON - 19 * HOUR)
    assert told(records[:1], [before], None, None) == [Told(None)]
    assert told(records[:1], [before, lost], NOW_WEST, None) == [Told(None)]
    assert told([Stamped(4, NOON)], [lost], NOW_WEST, None) == [Told(None)]


def test_a_clock_that_was_set_before_it_was_lost_and_after_is_moved_by_neither_for_the_other() -> (
    None
):
    changes = [
        Change(2, NOON - 20 * HOUR, NOON - 19 * HOUR),
        Change(4, LOST, NOON - 9 * HOUR),
        Change(6, NOON - 5 * HOUR, NOON - 6 * HOUR),
    ]
    records = [
        Stamped(1, NOON - 21 * HOUR),
        Stamped(3, NOON - 18 * HOUR),
        Stamped(5, NOON - 8 * HOUR),
        Stamped(7, NOON - HOUR),
    ]

    assert told(records, changes, NOW_WEST, Look.of(LAST_LOOK, [])) == [
        Told(NOON - 21 * HOUR),
        Told(NOON - 19 * HOUR),
        Told(NOON - 9 * HOUR, counted=True),
        Told(NOON - HOUR, counted=True),
    ]
    assert told(records, changes, NOW_WEST, None) == [
        Told(None),
        Told(None),
        Told(NOON - 9 * HOUR),
        Told(NOON - HOUR),
    ]


def test_a_clock_that_still_shows_the_factorys_time_tells_nothing() -> None:
    shown = look(LOST + HOUR, hub=NOON)

    assert Look.of(shown, []) is None
    assert told([Stamped(1, NOON)], [], shown, None) == [Told(NOON, unseen=True)]


def test_a_sample_of_before_that_may_be_stamped_by_a_clock_set_since_has_no_time() -> None:
    before, after = NOON - 31 * HOUR, NOON - 29 * HOUR
    records = [Stamped(4, before, 10), Stamped(5, after, 130), Stamped(6, before)]

    assert told(records, [], NOW_WEST, Look.of(LAST_LOOK, [])) == [
        Told(None),
        Told(after),
        Told(before),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        [replace(JOURNEY, new=NOON - 11 * HOUR)],
        [JOURNEY, Change(6, NOON - 2 * HOUR, NOON - HOUR)],
        [replace(JOURNEY, new=None)],
    ],
)
def test_a_log_that_contradicts_what_was_seen_leaves_no_time(changes: list[Change]) -> None:
    records = [Stamped(4, NOON - 5 * HOUR), Stamped(7, NOON - MINUTES)]

    assert told(records, changes, NOW_WEST, Look.of(LAST_LOOK, [])) == [Told(None), Told(None)]


ANY_TIME = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31))  # noqa: DTZ001
ANY_CHANGES = st.lists(st.tuples(ANY_TIME, ANY_TIME), max_size=12)


@given(
    settings=ANY_CHANGES,
    often=st.integers(1, 60),
    stamps=st.lists(ANY_TIME, max_size=4),
    shown=st.none() | ANY_TIME,
    before=st.none() | st.builds(Look, st.integers(-(10**9), 10**9), st.integers(0, 4 * 10**9)),
)
def test_any_log_tells_something(
    settings: list[tuple[datetime, datetime]],
    often: int,
    stamps: list[datetime],
    shown: datetime | None,
    before: Look | None,
) -> None:
    changes = [Change(at, old, new) for at, (old, new) in enumerate(settings * often)]
    records = [Stamped(at * 7, stamp, at if at % 2 else None) for at, stamp in enumerate(stamps)]
    clock = None if shown is None else look(shown, hub=NOON)

    assert len(told(records, changes, clock, before)) == len(records)


def test_a_clock_that_was_set_by_centuries_is_followed_for_one() -> None:
    far = [Change(at, NOON.replace(year=2011), NOON.replace(year=2098)) for at in range(200)]
    record = Stamped(-1, NOON.replace(year=2010))

    assert told([record], far, look(NOON.replace(year=2099), hub=NOON), None) == [Told(None)]
    assert told([record], far, None, Look.of(LAST_LOOK, [])) == [Told(None)]


def test_what_was_stamped_since_a_look_is_counted_where_nothing_was_set_either() -> None:
    east = look(NOON - 24 * HOUR, hub=NOON - 19 * HOUR)
    records = [Stamped(3, NOON - 25 * HOUR), Stamped(4, NOON - 5 * HOUR)]

    assert told(records, [], NOW_WEST, Look.of(east, [])) == [
        Told(NOON - 25 * HOUR),
        Told(NOON - 5 * HOUR, counted=True),
    ]


def test_without_an_earlier_look_the_log_is_believed_but_nothing_is_counted() -> None:
    assert told([Stamped(4, NOON - 5 * HOUR)], [JOURNEY], NOW_WEST, None) == [
        Told(NOON - 11 * HOUR)
    ]


def test_a_date_and_a_time_may_be_set_one_after_the_other() -> None:
    date_set = LOST.replace(year=NOON.year, month=NOON.month, day=NOON.day)
    changes = [
        Change(5, LOST, date_set),
        Change(6, date_set + MINUTES, NOON - HOUR),
    ]
    records = [Stamped(4, NOON - 5 * HOUR), Stamped(7, NOON - MINUTES)]

    assert told(records, changes, NOW_WEST, Look.of(LAST_LOOK, [])) == [
        Told(NOON - 5 * HOUR),
        Told(NOON - MINUTES, counted=True),
    ]
    before = replace(records[0], at=NOON - 30 * HOUR)
    assert told([before], changes, look(NOON, hub=NOON), None) == [Told(before.at, unseen=True)]


def test_a_sample_of_before_a_look_is_counted_by_its_sensor_from_one_of_after() -> None:
    records = [Stamped(3, NOON - 25 * HOUR, 10), Stamped(4, NOON - 5 * HOUR, 1210)]

    assert told(records, [JOURNEY], NOW_WEST, Look.of(LAST_LOOK, [])) == [
        Told(NOON - 31 * HOUR, counted=True),
        Told(NOON - 11 * HOUR, counted=True),
    ]


@dataclass
class Hub:
    """A hub that reads a device now and then, and what its domain makes of what it is told."""

    device: Device
    before: Look | None = None
    history: ClockHistory = ()
    done: int = 0
    jumped: bool = False
    timings: list[tuple[Timing, datetime]] = field(default_factory=list)

    def jump(self, by: timedelta) -> None:
        """Let the clock jump without a word in its log, once between two readings."""
        if self.before is not None and not self.jumped and not self.device.is_lost:
            self.device.offset += by
            self.jumped = True

    def read(self) -> None:
        self.device.true += MINUTES
        at = Instant(self.device.true.replace(tzinfo=UTC), 0.0, "boot")
        shown = ClockSample(shown=self.device.shown.replace(second=0), at=at)
        clock = None if self.device.is_lost else shown
        stamped = [record for record, _ in self.device.kept]
        times = told(stamped, self.device.changes, clock, self.before)
        new = list(zip(times, self.device.kept, strict=True))[self.done :]
        if not new:
            return
        is_looked_at = clock is not None and any(
            not time.counted and not time.unseen for time in times
        )
        if clock is not None and is_looked_at:  # one that is known is recorded with them
            self.history = seen(self.history, clock, MINUTES)
        received = replace(at, utc=at.utc - timedelta(seconds=1))
        for time, (_, true) in new:
            seen_by = None if time.unseen else clock
            timing = corrected(reading_of(time, seen_by, received), PARIS, self.history)
            self.timings.append((timing, true.replace(tzinfo=UTC)))
        if is_looked_at:
            self.before = Look.of(clock, self.device.changes)
        self.done, self.jumped = len(times), False


PARIS = timezone(HOUR)


def reading_of(time: Told, clock: ClockSample | None, received: Instant) -> Reading:
    return Reading(
        device=DeviceId("meter"),
        kind=Kind.BLOOD_GLUCOSE,
        values={},
        limit=Limit.ABOVE,
        received=received,
        live=False,
        device_time=DeviceTime(
            stamp=time.at, raw="", clock=clock, resolution=MINUTES, counter=time.counted
        ),
    )


MINUTES_OFF = st.one_of(st.sampled_from([-60, 60]), st.integers(-12 * 60, 12 * 60))
WAIT = st.tuples(st.just("wait"), st.integers(1, 40))
MOVES = st.tuples(st.sampled_from(["set"]), MINUTES_OFF)
AT_ONCE = [WAIT, st.tuples(st.just("measure")), st.tuples(st.just("read")), MOVES]
LATE = [*AT_ONCE, st.tuples(st.just("scan")), st.tuples(st.just("renew"))]
LOSING = [*LATE, st.tuples(st.just("lose"))]
SILENT = [*AT_ONCE, st.tuples(st.just("jump"), MINUTES_OFF)]


def assert_within_doubt(steps: list[tuple[Any, ...]], *, stamps_late: bool = False) -> None:
    hub = Hub(Device(stamps_late, offset=HOUR))
    for name, *given_to in [*steps, ("read",)]:
        actor = hub if name in ("read", "jump") else hub.device
        off = (
            [timedelta(minutes=each) for each in given_to] if name in ("set", "jump") else given_to
        )
        getattr(actor, name)(*off)
    for timing, true in hub.timings:
        doubt = timing.uncertainty
        assert doubt is None or abs(timing.measured_at - true) <= doubt


@given(steps=st.lists(st.one_of(LATE), max_size=40), stamps_late=st.booleans())
def test_where_the_log_is_whole_the_truth_lies_within_the_doubt(
    steps: list[tuple[Any, ...]], stamps_late: bool
) -> None:
    assert_within_doubt(steps, stamps_late=stamps_late)


@given(steps=st.lists(st.one_of(LOSING), max_size=40), stamps_late=st.booleans())
def test_where_the_clock_was_also_lost_the_truth_lies_within_the_doubt(
    steps: list[tuple[Any, ...]], stamps_late: bool
) -> None:
    assert_within_doubt(steps, stamps_late=stamps_late)


@given(steps=st.lists(st.one_of(SILENT), max_size=40))
def test_where_it_is_not_the_truth_of_what_is_stamped_at_once_still_does(
    steps: list[tuple[Any, ...]],
) -> None:
    assert_within_doubt(steps)
