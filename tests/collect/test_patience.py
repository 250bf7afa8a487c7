"""When a device may be connected next."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.collect.patience import (
    LEFT_ALONE_S,
    SIGN_EVERY_S,
    SIGNS,
    STEADY_S,
    WAITS_S,
    Manner,
    Outcome,
    Patience,
    manner_of,
)
from gateway.collect.signs import REAPPEARED_S, Sign
from gateway.domain.reading import Kind
from gateway.drivers.api import Reach, Sighting
from tests.collect.fakes import FakeDriver, a_sighting

SIGHTING = a_sighting()
PLUGGED = Sighting("/dev/ttyUSB0", Reach.SERIAL, plugging="7")


def ended(outcome: Outcome, times: int = 1, *, new_readings: bool = False) -> Patience:
    """A device whose conversations ended so, the last one at time 1000."""
    patience = Patience()
    for _ in range(times):
        patience.ended(outcome, 1000.0, new_readings=new_readings)
    return patience


def still_advertising(patience: Patience, until: float) -> list[float]:
    """When a device that advertises every second would be connected first."""
    seconds = int(until - 1000)
    return [1000.0 + s for s in range(1, seconds) if patience.ready(SIGHTING, 1000.0 + s)][:1]


def test_a_device_never_talked_with_is_connected_at_once() -> None:
    assert Patience().ready(SIGHTING, 0.0)


def test_a_device_that_brought_something_is_heard_again_after_three_seconds() -> None:
    patience = ended(Outcome.COMPLETE, 3, new_readings=True)

    assert still_advertising(patience, 1010.0) == [1003.0]


@pytest.mark.parametrize(
    ("times", "wait_s"),
    [(1, 3), (2, 10), (3, 30), (4, 60), (5, 120), (6, 240), (7, 480), (8, 900), (99, 900)],
)
def test_a_device_that_has_nothing_new_is_left_alone_for_longer_each_time(
    times: int, wait_s: float
) -> None:
    patience = ended(Outcome.COMPLETE, times)

    assert still_advertising(patience, 2000.0) == [1000.0 + wait_s]


@pytest.mark.parametrize("outcome", [Outcome.COMPLETE, Outcome.LINK, Outcome.PAIRING])
def test_a_device_that_was_silent_and_advertises_again_is_served_at_once(outcome: Outcome) -> None:
    patience = ended(outcome, 9)

    assert not patience.ready(SIGHTING, 1001.0)
    assert patience.ready(SIGHTING, 1001.0 + REAPPEARED_S)


@pytest.mark.parametrize(
    "outcome", [Outcome.BUG, Outcome.JOURNAL, Outcome.TOO_LONG, Outcome.CONFIG]
)
def test_waking_a_device_does_not_help_where_the_gateway_is_at_fault(outcome: Outcome) -> None:
    assert not ended(outcome).ready(SIGHTING, 1000.0 + REAPPEARED_S)


def test_a_port_is_never_taken_for_a_device_that_woke() -> None:
    patience = Patience(Manner.PLUGGED)
    for _ in range(3):
        patience.ended(Outcome.PROTOCOL, 1000.0, new_readings=False)

    assert not patience.ready(PLUGGED, 1000.0 + REAPPEARED_S)


def test_a_device_that_is_plugged_in_again_is_talked_with_at_once() -> None:
    patience = Patience(Manner.PLUGGED)
    patience.ready(PLUGGED, 999.0)
    for _ in range(9):
        patience.ended(Outcome.PROTOCOL, 1000.0, new_readings=False)

    assert not patience.ready(PLUGGED, 1006.0)
    assert patience.ready(replace(PLUGGED, plugging="8"), 1007.0)


@pytest.mark.parametrize("outcome", [Outcome.LINK, Outcome.COMPLETE])
@pytest.mark.parametrize(("times", "wait_s"), [(1, 1), (2, 2), (3, 5), (4, 10), (5, 30), (9, 30)])
def test_a_port_that_is_gone_or_cannot_be_opened_is_tried_again_soon(
    outcome: Outcome, times: int, wait_s: float
) -> None:
    patience = Patience(Manner.PLUGGED)
    for _ in range(times):
        patience.ended(outcome, 1000.0, new_readings=False)

    assert still_advertising(patience, 2000.0) == [1000.0 + wait_s]


@pytest.mark.parametrize("outcome", [Outcome.LINK, Outcome.PROTOCOL])
def test_a_port_that_was_heard_for_a_while_is_opened_again_as_soon_as_at_first(
    outcome: Outcome,
) -> None:
    patience = Patience(Manner.PLUGGED)
    for _ in range(9):
        patience.ended(outcome, 1000.0, new_readings=False, lasted_s=STEADY_S)

    assert still_advertising(patience, 2000.0) in ([1001.0], [1005.0])


def test_a_radio_is_not_kept_busy_by_a_device_that_says_nothing_for_long() -> None:
    patience = Patience()
    for _ in range(9):
        patience.ended(Outcome.LINK, 1000.0, new_readings=False, lasted_s=3600.0)

    assert still_advertising(patience, 2000.0) == [1300.0]


@pytest.mark.parametrize("outcome", [Outcome.BUG, Outcome.TOO_LONG, Outcome.PROTOCOL])
def test_a_device_that_brings_something_before_each_bad_end_is_not_left_for_longer(
    outcome: Outcome,
) -> None:
    patience = ended(outcome, 9, new_readings=True)

    assert still_advertising(patience, 2000.0) == [1000.0 + WAITS_S[Manner.VISITED][outcome][0]]


@pytest.mark.parametrize("outcome", [Outcome.PROTOCOL, Outcome.BUG, Outcome.JOURNAL])
def test_a_port_is_never_left_closed_for_longer_than_a_minute(outcome: Outcome) -> None:
    patience = Patience(Manner.PLUGGED)
    for _ in range(9):
        patience.ended(outcome, 1000.0, new_readings=False)

    assert still_advertising(patience, 2000.0) == [1060.0]


def test_a_mistake_of_a_driver_closes_its_port_for_seconds_at_first() -> None:
    patience = Patience(Manner.PLUGGED)
    patience.ended(Outcome.BUG, 1000.0, new_readings=False)

    assert still_advertising(patience, 2000.0) == [1005.0]


def test_another_outcome_begins_a_new_series() -> None:
    patience = ended(Outcome.LINK, 5)
    patience.ended(Outcome.PROTOCOL, 1000.0, new_readings=False)

    assert still_advertising(patience, 1100.0) == [1005.0]


def test_a_person_can_cut_the_wait_short() -> None:
    patience = ended(Outcome.BUG, 3)
    patience.retry()

    assert patience.ready(SIGHTING, 1000.5)


@given(
    st.sampled_from(Manner),
    st.lists(st.sampled_from(Outcome), min_size=1, max_size=20),
    st.booleans(),
)
def test_no_wait_is_longer_than_the_longest_of_its_kind(
    manner: Manner, outcomes: list[Outcome], new: bool
) -> None:
    patience = Patience(manner)
    for outcome in outcomes:
        patience.ended(outcome, 0.0, new_readings=new)

    assert patience.not_before <= max(WAITS_S[manner][outcomes[-1]])
    assert patience.ready(SIGHTING, patience.not_before)


@pytest.mark.parametrize(
    ("reach", "emits", "manner"),
    [
        (Reach.BLE, {Kind.BLOOD_PRESSURE}, Manner.VISITED),
        (Reach.BLE, {Kind.BLOOD_GLUCOSE, Kind.INTERSTITIAL_GLUCOSE}, Manner.VISITED),
        (Reach.BLE, {Kind.INTERSTITIAL_GLUCOSE}, Manner.WORN),
        (Reach.ADVERTISEMENT, {Kind.WEIGHT}, Manner.HEARD),
        (Reach.SERIAL, {Kind.WEIGHT}, Manner.PLUGGED),
        (Reach.HID, {Kind.INTERSTITIAL_GLUCOSE}, Manner.PLUGGED),
    ],
)
def test_only_what_lives_on_a_small_battery_is_left_alone_for_long(
    reach: Reach, emits: set[Kind], manner: Manner
) -> None:
    assert manner_of(FakeDriver(reach=reach, emits=frozenset(emits)).manifest) is manner


@pytest.mark.parametrize(("manner", "wait_s"), [(Manner.WORN, 60), (Manner.HEARD, 0)])
def test_a_sensor_and_a_device_that_is_only_heard_wait_no_longer_than_they_need(
    manner: Manner, wait_s: float
) -> None:
    patience = Patience(manner)
    for _ in range(99):
        patience.ended(Outcome.COMPLETE, 1000.0, new_readings=False)

    assert patience.not_before == 1000.0 + wait_s


def test_a_weak_link_does_not_shorten_the_waits_of_a_device_that_has_nothing() -> None:
    patience, now, visits = Patience(), 1000.0, 0
    for outcome in [Outcome.COMPLETE, Outcome.LINK] * 10:
        patience.ended(outcome, now, new_readings=False)
        now, visits = patience.not_before, visits + 1

    assert now - 1000.0 > 10 * LEFT_ALONE_S / 2


def test_a_sign_begins_a_new_series() -> None:
    patience = ended(Outcome.COMPLETE, 9)
    patience.ready(SIGHTING, 1000.0 + REAPPEARED_S)
    patience.ended(Outcome.COMPLETE, 1020.0, new_readings=False)

    assert patience.not_before == 1023.0


def test_signs_that_bring_nothing_are_heeded_so_often_and_then_once_an_hour() -> None:
    patience, heeded = ended(Outcome.COMPLETE, 99), []
    patience.ready(SIGHTING, 1001.0)
    for minute in range(60 * 5):
        now = 1010.0 + 60 * minute
        if patience.ready(SIGHTING, now) and not patience.ends:
            heeded.append(minute)
        for _ in range(9):
            patience.ended(Outcome.COMPLETE, now, new_readings=False)

    assert heeded[:SIGNS] == list(range(SIGNS))
    assert 3 <= len(heeded[SIGNS:]) <= 4
    assert min(b - a for a, b in itertools.pairwise(heeded[SIGNS:])) >= SIGN_EVERY_S // 60


def test_a_reading_makes_every_sign_believed_again() -> None:
    patience = ended(Outcome.COMPLETE, 9)
    while patience.rations[Sign.WOKEN].spend(2000.0):
        pass
    patience.ended(Outcome.COMPLETE, 2000.0, new_readings=True)
    for _ in range(9):
        patience.ended(Outcome.COMPLETE, 2000.0, new_readings=False)

    assert patience.ready(SIGHTING, 2000.0 + REAPPEARED_S)


def test_a_device_that_could_not_be_reached_is_doubtful_until_it_shows_a_sign() -> None:
    patience = ended(Outcome.LINK)
    before = patience.is_doubtful
    patience.ready(SIGHTING, 1000.0 + REAPPEARED_S)

    assert (before, patience.is_doubtful) == (True, False)


def test_a_port_that_cannot_be_opened_keeps_no_radio_from_others() -> None:
    patience = Patience(Manner.PLUGGED)
    patience.ended(Outcome.LINK, 1000.0, new_readings=False)

    assert not patience.is_doubtful


def test_somebody_who_sits_down_does_not_help_where_the_gateway_is_at_fault() -> None:
    patience = Patience()
    patience.expect(999.0, 1301.0)
    patience.ended(Outcome.BUG, 1000.0, new_readings=False)

    assert still_advertising(patience, 1300.0) == [1060.0]


def test_who_gives_a_code_while_a_conversation_fails_does_not_wait_for_the_next_one() -> None:
    patience = ended(Outcome.PAIRING, 5)
    patience.retry()
    patience.ended(Outcome.PAIRING, 1010.0, new_readings=False)

    assert patience.not_before == 1012.0


def test_somebody_who_sits_down_is_served_at_once_and_then_every_ten_seconds() -> None:
    patience = ended(Outcome.COMPLETE, 99)
    patience.expect(1001.0, 1301.0)
    visits = []
    for now in range(1001, 1301):
        patience.expect(now, now + 15)
        if patience.ready(SIGHTING, now):
            visits.append(now)
            patience.ended(Outcome.COMPLETE, now, new_readings=False)

    assert visits[:4] == [1001, 1004, 1014, 1024]
    assert max(b - a for a, b in itertools.pairwise([*visits, 1301])) <= 10
    assert patience.not_before == visits[-1] + LEFT_ALONE_S
