from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from firmware_sims.cgm.session import Session
from firmware_sims.packing.cgm import Annunciation
from firmware_sims.packing.ieee11073 import Number, Special

from tests.firmware_sims.people import NOON


def session(*levels: int) -> Session:
    left = iter(levels)

    def glucose(_at: datetime) -> int:
        return next(left)

    return Session(glucose, NOON)


def test_samples_are_five_minutes_apart_from_the_first() -> None:
    running = session(100, 101)

    samples = [running.sample(), running.sample()]

    assert [sample.time_offset_min for sample in samples] == [5, 10]
    assert running.due_at == NOON + timedelta(minutes=15)


@pytest.mark.parametrize(
    ("level", "shown", "warning"),
    [
        (39, Special.NEGATIVE_INFINITY, Annunciation.BELOW_DEVICE_RANGE),
        (40, Decimal(40), 0),
        (400, Decimal(400), 0),
        (401, Special.POSITIVE_INFINITY, Annunciation.ABOVE_DEVICE_RANGE),
    ],
)
def test_what_the_sensor_cannot_tell_is_low_or_high(
    level: int, shown: Number, warning: int
) -> None:
    sample = session(level).sample()

    assert sample.glucose_mg_dl == shown
    assert sample.annunciation == Annunciation.CALIBRATION_NOT_ALLOWED | warning


def test_a_failed_sample_is_nan_and_says_malfunction() -> None:
    sample = session(100).sample(failed=True)

    assert sample.glucose_mg_dl is Special.NAN
    assert sample.annunciation & Annunciation.MALFUNCTION


def test_the_trend_is_per_minute_and_needs_two_numbers() -> None:
    running = session(100, 102, 30, 104)

    trends = [running.sample().trend_mg_dl_min for _ in range(4)]

    assert trends == [None, Decimal("0.4"), None, None]


def test_a_gap_leaves_its_samples_out() -> None:
    running = session(100, 100)
    running.sample()
    running.skip(timedelta(minutes=12))

    assert running.sample().time_offset_min == 20


def test_the_offset_counts_whole_minutes_and_stays_inside_its_field() -> None:
    running = session()

    assert running.offset_min(NOON - timedelta(minutes=1)) == 0
    assert running.offset_min(NOON + timedelta(seconds=119)) == 1
    assert running.offset_min(NOON + timedelta(days=90)) == 0xFFFF
