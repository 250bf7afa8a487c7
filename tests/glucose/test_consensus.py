"""The consensus metrics against fixtures worked out by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.reading import Limit
from gateway.glucose.consensus import Metric, consensus
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


def every_five_minutes(*mg_dl: str | Limit) -> list[Sample]:
    return [
        (END - n * SLOT, value if isinstance(value, Limit) else Decimal(value))
        for n, value in enumerate(mg_dl)
    ]


def worn(days: float, mg_dl: int = 150, *, until: datetime = END, every: int = 5) -> list[Sample]:
    """Samples without a gap over the days before `until`."""
    count = int(days * 1440 / every)
    return [(until - timedelta(minutes=every * n), Decimal(mg_dl)) for n in range(count)]


def test_ten_values_worked_out_by_hand() -> None:
    """Sum 1442, mean 144.2. Squares add up to 304238; less 1442^2 / 10 = 207936.4 leaves 96301.6,
    a ninth of which is 10700.18, whose root is 103.44: CV 103.44 / 144.2 = 71.73 %.
    GMI 3.31 + 0.02392 x 144.2 = 6.759 %. 144.2 / 18.0182 = 8.003 mmol/L.
    """
    numbers = ("53", "54", "69", "70", "140", "141", "180", "181", "153", Limit.ABOVE)

    found = consensus(every_five_minutes(*numbers), 1, END)

    assert found is not None
    assert (found.mean_mg_dl, found.mean_mmol_l) == (Decimal("144.2"), Decimal("8.0"))
    assert (found.gmi_percent, found.cv_percent) == (Decimal("6.8"), Decimal("71.7"))
    assert dict(found.ranges_percent) == {
        Metric.VERY_LOW: 10,
        Metric.LOW: 20,
        Metric.TARGET: 50,
        Metric.HIGH: 10,
        Metric.VERY_HIGH: 10,
    }
    assert found.tight_percent == 20
    assert (found.samples, found.days_worn, found.active_percent) == (10, 1, Decimal("3.5"))


def test_a_share_that_rounds_up_to_seventy_is_not_seventy() -> None:
    """Seventy percent of the 4,032 slots of a fortnight are 2,822.4."""
    short, full = (
        consensus(every_five_minutes(*["120"] * count), 14, END) for count in (2822, 2823)
    )

    assert short is not None
    assert full is not None
    assert short.active_percent == 70
    assert (short.is_full, full.is_full) == (False, True)


@pytest.mark.parametrize(
    ("mmol_l", "metric"),
    [
        ("2.9", Metric.VERY_LOW),
        ("3.0", Metric.LOW),
        ("3.8", Metric.LOW),
        ("3.9", Metric.TARGET),
        ("10.0", Metric.TARGET),
        ("10.1", Metric.HIGH),
        ("13.8", Metric.HIGH),
        ("14.0", Metric.VERY_HIGH),
    ],
)
def test_the_boundaries_are_the_same_in_mmol(mmol_l: str, metric: Metric) -> None:
    mg_dl = (Decimal(mmol_l) * Decimal("18.0182")).quantize(Decimal("0.1"))

    found = consensus(every_five_minutes(str(mg_dl)), 1, END)

    assert found is not None
    assert found.ranges_percent[metric] == 100


@pytest.mark.parametrize(("mg_dl", "metric"), [("69.4", Metric.LOW), ("69.5", Metric.TARGET)])
def test_a_value_is_in_the_range_of_the_nearest_whole_one(mg_dl: str, metric: Metric) -> None:
    found = consensus(every_five_minutes(mg_dl), 1, END)

    assert found is not None
    assert found.ranges_percent[metric] == 100


def test_thirds_add_up_to_a_hundred() -> None:
    found = consensus(every_five_minutes("50", "100", "200"), 1, END)

    assert found is not None
    assert sum(found.ranges_percent.values()) == 100
    assert sorted(found.ranges_percent.values())[2:] == [
        Decimal("33.3"),
        Decimal("33.3"),
        Decimal("33.4"),
    ]


def test_a_gap_is_neither_filled_nor_bridged() -> None:
    samples = [*every_five_minutes("100"), (END - timedelta(hours=6), Decimal(200))]

    found = consensus(samples, 1, END)

    assert found is not None
    assert (found.samples, found.mean_mg_dl) == (2, 150)


def test_two_sensors_at_once_weigh_as_one() -> None:
    one = [(END - n * SLOT, Decimal(100)) for n in range(12)]
    other = [(at - timedelta(minutes=2), Decimal(120)) for at, _ in one[:6]]

    found = consensus([*one, *other], 1, END)

    assert found is not None
    assert (found.samples, found.mean_mg_dl) == (12, Decimal("105.0"))


@pytest.mark.parametrize(
    ("days", "enough"),
    [
        (7, set()),
        (14, {"mean", "gmi", "target", "high", "very_high"}),
        (30, {"mean", "gmi", "target", "high", "very_high", "low"}),
        (90, {str(metric) for metric in Metric}),
    ],
)
def test_each_metric_has_its_own_sufficiency(days: int, enough: set[str]) -> None:
    samples = [(END - n * SLOT, Decimal(100)) for n in range(days * 288 * 7 // 10 + 1)]

    found = consensus(samples, days, END)
    fewer = consensus(samples[: len(samples) * 9 // 10], days, END)

    assert found is not None
    assert fewer is not None
    assert {str(metric) for metric in Metric if found.sufficient(metric)} == enough
    assert not any(fewer.sufficient(metric) for metric in Metric)


def test_without_a_sample_there_is_nothing_to_tell() -> None:
    assert consensus([], 14, END) is None
    assert consensus([(END, Decimal(100))], 14, END - timedelta(days=1)) is None
    assert consensus([(END - timedelta(days=20), Decimal(100))], 14, END) is None


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3 * 1440).map(lambda minutes: END - timedelta(minutes=minutes)),
            st.integers(20, 500).map(Decimal) | st.sampled_from(Limit),
        ),
        min_size=1,
        max_size=60,
    )
)
def test_shares_always_add_up_and_order_does_not_matter(samples: list[Sample]) -> None:
    found = consensus(samples, 2, END)
    backwards = consensus([*reversed(samples), *samples], 2, END)

    assert found == backwards
    if found is not None:
        assert sum(found.ranges_percent.values()) == 100
        assert found.tight_percent <= found.ranges_percent[Metric.TARGET] + Decimal("0.1")


def test_the_mean_of_a_fortnight() -> None:
    samples = worn(7, 100) + worn(7, 201, until=END - timedelta(days=7))

    found = consensus(samples, 14, END)

    assert found is not None
    assert (found.mean_mg_dl, found.samples) == (Decimal("150.5"), 4032)
    assert (found.active_percent, found.is_full) == (Decimal(100), True)


def test_a_value_out_of_range_counts_one_beyond_it() -> None:
    samples: list[Sample] = [(END, Limit.BELOW), (END - SLOT, Limit.ABOVE)]

    found = consensus(samples, 1, END)

    assert found is not None
    assert found.mean_mg_dl == 220


def test_samples_every_minute_weigh_as_much_as_samples_every_five() -> None:
    dense = worn(1, 100, every=1)
    sparse = worn(1, 200, until=END - timedelta(days=1))

    found = consensus(dense + sparse, 2, END + SLOT / 2)

    assert found is not None
    assert found.mean_mg_dl == pytest.approx(Decimal(150), abs=Decimal("0.3"))


def test_samples_that_tremble_by_a_minute_are_all_counted() -> None:
    samples = [
        (at + timedelta(seconds=60 * (n % 3 - 1) if n else 0), value)
        for n, (at, value) in enumerate(worn(14))
    ]

    found = consensus(samples, 14, END + SLOT / 2)

    assert found is not None
    assert found.samples == 4032


def test_a_half_is_rounded_to_even() -> None:
    samples: list[Sample] = [(END, Decimal("100.1")), (END - SLOT, Decimal("100.2"))]

    found = consensus(samples, 1, END)

    assert found is not None
    assert str(found.mean_mg_dl) == "100.2"


@given(SAMPLES, st.sampled_from([1, 7, 14, 30, 90]))
def test_the_mean_lies_between_the_lowest_and_the_highest(samples: list[Sample], days: int) -> None:
    found = consensus(samples, days, END)

    if found is not None:
        assert 39 <= found.mean_mg_dl <= 401
        assert 1 <= found.samples <= len(samples)
        assert 0 <= found.active_percent <= 100


@given(SAMPLES, st.integers(1, 100))
def test_raising_every_value_raises_the_mean_as_much(samples: list[Sample], by: int) -> None:
    numbers = [(at, value) for at, value in samples if isinstance(value, Decimal)]
    raised = [(at, value + by) for at, value in numbers]

    before, after = consensus(numbers, 14, END), consensus(raised, 14, END)

    assert (before is None) == (after is None)
    if before is not None and after is not None:
        assert abs(after.mean_mg_dl - before.mean_mg_dl - by) <= Decimal("0.1")


@given(SAMPLES)
def test_what_lies_outside_the_window_does_not_count(samples: list[Sample]) -> None:
    outside: list[Sample] = [
        (END + timedelta(seconds=1), Decimal(400)),
        (END - timedelta(days=7), Decimal(400)),
    ]

    assert consensus(samples + outside, 7, END) == consensus(samples, 7, END)
