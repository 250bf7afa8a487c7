"""When what usually comes is missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.silence import LOOKED_AT, silence

LAST = datetime(2026, 3, 14, 8, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def every(step: timedelta, times: int = LOOKED_AT) -> list[datetime]:
    """The moments at which something came, the latest first."""
    return [LAST - n * step for n in range(times)]


def is_missed(moments: list[datetime], after: timedelta) -> bool:
    return silence(moments, LAST + after) is not None


@pytest.mark.parametrize(
    ("step", "not_yet", "missed", "given_up"),
    [
        (timedelta(minutes=5), 3 * HOUR, 3.1 * HOUR, 3 * DAY),  # a sensor
        (timedelta(minutes=15), 3 * HOUR, 3.1 * HOUR, 3 * DAY),
        (12 * HOUR, 2 * DAY, 2.1 * DAY, 10 * DAY),  # morning and evening
        (DAY, 2 * DAY, 2.1 * DAY, 10 * DAY),
        (7 * DAY, 14 * DAY, 14.1 * DAY, 70 * DAY),
    ],
)
def test_what_comes_regularly_is_missed_for_a_while(
    step: timedelta, not_yet: timedelta, missed: timedelta, given_up: timedelta
) -> None:
    moments = every(step)

    assert [is_missed(moments, t) for t in (not_yet, missed, given_up)] == [False, True, False]


def test_it_is_told_since_when_and_what_is_usual() -> None:
    moments = [LAST, LAST - DAY, LAST - 3 * DAY, LAST - 4 * DAY, LAST - 5 * DAY]

    told = silence(moments, LAST + 5 * DAY)

    assert told is not None
    assert (told.since, told.usual) == (LAST, 2 * DAY)


def test_three_in_a_row_are_one_occasion() -> None:
    in_a_row = [LAST - timedelta(minutes=n) for n in range(3)]

    assert not is_missed(in_a_row, 5 * DAY)
    twice_a_day = [at - n * 12 * HOUR for n in range(10) for at in in_a_row]
    assert is_missed(twice_a_day, 3 * DAY)


def test_a_weekend_without_is_usual_for_whoever_rests_on_weekends() -> None:
    weekdays = [LAST - n * DAY for n in range(14) if (LAST - n * DAY).weekday() < 5]

    assert not is_missed(weekdays, 5 * DAY)
    assert is_missed(weekdays, 7 * DAY)


@pytest.mark.parametrize("moments", [[], [LAST], every(DAY, 4), every(timedelta(minutes=5), 8)])
def test_a_few_moments_are_no_rhythm(moments: list[datetime]) -> None:
    assert not any(is_missed(moments, timedelta(hours=n)) for n in range(1, 2000))


@given(
    st.lists(st.integers(1, 60 * 24 * 40), min_size=1, max_size=LOOKED_AT),
    st.integers(0, 60 * 24 * 40),
)
def test_nothing_is_missed_that_has_been_away_for_as_long_before(
    gaps: list[int], later: int
) -> None:
    moments = [LAST]
    for minutes in gaps:
        moments.append(moments[-1] - timedelta(minutes=minutes))

    told = silence(moments, LAST + timedelta(minutes=later))

    if told is not None and told.usual is not None:
        assert later > max(gaps)
