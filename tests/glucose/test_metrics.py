from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.reading import Limit
from gateway.glucose.metrics import mean_glucose
from gateway.glucose.trace import SLOT, Sample

END = datetime(2026, 3, 14, tzinfo=UTC)

SAMPLES = st.lists(
    st.tuples(
        st.integers(0, 20 * 1440).map(lambda minutes: END - timedelta(minutes=minutes)),
        st.integers(40, 400).map(Decimal) | st.sampled_from(Limit),
    ),
    min_size=1,
    max_size=40,
)


def worn(days: float, mg_dl: int = 150, *, until: datetime = END, every: int = 5) -> list[Sample]:
    """Samples without a gap over the days before `until`."""
    count = int(days * 1440 / every)
    return [(until - timedelta(minutes=every * n), Decimal(mg_dl)) for n in range(count)]


def test_the_mean_of_a_fortnight() -> None:
    samples = worn(7, 100) + worn(7, 201, until=END - timedelta(days=7))

    mean = mean_glucose(samples, 14, END)

    assert mean is not None
    assert (mean.mean_mg_dl, mean.samples) == (Decimal("150.5"), 4032)
    assert (mean.active_percent, mean.sufficient) == (Decimal(100), True)


def test_a_value_out_of_range_counts_one_beyond_it() -> None:
    samples: list[Sample] = [(END, Limit.BELOW), (END - SLOT, Limit.ABOVE)]

    mean = mean_glucose(samples, 1, END)

    assert mean is not None
    assert mean.mean_mg_dl == 220


@pytest.mark.parametrize(("samples", "sufficient"), [(1411, False), (1412, True)])
def test_seventy_percent_are_enough(samples: int, sufficient: bool) -> None:
    mean = mean_glucose(worn(7)[:samples], 7, END)

    assert mean is not None
    assert mean.sufficient is sufficient


def test_without_samples_there_is_no_mean() -> None:
    assert mean_glucose([], 14, END) is None
    assert mean_glucose([(END, Decimal(100))], 14, END - timedelta(days=1)) is None
    assert mean_glucose([(END - timedelta(days=20), Decimal(100))], 14, END) is None  # long ago


def test_samples_every_minute_weigh_as_much_as_samples_every_five() -> None:
    dense = worn(1, 100, every=1)
    sparse = worn(1, 200, until=END - timedelta(days=1))

    mean = mean_glucose(dense + sparse, 2, END + SLOT / 2)

    assert mean is not None
    assert mean.mean_mg_dl == pytest.approx(Decimal(150), abs=Decimal("0.3"))


def test_samples_that_tremble_by_a_minute_are_all_counted() -> None:
    samples = [
        (at + timedelta(seconds=60 * (n % 3 - 1) if n else 0), value)
        for n, (at, value) in enumerate(worn(14))
    ]

    mean = mean_glucose(samples, 14, END + SLOT / 2)

    assert mean is not None
    assert mean.samples == 4032


def test_a_half_is_rounded_to_even() -> None:
    samples: list[Sample] = [(END, Decimal("100.1")), (END - SLOT, Decimal("100.2"))]

    mean = mean_glucose(samples, 1, END)

    assert mean is not None
    assert str(mean.mean_mg_dl) == "100.2"


@given(SAMPLES)
def test_a_sample_kept_twice_counts_once(samples: list[Sample]) -> None:
    assert mean_glucose(samples + samples, 14, END) == mean_glucose(samples, 14, END)


@given(SAMPLES.flatmap(lambda samples: st.tuples(st.just(samples), st.permutations(samples))))
def test_the_order_does_not_matter(orders: tuple[list[Sample], list[Sample]]) -> None:
    samples, shuffled = orders

    assert mean_glucose(shuffled, 14, END) == mean_glucose(samples, 14, END)


@given(SAMPLES, st.sampled_from([1, 7, 14, 30, 90]))
def test_the_mean_lies_between_the_lowest_and_the_highest(samples: list[Sample], days: int) -> None:
    mean = mean_glucose(samples, days, END)

    if mean is not None:
        assert 39 <= mean.mean_mg_dl <= 401
        assert 1 <= mean.samples <= len(samples)
        assert 0 <= mean.active_percent <= 100


@given(SAMPLES, st.integers(1, 100))
def test_raising_every_value_raises_the_mean_as_much(samples: list[Sample], by: int) -> None:
    numbers = [(at, value) for at, value in samples if isinstance(value, Decimal)]
    raised = [(at, value + by) for at, value in numbers]

    before, after = mean_glucose(numbers, 14, END), mean_glucose(raised, 14, END)

    assert (before is None) == (after is None)
    if before is not None and after is not None:
        assert abs(after.mean_mg_dl - before.mean_mg_dl - by) <= Decimal("0.1")


@given(SAMPLES)
def test_what_lies_outside_the_window_does_not_count(samples: list[Sample]) -> None:
    outside: list[Sample] = [
        (END + timedelta(seconds=1), Decimal(400)),
        (END - timedelta(days=7), Decimal(400)),
    ]

    assert mean_glucose(samples + outside, 7, END) == mean_glucose(samples, 7, END)
