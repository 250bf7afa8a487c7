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


def _kept(every: timedelta, days: int, mg_dl: int) -> list[tuple[datetime, Decimal]]:
    """What a sensor keeps that measures so often, from the end back."""
    last = END.astimezone(UTC) + timedelta(minutes=2) - max(every, SLOT)
    return [(last - n * every, Decimal(mg_dl)) for n in range(days * timedelta(days=1) // every)]


@pytest.mark.parametrize("minutes", [1, 2, 5, 10, 15])
def test_a_day_is_full_however_often_its_sensor_keeps_a_value(minutes: int) -> None:
    kept = _kept(timedelta(minutes=minutes), DAYS, 100)

    found = trace(kept, DAYS, END)

    assert sorted(found.slots) == list(range(DAYS * 288))
    assert found.samples == min(len(kept), DAYS * 288)


def test_a_day_of_a_sensor_that_keeps_few_weighs_as_much_as_one_of_another() -> None:
    seldom = _kept(timedelta(minutes=15), 1, 100)
    often = [(at - timedelta(days=1), mg_dl) for at, mg_dl in _kept(SLOT, 1, 200)]

    found = trace([*seldom, *often], 2, END)

    assert sum(found.amounts) == 288 * (100_000 + 200_000)
    assert found.samples == 96 + 288


def test_a_scan_between_two_kept_values_stands_for_what_comes_after_it() -> None:
    kept = _kept(timedelta(minutes=15), 1, 100)
    scanned = (kept[0][0] - timedelta(minutes=10), Decimal(70))

    found = trace([*kept, scanned], 1, END)

    # From the last one back: what was kept is in slots 2 and 5, the scan in slot 4.
    amounts = dict(zip(found.slots, found.amounts, strict=True))
    assert [amounts[slot] // 1000 for slot in range(6)] == [100, 100, 100, 70, 70, 100]


def test_what_a_sample_stands_for_has_the_minute_of_the_day_that_it_is() -> None:
    kept = _kept(timedelta(minutes=15), 1, 100)

    found = trace(kept, 1, END)

    minutes = dict(zip(found.slots, found.minutes, strict=True))
    assert [minutes[slot] for slot in range(4)] == [1317, 1312, 1307, 1302]  # of 22 hours, in UTC


def test_what_a_sample_stands_for_goes_past_midnight_and_not_past_the_end() -> None:
    """One is kept at five to midnight, and the last one four minutes before the end."""
    kept = [
        (at + timedelta(hours=2, minutes=8), mg_dl)
        for at, mg_dl in _kept(timedelta(minutes=15), 2, 100)
    ]

    found = trace(kept, 2, kept[0][0] + timedelta(minutes=4))

    assert [f"{kept[n][0]:%H:%M}" for n in (0, 96)] == ["23:55", "23:55"]
    assert sorted(found.slots) == list(range(2 * 288 - 2))
    assert set(found.minutes) == set(range(0, 1440, 5))


@pytest.mark.parametrize("steps", [[5] * 60 + [15] * 50, [5, 5, 15], [60, 60, 60], [300]])
def test_a_gap_is_a_gap(steps: list[int]) -> None:
    """Of a sensor that keeps a value every five minutes, or of which no rhythm is known."""
    at, kept = END.astimezone(UTC) - timedelta(minutes=2), []
    for step in steps:
        kept.append((at, Decimal(100)))
        at -= timedelta(minutes=step)

    found = trace(kept, 7, END)

    assert len(found.slots) == found.samples == len(kept)
