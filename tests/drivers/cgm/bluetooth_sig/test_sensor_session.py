from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers.cgm.bluetooth_sig.sensor_session import Mark, Statement, identify

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
STARTED = datetime.fromisoformat("2026-03-13T08:00:00")
MINUTE = 1526  # from STARTED to NOW in UTC
OCTETS = "ea07030d0800000000"


def says(
    minute: int = MINUTE,
    *,
    start: datetime | None = STARTED,
    octets: str = OCTETS,
    after: timedelta = timedelta(),
) -> Statement:
    """What the sensor says at NOW, or `after` it by our clock."""
    return Statement(octets, start, minute, NOW + after)


def read_up_to(minute: int, mark: Mark) -> Mark:
    return mark.past([minute - 5, minute]).settled([minute - 5, minute])


MET = read_up_to(1525, identify(None, says()))


def test_a_session_is_named_after_the_start_the_sensor_states() -> None:
    assert identify(None, says()).key == "2026-03-13T08:00:00"


@pytest.mark.parametrize("zone", [-12, 0, 14])
def test_the_stated_start_may_be_in_any_zone(zone: int) -> None:
    start = STARTED + timedelta(hours=zone)

    assert identify(None, says(start=start)).key == start.isoformat()


@pytest.mark.parametrize(
    "start", [None, datetime.fromisoformat("2020-01-01T00:00:00")], ids=["unset", "constant"]
)
def test_a_start_that_cannot_be_is_replaced_by_our_estimate(start: datetime | None) -> None:
    assert identify(None, says(start=start)).key == "~2026-03-13T08:00Z"


def test_the_same_session_goes_on_from_its_mark() -> None:
    later = says(MINUTE + 60, after=timedelta(hours=1))

    assert identify(MET, later) == MET


def test_a_rewritten_start_keeps_the_name() -> None:
    rewritten = says(start=STARTED - timedelta(hours=5), octets="ea07030d030000ec00")

    assert identify(MET, rewritten).key == MET.key
    assert identify(MET, rewritten).minute == MET.minute


@given(off=st.integers(-14, 14))
def test_an_estimate_that_trembles_keeps_the_name(off: int) -> None:
    unset = says(start=None, octets="")
    met = identify(None, unset)

    again = identify(met, says(start=None, octets="", after=timedelta(minutes=off)))

    assert again.key == met.key


def test_an_estimate_that_drifts_is_followed() -> None:
    mark = identify(None, says(start=None, octets=""))
    for day in range(1, 31):
        drift = timedelta(days=day, minutes=2 * day)
        mark = identify(mark, says(MINUTE + 1440 * day, start=None, octets="", after=drift))

    assert mark.key == "~2026-03-13T08:00Z"


def test_a_later_start_is_a_new_session() -> None:
    new = says(60, start=None, octets="", after=timedelta(hours=2))

    found = identify(MET, new)

    assert found.key == "~2026-03-14T10:30Z"
    assert found.minute is None


def test_a_sensor_that_is_started_again_within_minutes_begins_a_session() -> None:
    met = read_up_to(10, identify(None, says(10, after=-timedelta(minutes=MINUTE - 10))))
    soon = timedelta(minutes=12) - timedelta(minutes=MINUTE)  # 12 min after the first start

    again = says(
        2,
        start=STARTED + timedelta(minutes=10),
        octets="ea07030d080a000000",
        after=soon,
    )

    found = identify(met, again)
    assert (found.key, found.since) == ("2026-03-13T08:10:00", None)


def test_a_status_that_lags_behind_a_sample_keeps_the_session() -> None:
    assert identify(MET, says(1520)).key == MET.key


def test_a_hub_whose_clock_is_wrong_still_knows_the_session_but_reads_it_again() -> None:
    found = identify(MET, says(MINUTE + 60, after=-timedelta(days=400)))

    assert found.key == MET.key
    assert found.minute is None


def test_a_session_first_met_by_a_wrong_clock_keeps_its_name_once_the_clock_is_right() -> None:
    met = read_up_to(1525, identify(None, says(after=-timedelta(days=400))))

    found = identify(met, says(MINUTE + 60, after=timedelta(hours=1)))

    assert found.key == met.key
    assert found.minute is None


def test_a_constant_start_does_not_hide_a_new_session() -> None:
    constant = datetime.fromisoformat("2020-01-01T00:00:00")
    met = read_up_to(1525, identify(None, says(start=constant)))

    found = identify(met, says(1600, start=constant, after=timedelta(days=14)))

    assert found.key != met.key


def test_a_restart_under_the_same_stated_start_is_a_session_of_its_own() -> None:
    found = identify(MET, says(30, after=timedelta(hours=1)))

    assert found.key == "~2026-03-14T10:00Z"


@given(
    minute=st.none() | st.integers(0, 0xFFFF),
    interval=st.none() | st.integers(1, 60),
    key=st.text(),
)
def test_a_bookmark_reads_back(minute: int | None, interval: int | None, key: str) -> None:
    mark = Mark(key, NOW, OCTETS, minute, interval)

    assert Mark.from_text(mark.to_text()) == mark


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "17",
        "{}",
        "[]",
        '{"session":"a","started":"never","stated":"","minute":1,"interval":1}',
        '{"session":"a","started":"2026-03-13T08:00:00+00:00","stated":"","minute":"1","interval":1}',
    ],
)
def test_what_is_no_bookmark_of_ours_counts_as_none(text: str | None) -> None:
    assert Mark.from_text(text) is None


def test_the_mark_stops_before_a_gap() -> None:
    assert MET.past([1530, 1535, 1545, 1550]).minute == 1535


def test_a_step_that_is_told_once_is_no_interval() -> None:
    first = Mark("a", NOW, "").past([1400])

    assert first.past([1415, 1470, 1515]).minute == 1400  # 1405 and 1410 never came
    assert first.past([1405, 1410, 1415]).minute == 1415


def test_the_mark_knows_the_interval_from_the_records_before_it_moves() -> None:
    first = Mark("a", NOW, "", minute=0)

    assert first.past([10, 15, 20]).minute == 0
    assert first.past([5]).minute == 0


def test_rounded_minutes_are_no_gap() -> None:
    mark = Mark("a", NOW, "", minute=100, interval=4)

    assert mark.past([105, 110, 114]).minute == 114


def test_what_is_known_to_be_complete_is_passed_whatever_lies_between() -> None:
    assert MET.settled([1530, 1600]).minute == 1600
    assert MET.settled([]) == MET
    assert MET.settled([1000]) == MET


def test_the_interval_is_learned_anew() -> None:
    mark = Mark("a", NOW, "", minute=100, interval=1)

    assert mark.settled([105, 110]).interval == 5


@given(
    start=st.integers(0, 50),
    steps=st.lists(st.integers(1, 30), max_size=30),
    seen=st.sets(st.integers(0, 1000), max_size=30),
)
def test_the_mark_never_passes_a_gap_and_never_goes_back(
    start: int, steps: list[int], seen: set[int]
) -> None:
    mark = Mark("a", NOW, "", minute=start, interval=5)

    moved = mark.past(seen)

    assert moved.minute is not None
    assert moved.minute >= start
    passed = sorted(m for m in seen | {start} if start <= m <= moved.minute)
    assert all(2 * (b - a) <= 15 for a, b in pairwise(passed))


def test_the_last_minute_there_can_be_is_no_overflow() -> None:
    assert Mark("a", NOW, "", minute=0xFFFF).since == 0xFFFF
