from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import DecodeError
from gateway.wire.cursor import Cursor
from gateway.wire.gatt_time import (
    UnusableDateTime,
    current_time,
    date_time,
    date_time_octets,
    dst_offset,
    is_garbled,
    time_zone,
)


def read(octets: str) -> Cursor:
    return Cursor(bytes.fromhex(octets))


def test_a_date_time_is_the_devices_naive_local_time() -> None:
    assert date_time(read("e207 04 11 0f 33 00")) == datetime.fromisoformat("2018-04-17T15:51")


def test_the_calendar_begins_in_1582() -> None:
    assert date_time(read("2e06 01 01 00 00 00")) == datetime.fromisoformat("1582-01-01")


@pytest.mark.parametrize(
    ("octets", "incomplete"),
    [
        ("0000 00 00 00 00 00", True),  # all unknown
        ("0000 04 11 0f 33 00", True),  # year unknown
        ("e207 04 00 0f 33 00", True),  # day unknown
        ("e207 02 1e 0f 33 00", False),  # 30 February
        ("0000 02 1d 0f 33 00", True),  # 29 February of a year that may have one
        ("e707 02 1d 0f 33 00", False),  # 29 February 2023
        ("e707 00 1f 0f 33 00", True),  # the 31st of a month that is unknown
        ("e207 04 11 18 00 00", False),  # hour 24
        ("e207 04 00 18 00 00", False),  # day unknown, and hour 24
        ("e207 04 00 17 3c 00", False),  # day unknown, and minute 60
        ("e207 04 00 17 3b 3c", False),  # day unknown, and second 60
        ("2d06 01 01 00 00 00", False),  # 1581, before the calendar
        ("2d06 00 01 00 00 00", False),
        ("0100 00 01 00 00 00", False),
        ("ffff ff ff ff ff ff", False),
    ],
)
def test_what_names_no_moment_is_kept_as_it_came(octets: str, incomplete: bool) -> None:
    value = date_time(read(octets))

    assert isinstance(value, UnusableDateTime)
    assert value.incomplete is incomplete


@pytest.mark.parametrize(
    ("octets", "garbled"),
    [
        ("c3aa 07 03 0e 0a 19", True),  # 2026, taken for text on its way
        ("1027 01 01 00 00 00", True),  # 10000
        ("0f27 0d 01 00 00 00", False),  # 9999
        ("ffff ff ff ff ff ff", False),  # never set
        ("0000 00 00 00 00 00", False),
        ("ea07 03 0e 0a 19 00", False),
    ],
)
def test_a_year_that_no_clock_shows_is_garbled(octets: str, garbled: bool) -> None:
    assert is_garbled(date_time(read(octets))) is garbled


@given(st.binary(min_size=7, max_size=7))
def test_every_date_time_turns_back_into_its_octets(octets: bytes) -> None:
    assert date_time_octets(date_time(Cursor(octets))) == octets


def test_a_current_time_carries_its_fraction_of_a_second() -> None:
    now = current_time(read("e907 01 0f 0e 1e 2d 03 80 01"))

    assert now.shown == datetime.fromisoformat("2025-01-15T14:30:45.500")
    assert (now.day_of_week, now.adjust_reason) == (3, 1)


def test_a_clock_never_set_shows_nothing() -> None:
    assert current_time(read("0000 00 00 00 00 00 00 00 00")).shown is None


@pytest.mark.parametrize(
    ("octet", "minutes"), [("00", 0), ("04", 60), ("d0", -720), ("38", 840), ("16", 330)]
)
def test_a_time_zone_counts_quarters_of_an_hour(octet: str, minutes: int) -> None:
    assert time_zone(read(octet)) == timedelta(minutes=minutes)


def test_zone_and_daylight_saving_may_be_unknown() -> None:
    assert time_zone(read("80")) is None
    assert dst_offset(read("ff")) is None


@pytest.mark.parametrize(("octet", "minutes"), [("00", 0), ("02", 30), ("04", 60), ("08", 120)])
def test_daylight_saving_is_half_an_hour_to_two(octet: str, minutes: int) -> None:
    assert dst_offset(read(octet)) == timedelta(minutes=minutes)


@pytest.mark.parametrize("octet", ["39", "cf"])
def test_a_zone_that_does_not_exist_is_an_error_at_its_octet(octet: str) -> None:
    with pytest.raises(DecodeError) as caught:
        time_zone(Cursor(b"\x00" + bytes.fromhex(octet), 1))

    assert (caught.value.reason, caught.value.offset) == ("time_zone_out_of_range", 1)


def test_a_reserved_daylight_saving_is_an_error_at_its_octet() -> None:
    with pytest.raises(DecodeError) as caught:
        dst_offset(Cursor(b"\x00\x11", 1))

    assert (caught.value.reason, caught.value.offset) == ("dst_out_of_range", 1)
