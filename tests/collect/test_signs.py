"""What in a device's advertisements tells that something happened to it."""

import random
from dataclasses import replace

import pytest

from gateway.collect.signs import (
    HURRIED_S,
    PARTS,
    REAPPEARED_S,
    SETTLED_S,
    UNSAID_S,
    Sign,
    Signs,
)
from gateway.drivers.api import Reach, Sighting
from tests.collect.fakes import a_sighting

CUFF = replace(a_sighting(), name="BLEsmart_0000011F", manufacturer_data={0x020E: b"\x01\x11"})
ONE_MORE = replace(CUFF, manufacturer_data={0x020E: b"\x01\x12"})


def known(*sightings: Sighting, until: float = 100.0) -> Signs:
    """A device that advertised every second since a conversation that ended at time 0."""
    signs = Signs()
    signs.left(0.0)
    for now in range(int(until) + 1):
        for sighting in sightings or (CUFF,):
            signs.seen(sighting, float(now))
    return signs


def test_a_device_that_says_the_same_all_the_time_shows_no_sign() -> None:
    assert not known().seen(CUFF, 101.0)


@pytest.mark.parametrize(("silent_s", "is_sign"), [(4.9, False), (REAPPEARED_S, True)])
def test_a_device_that_was_silent_shows_one(silent_s: float, is_sign: bool) -> None:
    assert known().seen(CUFF, 100.0 + silent_s) == ([Sign.WOKEN] if is_sign else [])


def test_a_device_that_is_there_again_and_says_something_else_shows_two() -> None:
    assert known().seen(ONE_MORE, 110.0) == [Sign.OTHER, Sign.WOKEN]


@pytest.mark.parametrize(
    "other",
    [
        ONE_MORE,
        replace(CUFF, name="BLESmart_0000021F"),
        replace(CUFF, services=frozenset({"1810", "181c"})),
        replace(CUFF, service_data={"1810": b"\x01"}),
    ],
)
def test_a_device_that_says_something_else_shows_one_once(other: Sighting) -> None:
    signs = known()

    assert [signs.seen(other, 101.0 + s) for s in range(3)] == [[Sign.OTHER], [], []]


def test_what_it_says_no_more_is_none() -> None:
    assert not known().seen(replace(CUFF, name=None, manufacturer_data={}), 101.0)


def test_a_stronger_signal_is_none() -> None:
    assert not known().seen(replace(CUFF, rssi_dbm=-20), 101.0)


def test_a_device_that_says_several_things_by_turns_shows_none() -> None:
    signs = known(CUFF, ONE_MORE)

    assert not any(signs.seen(each, 101.0 + s) for s, each in enumerate([CUFF, ONE_MORE] * 9))


def test_what_follows_from_a_conversation_is_none() -> None:
    signs = known()
    signs.left(200.0)

    assert not signs.seen(ONE_MORE, 199.0 + SETTLED_S)
    assert not signs.seen(ONE_MORE, 201.0 + SETTLED_S)


def test_a_flag_that_fell_and_rises_again_is_one() -> None:
    signs = known(ONE_MORE, until=10)
    for now in range(11, 11 + int(UNSAID_S)):
        signs.seen(CUFF, float(now))

    assert signs.seen(ONE_MORE, 11 + UNSAID_S) == [Sign.OTHER]


def test_what_is_remembered_of_a_device_is_bounded() -> None:
    signs = known()
    for number in range(10 * PARTS):
        signs.seen(replace(CUFF, manufacturer_data={number: b""}), 101.0 + number / 100)

    assert len(signs._said) == PARTS


def test_what_a_device_still_says_is_not_forgotten_for_what_it_says_once() -> None:
    signs = known()
    for number in range(2 * PARTS):
        other = replace(CUFF, manufacturer_data={number: b""})

        assert signs.seen(other, 101.0 + number) == [Sign.OTHER]
        assert signs.seen(replace(CUFF, manufacturer_data={}), 101.4 + number) == []
        assert signs.seen(other, 101.8 + number) == []


@pytest.mark.parametrize(("apart_s", "is_sign"), [(1.0, True), (1.1, False)])
def test_six_advertisements_within_a_second_are_a_hurry(apart_s: float, is_sign: bool) -> None:
    signs = known()
    seen = [signs.seen(CUFF, 128.0 + n * apart_s / 5) for n in range(6)]

    assert seen[-1] == ([Sign.OTHER] if is_sign else [])


def test_a_cable_of_which_the_system_says_nothing_was_not_plugged_in_again() -> None:
    signs, port = Signs(), Sighting("/dev/ttyUSB0", Reach.SERIAL, plugging="7")
    unsaid = replace(port, plugging=None)

    assert [signs.seen(each, now) for now, each in enumerate((port, unsaid, port))] == [[], [], []]


def hurried(signs: Signs, since: float, seconds: float) -> list[float]:
    """When a device that advertises every 30 ms for so long shows a sign."""
    times = [since + n * 0.03 for n in range(int(seconds / 0.03))]
    return [now for now in times if signs.seen(CUFF, now)]


def test_a_device_that_begins_to_hurry_shows_one_at_once_and_no_second() -> None:
    (at,) = hurried(known(), since=100.5, seconds=30)

    assert at < 101


def test_one_that_hurries_all_the_time_shows_none_but_the_first() -> None:
    signs = known()

    assert len(hurried(signs, since=101, seconds=300)) == 1


def test_one_that_hurries_after_a_conversation_shows_none() -> None:
    signs = known()
    signs.left(200.0)

    assert hurried(signs, since=200.1, seconds=30) == []


def test_one_that_is_noticed_late_to_hurry_after_a_conversation_shows_none_either() -> None:
    signs = known()
    signs.left(200.0)
    for now in range(201, 220):
        signs.seen(CUFF, float(now))

    assert hurried(signs, since=219.1, seconds=HURRIED_S - 20) == []
    assert len(hurried(signs, since=234.5, seconds=10)) == 1


def test_a_weak_one_is_noticed_to_hurry_nearly_always() -> None:
    """Of what it says in half a minute, at an interval of 60 ms, 15 % are heard."""
    chance = random.Random(1)
    noticed = 0
    for _ in range(20):
        signs = known()
        heard = [101 + n * 0.06 for n in range(500) if chance.random() < 0.15]
        noticed += any(Sign.OTHER in signs.seen(CUFF, now) for now in heard)

    assert noticed >= 18


def test_one_that_is_heard_twice_a_second_does_not_hurry() -> None:
    signs = known()

    assert not any(signs.seen(CUFF, 101 + n / 2 + late) for n in range(99) for late in (0, 0.01))
