from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.clock import Instant
from gateway.domain.device import DeviceId
from gateway.domain.device_clock import seen
from gateway.domain.device_time import (
    AHEAD,
    EARLIEST,
    SENDABLE_WITHIN,
    Correction,
    corrected,
)
from gateway.domain.reading import ClockSample, DeviceTime, Kind, Reading
from gateway.testing.clock import START
from tests.domain.readings import readings

PARIS = ZoneInfo("Europe/Paris")
ZONES = st.sampled_from([UTC, PARIS, ZoneInfo("America/New_York"), ZoneInfo("Pacific/Kiritimati")])
RECEIVED = Instant(START, 1000.0, "test-boot")  # 2026-03-14 10:26:53 in Paris


def _reading(told: DeviceTime | None, *, live: bool = False) -> Reading:
    return Reading(
        device=DeviceId("ble:1"),
        kind=Kind.WEIGHT,
        values={},
        received=RECEIVED,
        device_time=told,
        live=live,
    )


def _stamp(text: str, **more: object) -> DeviceTime:
    return DeviceTime(stamp=datetime.fromisoformat(text), raw="00", **more)  # type: ignore[arg-type]


def _shows(text: str) -> ClockSample:
    return ClockSample(shown=datetime.fromisoformat(text), at=RECEIVED)


def test_a_clock_read_in_the_same_connection_moves_the_stamp() -> None:
    told = _stamp("2000-01-01 00:13:30", clock=_shows("2000-01-01 00:15:00"))

    timing = corrected(_reading(told), PARIS)

    assert timing.measured_at == START - timedelta(seconds=90)
    assert timing.reason is Correction.MEASURED_OFFSET
    assert told.stamp is not None
    assert told.stamp + timing.correction == timing.measured_at.replace(tzinfo=None)
    assert timing.uncertainty == timedelta(seconds=3, milliseconds=9)  # and drift of 90 s
    assert timing.sendable


def test_a_clock_set_back_after_the_reading_says_nothing_about_it() -> None:
    told = _stamp("2026-03-14 09:00:00", clock=_shows("2026-03-14 08:00:00"))

    timing = corrected(_reading(told), PARIS)

    assert timing.reason is Correction.ASSUMED_ZONE
    assert timing.measured_at == datetime(2026, 3, 14, 9, tzinfo=PARIS)


def test_the_devices_own_offset_counts_where_its_clock_was_not_read() -> None:
    told = _stamp("2026-03-14 03:00:00", utc_offset=timedelta(hours=-5))

    timing = corrected(_reading(told), PARIS)

    assert timing.measured_at == datetime(2026, 3, 14, 8, tzinfo=UTC)
    assert timing.reason is Correction.STATED_OFFSET
    assert timing.uncertainty == timedelta(minutes=10, seconds=1)  # its clock shows seconds


def test_a_stated_offset_is_doubted_as_far_as_an_earlier_look_at_the_clock_disagreed() -> None:
    looked = datetime(2026, 3, 10, 10, 20, tzinfo=UTC)
    shown = datetime.fromisoformat("2026-03-10 09:40")  # forty minutes behind
    look = ClockSample(shown=shown, at=Instant(looked, 0.0, "test-boot"))
    told = _stamp("2026-03-12 08:00:00", utc_offset=timedelta())

    timing = corrected(_reading(told), PARIS, seen((), look, told.resolution))

    assert timing.reason is Correction.STATED_OFFSET
    assert timing.measured_at == datetime(2026, 3, 12, 8, tzinfo=UTC)
    assert timing.latest is not None
    assert timing.latest >= datetime(2026, 3, 12, 8, 40, tzinfo=UTC)


def test_a_stamp_alone_is_taken_for_a_time_of_the_hubs_zone() -> None:
    timing = corrected(_reading(_stamp("2026-03-14 07:00:00")), PARIS)

    assert timing.measured_at == datetime(2026, 3, 14, 6, tzinfo=UTC)
    assert (timing.reason, timing.correction) == (Correction.ASSUMED_ZONE, timedelta())
    assert timing.uncertainty == timedelta(hours=1, minutes=10, seconds=1)


