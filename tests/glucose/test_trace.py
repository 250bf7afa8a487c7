"""Samples on the grid."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from gateway.glucose.trace import SLOT, trace

END = datetime(2026, 4, 2, tzinfo=ZoneInfo("Europe/Paris"))
"""Four days after the clocks went forward there."""
DAYS = 7


@pytest.mark.parametrize(
    "zones",
    [
        (timezone(timedelta(hours=2)),),
        (timezone(timedelta(hours=1)), timezone(timedelta(hours=2))),
        (ZoneInfo("Europe/Paris"),),
        (ZoneInfo("Europe/Paris"), UTC, timezone(timedelta(hours=-9))),
    ],
    ids=["one offset", "two offsets", "a zone", "all sorts"],
)
def test_the_zone_that_a_moment_is_written_in_moves_it_to_no_other_slot(
    zones: tuple[tzinfo, ...],
) -> None:
    moments = [END.astimezone(UTC) - n * SLOT for n in range(DAYS * 288)]
    samples = [
        (at.astimezone(zones[n % len(zones)]), Decimal(100 + n % 200))
        for n, at in enumerate(moments)
    ]

    found = trace(samples, DAYS, END)

    assert found.slots == list(range(DAYS * 288))
    assert found.amounts == [1000 * (100 + n % 200) for n in range(DAYS * 288)]


def test_what_lies_outside_the_period_is_left_out() -> None:
    samples = [(END + n * SLOT, Decimal(100)) for n in (1, 0, -287, -288)]

    assert sorted(trace(samples, 1, END).slots) == [0, 287]


def test_samples_that_share_a_slot_count_once_with_their_mean() -> None:
    minute = timedelta(minutes=1)
    samples = [(END - n * minute, Decimal(100 + 10 * n)) for n in (1, 3, 3)]

    found = trace([*samples, (END - SLOT, Decimal(60))], 1, END)

    assert dict(zip(found.slots, found.amounts, strict=True)) == {0: 120_000, 1: 60_000}
