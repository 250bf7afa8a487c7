"""A device's clock that is not what it seems: of which moment was a stamp?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.domain.device_time import Correction
from tests.domain.looking import DAY, HOUR, NOON, look, seen_in, timed

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("after", [-10 * MINUTE, 10 * MINUTE], ids=["before", "after"])
def test_where_the_hubs_own_time_is_in_doubt_either_of_two_looks_may_have_been_the_earlier(
    after: timedelta,
) -> None:
    """The clock was an hour ahead, and five hours ahead, within the half hour of that doubt."""
    history = seen_in(look(NOON + after, 5 * HOUR))
    stamp = NOON - DAY

    timing = timed(stamp, look(NOON, HOUR), history, hub_doubt=30 * MINUTE)

    assert timing.reason is Correction.CLOCK_CHANGED
    assert timing.measured_at == stamp - HOUR
    assert timing.earliest is not None
    assert timing.earliest <= stamp - 5 * HOUR - 30 * MINUTE


def test_what_a_clock_showed_after_any_time_that_the_hub_may_have_had_says_nothing() -> None:
    history = seen_in(look(NOON + HOUR, 5 * HOUR))
    stamp = NOON - DAY

    timing = timed(stamp, look(NOON, HOUR), history, hub_doubt=30 * MINUTE)

    assert timing.measured_at == stamp - HOUR
    assert timing.earliest is not None
    assert timing.earliest > stamp - 3 * HOUR


def test_of_a_stamp_before_there_were_such_devices_no_look_in_doubt_makes_a_time() -> None:
    history = seen_in(look(NOON - DAY, HOUR))
    never_set = NOON.replace(year=2000)

    timing = timed(never_set, look(NOON, HOUR), history, hub_doubt=30 * MINUTE)

    assert (timing.reason, timing.sendable) == (Correction.UNKNOWN, False)


def test_that_a_reading_is_new_is_no_reason_to_go_by_a_clock_that_shows_an_older_time() -> None:
    history = seen_in(look(NOON - 2 * DAY, 5 * HOUR))

    timing = timed(NOON - DAY, look(NOON, HOUR), history, live=True)

    assert timing.reason is Correction.CLOCK_CHANGED


def test_what_a_device_held_when_we_met_has_the_time_of_its_clock() -> None:
    history = seen_in(look(NOON - HOUR, HOUR))

    timing = timed(NOON - 3 * HOUR + HOUR, look(NOON, HOUR), history)

    assert (timing.reason, timing.measured_at) == (Correction.MEASURED_OFFSET, NOON - 3 * HOUR)


def test_what_it_would_have_given_when_we_met_may_have_been_measured_since() -> None:
    history = seen_in(look(NOON - 3 * DAY, HOUR))

    timing = timed(NOON - 4 * DAY + HOUR, look(NOON, HOUR), history)

    assert timing.reason is Correction.CLOCK_CHANGED
    assert timing.latest is not None
    assert timing.latest >= NOON


def test_a_clock_that_was_watched_and_wrong_shows_no_local_time_either() -> None:
    """By the clock the reading is of years to come; that its stamp looks like today is chance."""
    behind = -9000 * DAY
    history = seen_in(look(NOON - 2 * DAY, behind))

    timing = timed(NOON - HOUR, look(NOON, behind), history)

    assert (timing.reason, timing.uncertainty) == (Correction.UNKNOWN, None)