@pytest.mark.parametrize(
    ("ahead", "reason"),
    [
        (timedelta(minutes=10), Correction.ASSUMED_ZONE),
        (timedelta(minutes=10, seconds=1), Correction.UNKNOWN),
    ],
)
def test_a_stamp_may_be_a_little_ahead_of_its_reception_and_no_more(
    ahead: timedelta, reason: Correction
) -> None:
    stamp = (START + ahead).astimezone(PARIS).replace(tzinfo=None)

    timing = corrected(_reading(DeviceTime(stamp=stamp, raw="00")), PARIS)

    assert timing.reason is reason


def test_a_device_without_a_clock_measured_when_it_was_heard() -> None:
    timing = corrected(_reading(None), PARIS)

    assert (timing.measured_at, timing.reason) == (START, Correction.RECEPTION)


@pytest.mark.parametrize("stamp", ["2000-01-01 00:00:00", "2026-03-14 10:37:00", "2039-01-01"])
def test_a_clock_that_cannot_be_right_leaves_a_live_reading_its_reception(stamp: str) -> None:
    timing = corrected(_reading(_stamp(stamp), live=True), PARIS)

    assert (timing.measured_at, timing.reason) == (START, Correction.RECEPTION_BAD_CLOCK)
    assert timing.sendable


@pytest.mark.parametrize("told", [_stamp("1970-01-01"), DeviceTime(stamp=None, raw="ff")])
def test_a_stored_reading_under_such_a_clock_has_no_known_time(told: DeviceTime) -> None:
    timing = corrected(_reading(told), PARIS)

    assert (timing.reason, timing.sendable, timing.uncertainty) == (Correction.UNKNOWN, False, None)


def test_the_hour_that_the_clocks_skip_is_no_part_of_the_uncertainty() -> None:
    heard = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # half an hour after the change in Paris
    change = {"received": Instant(heard, 1000.0, "test-boot"), "taken_within": timedelta(hours=1)}

    timing = corrected(_reading(None, live=True).model_copy(update=change), PARIS)

    assert timing.earliest == heard - timedelta(hours=1)
    assert timing.latest == heard + timedelta(hours=1)


@pytest.mark.parametrize(
    ("stamp", "hour_utc"),
    [("2025-10-26 01:59:00", 23), ("2025-10-26 03:00:00", 2), ("2025-07-01 12:00:00", 10)],
)
def test_the_offset_is_that_of_the_moment_not_of_today(stamp: str, hour_utc: int) -> None:
    timing = corrected(_reading(_stamp(stamp)), PARIS)

    assert timing.measured_at.astimezone(UTC).hour == hour_utc


@given(readings(), ZONES)
@example(_reading(_stamp("0001-01-01")), PARIS)
@example(_reading(_stamp("9999-12-31 23:59:59")), ZoneInfo("America/New_York"))
@example(_reading(_stamp("0001-01-01", clock=_shows("9999-12-31"))), PARIS)
@example(_reading(_stamp("0001-01-01", utc_offset=timedelta(hours=14))), PARIS)
def test_whatever_a_device_says_there_is_an_answer(reading: Reading, zone: tzinfo) -> None:
    timing = corrected(reading, zone)

    assert timing.measured_at.utcoffset() is not None
    assert EARLIEST <= timing.measured_at <= reading.received.utc + AHEAD
    assert (timing.uncertainty is None) == (timing.reason is Correction.UNKNOWN)
    assert timing.sendable == (
        timing.uncertainty is not None and timing.uncertainty <= SENDABLE_WITHIN
    )


@given(readings(), ZONES)
def test_the_time_is_told_in_the_zones_own_offset(reading: Reading, zone: tzinfo) -> None:
    timing = corrected(reading, zone)

    assert timing.measured_at.utcoffset() == timing.measured_at.astimezone(zone).utcoffset()


@given(
    age=st.timedeltas(timedelta(), timedelta(days=3000)),
    wrong_by=st.timedeltas(timedelta(days=-7000), timedelta(days=7000)),
)
def test_however_wrong_a_clock_is_its_sample_finds_the_moment(
    age: timedelta, wrong_by: timedelta
) -> None:
    shown = START.replace(tzinfo=None) + wrong_by
    told = DeviceTime(stamp=shown - age, raw="00", clock=ClockSample(shown=shown, at=RECEIVED))

    timing = corrected(_reading(told), timezone(timedelta(hours=1)))

    assert timing.measured_at == START - age
