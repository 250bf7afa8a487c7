"""How often a device is connected in a day, and how long a new reading waits, whatever it does.

A `Life` is a day of a device as `Patience` sees it: when it advertises, what it says, and how the
visits end. Nothing here waits, and no radio is needed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count, cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.collect.patience import (
    EXPECTED_S,
    LEFT_ALONE_S,
    SIGN_EVERY_S,
    SIGNS,
    Outcome,
    Patience,
)
from gateway.collect.signs import REAPPEARED_S, SETTLED_S, Sign
from gateway.drivers.api import Sighting
from tests.collect.fakes import a_sighting

HOUR_S, DAY_S = 3600.0, 86_400.0
VISIT_S = 12.0
"""A conversation that brings nothing: the driver waits 10 s for a measurement."""
SAME = a_sighting()
SERIES = 8
"""Waits of a series until `LEFT_ALONE_S` (COMPLETE)."""


def other(number: int) -> Sighting:
    return replace(SAME, manufacturer_data={0x020E: number.to_bytes(4, "little")})


@dataclass
class Life:
    """A device that is heard at the moments it is told; `measured_at` is a reading it keeps."""

    outcomes: Iterator[Outcome] = field(default_factory=lambda: cycle([Outcome.COMPLETE]))
    patience: Patience = field(default_factory=Patience)
    busy_until: float = 0.0
    visits: list[float] = field(default_factory=list)
    measured_at: float | None = None
    read_at: float | None = None

    def advertise(self, now: float, sighting: Sighting = SAME, visit_s: float = VISIT_S) -> None:
        """Be heard, unless it is connected."""
        if now < self.busy_until or not self.patience.ready(sighting, now):
            return
        self.visits.append(now)
        brings = self.measured_at is not None
        if brings:
            self.read_at, self.measured_at = now, None
        self.busy_until = now + visit_s
        self.patience.ended(next(self.outcomes), self.busy_until, new_readings=brings)

    def advertise_from(self, since: float, until: float, every_s: float = 1.0) -> None:
        """Go on advertising, always the same."""
        now = since
        while now < until:
            self.advertise(now)
            now = max(now + every_s, self.busy_until)  # who is connected does not advertise

    def waits(self, measured_at: float, advertise: Callable[[], None]) -> float:
        """Measure, and say how long it takes until that is read."""
        self.measured_at = measured_at
        advertise()
        assert self.read_at is not None
        return self.read_at - measured_at


def test_a_device_that_advertises_all_day_is_connected_about_a_hundred_times() -> None:
    life = Life()
    life.advertise_from(0, DAY_S)

    assert 90 <= len(life.visits) <= SERIES + DAY_S / LEFT_ALONE_S


def test_one_that_is_hardly_heard_is_connected_little_more_often() -> None:
    life = Life()
    life.advertise_from(0, DAY_S, every_s=REAPPEARED_S)  # each one a sign, it would seem

    assert len(life.visits) <= 400


def test_one_that_shows_its_clock_is_connected_little_more_often() -> None:
    life = Life()
    for now in range(int(DAY_S)):
        life.advertise(now, other(now))

    assert len(life.visits) <= 400


days = st.tuples(
    st.integers(0, 2000),  # for how many seconds it advertises
    st.integers(1, 2000),  # for how many it is silent
    st.integers(1, 6),  # how often it is heard
    st.integers(1, 900),  # when it says something else
)


@settings(max_examples=20)
@given(days, st.sampled_from([1.0, VISIT_S]))
def test_whatever_a_device_does_that_brings_nothing_its_connections_are_bounded(
    day: tuple[int, int, int, int], visit_s: float
) -> None:
    burst_s, silent_s, every_s, changes_s = day
    life, now = Life(), 0
    while now < 6 * HOUR_S:
        for at in range(now, now + burst_s + 1, every_s):
            life.advertise(at, other(at // changes_s), visit_s)
        now += burst_s + silent_s

    assert len(life.visits) <= bound(now)


def bound(lived_s: float) -> float:
    """Every sign that is heeded begins a series; apart from that it is left alone."""
    signs = len(Sign) * (SIGNS + lived_s / SIGN_EVERY_S)
    return (1 + signs) * SERIES + lived_s / LEFT_ALONE_S


def test_that_is_700_connections_a_day() -> None:
    assert bound(DAY_S) < 700


@settings(max_examples=10)
@given(
    st.lists(
        st.sampled_from([Outcome.COMPLETE, Outcome.LINK, Outcome.PROTOCOL, Outcome.PAIRING]),
        min_size=1,
        max_size=8,
    ),
    st.integers(1, 10),
)
def test_whatever_goes_wrong_with_it_it_is_tried_900_times_a_day_at_most(
    outcomes: list[Outcome], every_s: int
) -> None:
    life = Life(cycle(outcomes))
    for now in range(0, int(DAY_S), every_s):
        life.advertise(now, visit_s=1.0)

    assert len(life.visits) <= 900


lives = st.builds(
    lambda hours, every_s: (hours * HOUR_S, every_s),
    st.floats(0, 2),
    st.sampled_from([0.5, 1.0, 3.0]),
)


@given(lives)
@settings(max_examples=20)
def test_a_reading_without_any_sign_waits_a_quarter_of_an_hour_at_most(
    before: tuple[float, float],
) -> None:
    life, (since, every_s) = Life(), before
    life.advertise_from(0, since, every_s)

    waited = life.waits(since, lambda: life.advertise_from(since, since + HOUR_S, every_s))

    assert waited <= LEFT_ALONE_S + VISIT_S + every_s


@given(lives, st.floats(REAPPEARED_S, DAY_S))
@settings(max_examples=20)
def test_a_cuff_that_was_asleep_is_served_as_soon_as_it_wakes(
    before: tuple[float, float], asleep_s: float
) -> None:
    life, (until, every_s) = Life(), before
    life.advertise_from(0, until, every_s)
    woken = max(until, life.busy_until) + asleep_s

    assert life.waits(woken, lambda: life.advertise(woken)) == 0


@given(lives)
@settings(max_examples=20)
def test_a_cuff_that_counts_in_its_advertisement_is_served_at_once(
    before: tuple[float, float],
) -> None:
    life, (until, every_s) = Life(), before
    life.advertise_from(0, until, every_s)
    life.advertise(until)
    counted = max(until + 1, life.busy_until + SETTLED_S + 0.1)
    life.patience.signs.seen(SAME, counted - 0.5)

    assert life.waits(counted, lambda: life.advertise(counted, other(1))) == 0


def test_a_cuff_that_is_measured_with_all_day_is_served_at_once_each_time() -> None:
    life, waited = Life(), []
    for turn in range(200):
        woken = turn * 400.0
        waited.append(life.waits(woken, lambda woken=woken: life.advertise(woken)))  # type: ignore[misc]
        life.advertise_from(life.busy_until, woken + 60)

    assert waited == [0.0] * 200


def test_a_cuff_that_advertises_before_it_has_measured_is_asked_again_in_time() -> None:
    life = Life()
    life.advertise_from(0, DAY_S)
    woken = DAY_S + HOUR_S
    life.advertise_from(woken, woken + 50)
    measured = woken + 50

    waited = life.waits(measured, lambda: life.advertise_from(measured, measured + 120))

    assert waited <= 60 + VISIT_S


@pytest.mark.parametrize("turn_after_s", [1.0, 100.0, 899.0])
def test_who_sits_down_at_a_counter_whose_cuff_never_sleeps_waits_seconds(
    turn_after_s: float,
) -> None:
    life = Life()
    life.advertise_from(0, DAY_S)
    opened = max(DAY_S, life.busy_until) + turn_after_s
    measured = opened + 90
    life.advertise_from(DAY_S, opened)
    for now in count(opened, 1.0):
        if now >= measured:
            break
        life.patience.expect(now, now + 15)
        life.advertise(now)
    life.patience.expect(measured, measured + 60)

    waited = life.waits(measured, lambda: life.advertise_from(measured, measured + 60))

    assert waited <= EXPECTED_S + VISIT_S + 1


def test_steps_on_a_scale_that_bring_nothing_do_not_cost_the_weight_that_follows() -> None:
    life = Life()
    life.advertise_from(0, HOUR_S)
    for step in range(SIGNS - 1):
        life.advertise_from(2 * HOUR_S + step * 30, 2 * HOUR_S + step * 30 + 10)
    stands = 2 * HOUR_S + SIGNS * 30

    assert life.waits(stands, lambda: life.advertise(stands)) == 0


def test_an_unreachable_device_is_tried_every_five_minutes() -> None:
    life = Life(cycle([Outcome.LINK]))
    life.advertise_from(0, DAY_S)

    assert len(life.visits) <= 8 + DAY_S / 300


def test_a_weak_signal_does_not_use_up_what_a_count_is_worth() -> None:
    life = Life()
    life.advertise_from(0, DAY_S, every_s=REAPPEARED_S)
    counted = max(DAY_S, life.busy_until + SETTLED_S) + 1
    life.patience.signs.seen(SAME, counted - 1)

    assert life.waits(counted, lambda: life.advertise(counted, other(1))) == 0
