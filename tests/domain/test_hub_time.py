from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import Instant
from gateway.domain.device import DeviceId
from gateway.domain.hub_time import Anchor, as_received, at_true_time, lost_boot
from gateway.domain.identity import identity
from gateway.domain.reading import ClockSample, DeviceTime, Kind, Reading
from gateway.testing.clock import START

HOUR = timedelta(hours=1)
AT_BOOT = Instant(START - timedelta(days=400), 100.0, "boot", trusted=False)
KNOWN = Anchor("boot", START, 400.0)


def _reading() -> Reading:
    shown = START.replace(tzinfo=None)
    told = DeviceTime(stamp=shown, raw="00", clock=ClockSample(shown=shown, at=AT_BOOT))
    return Reading(
        device=DeviceId("ble:1"), kind=Kind.WEIGHT, values={}, received=AT_BOOT, device_time=told
    )


def test_once_utc_is_known_at_one_moment_of_a_boot_it_is_at_all() -> None:
    moved = KNOWN.moved(AT_BOOT)

    assert moved == Instant(START - timedelta(seconds=300), 100.0, "boot", trusted=True)


def test_the_look_at_the_devices_clock_is_moved_too() -> None:
    told = at_true_time(_reading(), KNOWN).device_time

    assert told is not None
    assert told.clock is not None
    assert told.clock.at == KNOWN.moved(AT_BOOT)


def test_a_reading_stays_the_same_reading_when_the_hub_learns_the_time() -> None:
    assert identity(at_true_time(_reading(), KNOWN)) == identity(_reading())


def test_a_clock_that_is_steered_agrees_and_one_that_was_set_does_not() -> None:
    steered = Instant(START + timedelta(milliseconds=900), 400.0, "boot")
    was_set = Instant(START + timedelta(milliseconds=1100), 400.0, "boot")

    assert not KNOWN.disagrees(steered)
    assert KNOWN.disagrees(was_set)


HERE = Instant(START, 400.0, "boot")
"""Of a boot in which the hub knows the time."""


def _given(looked: Instant, received: Instant = HERE) -> Reading:
    told = DeviceTime(
        stamp=None, raw="00", clock=ClockSample(shown=START.replace(tzinfo=None), at=looked)
    )
    return _reading().model_copy(update={"received": received, "device_time": told})


@pytest.mark.parametrize(
    "looked",
    [
        Instant(START - HOUR, 300.0, "boot", trusted=False),
        Instant(START - timedelta(seconds=100), 300.0, "boot", trusted=False),
        Instant(START - HOUR, 300.0, "boot"),
    ],
    ids=["told since", "told since, and right", "set since"],
)
def test_a_look_before_the_hub_was_told_the_time_is_told_by_the_time_of_reception(
    looked: Instant,
) -> None:
    told = as_received(_given(looked)).device_time

    assert told is not None
    assert told.clock is not None
    assert told.clock.at == Instant(START - timedelta(seconds=100), 300.0, "boot")


@pytest.mark.parametrize(
    "looked",
    [
        Instant(START - timedelta(seconds=100), 300.0, "boot"),
        Instant(START - 9 * HOUR, 300.0, "boot before", trusted=False),
    ],
    ids=["by the same time", "of another boot"],
)
def test_a_look_that_needs_no_other_time_is_left_as_it_is(looked: Instant) -> None:
    assert as_received(_given(looked)) == _given(looked)


def test_what_came_before_the_hub_was_told_the_time_is_told_by_that() -> None:
    received = Instant(START - HOUR, 400.0, "boot")

    moved = as_received(_given(received, received), KNOWN)

    assert moved == at_true_time(_given(received, received), KNOWN)
    assert moved.received.utc == START
    assert as_received(_given(HERE), KNOWN) == _given(HERE)


def test_a_reading_whose_devices_clock_nobody_looked_at_moves_alone() -> None:
    told = DeviceTime(stamp=START.replace(tzinfo=None), raw="00")
    reading = _reading().model_copy(update={"device_time": told})

    moved = at_true_time(reading, KNOWN)

    assert moved == reading.model_copy(update={"received": KNOWN.moved(AT_BOOT)})
    assert as_received(moved) == moved


def test_there_is_no_room_for_a_boot_longer_than_the_time_between_its_neighbours() -> None:
    assert lost_boot("boot", 3 * HOUR, START, START + 2 * HOUR) is None


@given(off=st.integers(0, 10**6), up=st.integers(0, 10**6), then=st.integers(0, 10**6))
def test_a_lost_boot_began_within_its_stated_doubt(off: int, up: int, then: int) -> None:
    began = START + timedelta(seconds=off)
    ended = began + timedelta(seconds=up)

    placed = lost_boot("boot", ended - began, START, ended + timedelta(seconds=then))

    assert placed is not None
    assert abs(placed.utc_of(0.0) - began) <= placed.doubt
