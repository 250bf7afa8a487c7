"""When a device may be connected next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.collect.patience import REAPPEARED_S, WAITS_S, Outcome, Patience


def ended(outcome: Outcome, times: int = 1, *, new_readings: bool = False) -> Patience:
    """A device whose conversations ended so, the last one at time 1000."""
    patience = Patience()
    for _ in range(times):
        patience.ended(outcome, 1000.0, new_readings=new_readings)
    return patience


def still_advertising(patience: Patience, until: float) -> list[float]:
    """When a device that advertises every second would be connected first."""
    seconds = int(until - 1000)
    return [1000.0 + s for s in range(1, seconds) if patience.ready(1000.0 + s)][:1]


def test_a_device_never_talked_with_is_connected_at_once() -> None:
    assert Patience().ready(0.0)


def test_a_device_that_brought_something_is_heard_again_after_three_seconds() -> None:
    patience = ended(Outcome.COMPLETE, 3, new_readings=True)

    assert still_advertising(patience, 1010.0) == [1003.0]


@pytest.mark.parametrize(("times", "wait_s"), [(1, 3), (2, 10), (3, 30), (4, 60), (9, 60)])
def test_a_device_that_has_nothing_new_is_left_alone_for_longer_each_time(
    times: int, wait_s: float
) -> None:
    patience = ended(Outcome.COMPLETE, times)

    assert still_advertising(patience, 2000.0) == [1000.0 + wait_s]


@pytest.mark.parametrize("outcome", [Outcome.COMPLETE, Outcome.LINK, Outcome.PAIRING])
def test_a_device_that_was_silent_and_advertises_again_is_served_at_once(outcome: Outcome) -> None:
    patience = ended(outcome, 9)

    assert not patience.ready(1001.0)
    assert patience.ready(1001.0 + REAPPEARED_S)


@pytest.mark.parametrize(
    "outcome", [Outcome.BUG, Outcome.JOURNAL, Outcome.TOO_LONG, Outcome.CONFIG]
)
def test_waking_a_device_does_not_help_where_the_gateway_is_at_fault(outcome: Outcome) -> None:
    assert not ended(outcome).ready(1000.0 + REAPPEARED_S)


def test_a_port_is_never_taken_for_a_device_that_woke() -> None:
    assert not ended(Outcome.PROTOCOL, 3).ready(1000.0 + REAPPEARED_S, wakes=False)


@pytest.mark.parametrize("outcome", [Outcome.LINK, Outcome.COMPLETE])
@pytest.mark.parametrize(("times", "wait_s"), [(1, 1), (2, 2), (3, 5), (4, 10), (5, 30), (9, 30)])
def test_a_port_that_is_gone_or_cannot_be_opened_is_tried_again_soon(
    outcome: Outcome, times: int, wait_s: float
) -> None:
    patience = Patience(port=True)
    for _ in range(times):
        patience.ended(outcome, 1000.0, new_readings=False)

    assert still_advertising(patience, 2000.0) == [1000.0 + wait_s]


@pytest.mark.parametrize("outcome", [Outcome.LINK, Outcome.PROTOCOL])
def test_a_port_that_was_heard_for_a_while_is_opened_again_as_soon_as_at_first(
    outcome: Outcome,
) -> None:
    patience = Patience(port=True)
    for _ in range(9):
        patience.ended(outcome, 1000.0, new_readings=False, lasted_s=3600.0)

    assert still_advertising(patience, 2000.0) in ([1001.0], [1005.0])


def test_a_radio_is_not_kept_busy_by_a_device_that_says_nothing_for_long() -> None:
    patience = Patience()
    for _ in range(9):
        patience.ended(Outcome.LINK, 1000.0, new_readings=False, lasted_s=3600.0)

    assert still_advertising(patience, 2000.0) == [1060.0]


@pytest.mark.parametrize("outcome", [Outcome.BUG, Outcome.TOO_LONG, Outcome.PROTOCOL])
def test_a_device_that_brings_something_before_each_bad_end_is_not_left_for_longer(
    outcome: Outcome,
) -> None:
    patience = ended(outcome, 9, new_readings=True)

    assert still_advertising(patience, 2000.0) == [1000.0 + WAITS_S[outcome][0]]


@pytest.mark.parametrize("outcome", [Outcome.PROTOCOL, Outcome.BUG, Outcome.JOURNAL])
def test_a_port_is_never_left_closed_for_longer_than_a_minute(outcome: Outcome) -> None:
    patience = Patience(port=True)
    for _ in range(9):
        patience.ended(outcome, 1000.0, new_readings=False)

    assert still_advertising(patience, 2000.0) == [1060.0]


def test_a_mistake_of_a_driver_closes_its_port_for_seconds_at_first() -> None:
    patience = Patience(port=True)
    patience.ended(Outcome.BUG, 1000.0, new_readings=False)

    assert still_advertising(patience, 2000.0) == [1005.0]


def test_another_outcome_begins_a_new_series() -> None:
    patience = ended(Outcome.LINK, 5)
    patience.ended(Outcome.PROTOCOL, 1000.0, new_readings=False)

    assert still_advertising(patience, 1100.0) == [1005.0]


def test_a_person_can_cut_the_wait_short() -> None:
    patience = ended(Outcome.BUG, 3)
    patience.retry()

    assert patience.ready(1000.5)


@given(st.lists(st.sampled_from(Outcome), min_size=1, max_size=20), st.booleans())
def test_no_wait_is_longer_than_the_longest_of_its_kind(outcomes: list[Outcome], new: bool) -> None:
    patience = Patience()
    for outcome in outcomes:
        patience.ended(outcome, 0.0, new_readings=new)

    assert patience.not_before <= max(WAITS_S[outcomes[-1]])
    assert patience.ready(patience.not_before)
