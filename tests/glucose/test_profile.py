"""The profile by time of day."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from gateway.glucose.profile import PERCENTILES, profile
from gateway.glucose.trace import Sample, trace

END = datetime(2026, 3, 15, tzinfo=UTC)


def one_a_day(hour: int, *mg_dl: int) -> list[Sample]:
    noon = END - timedelta(days=1) + timedelta(hours=hour)
    return [(noon - timedelta(days=n), Decimal(value)) for n, value in enumerate(mg_dl)]


def test_percentiles_interpolate_between_order_statistics() -> None:
    """Of 100, 110, ... 200: the 5th percentile is half way from the first to the second."""
    points = profile(trace(one_a_day(12, *range(100, 201, 10)), 14, END))

    (point,) = [each for each in points if each.minute == 12 * 60 + 7]
    assert PERCENTILES == (5, 25, 50, 75, 95)
    assert point.mg_dl == (105, 125, 150, 175, 195)


def test_a_quarter_hour_reaches_two_others_each_way_around_midnight_too() -> None:
    points = profile(trace(one_a_day(0, *[100] * 7), 14, END))

    assert {point.minute // 15 for point in points} == {94, 95, 0, 1, 2}


def test_a_time_of_day_with_hardly_any_values_is_left_out() -> None:
    assert profile(trace(one_a_day(12, 100, 110, 120, 130), 14, END)) == []


def test_time_of_day_is_that_of_the_wearer() -> None:
    moved = [
        (at.astimezone(UTC) + timedelta(hours=2), value) for at, value in one_a_day(12, *[100] * 5)
    ]

    assert {p.minute // 60 for p in profile(trace(moved, 14, END))} == {13, 14}
