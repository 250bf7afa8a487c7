"""Octets of TaiDoc frames, worked out by hand from the published descriptions."""

from datetime import datetime
from decimal import Decimal

import pytest
from firmware_sims.body import Pressure
from firmware_sims.packing import taidoc
from firmware_sims.packing.taidoc import HOST, Command, Purpose, Substance

from tests.firmware_sims.serial_vectors import frame_of

AT = datetime(2019, 8, 4, 13, 37)  # noqa: DTZ001 - a device's own clock
PRESSURE = Pressure(
    systolic=Decimal(128),
    mean=Decimal(95),
    diastolic=Decimal(79),
    pulse=Decimal(66),
    irregular=False,
)


def test_the_published_requests_and_time_are_reproduced() -> None:
    assert taidoc.frame(Command.COUNT, direction=HOST) == frame_of("taidoc-count")
    assert taidoc.frame(Command.TELL_MODEL, direction=HOST) == frame_of("taidoc-model")
    assert taidoc.stamp(AT) == frame_of("taidoc-time-0427250d")


@pytest.mark.parametrize(
    ("command", "sum_"),
    [(Command.RECORD_TIME, 0x19), (Command.RECORD_VALUE, 0x1A), (Command.SWITCH_OFF, 0x44)],
)
def test_what_a_public_library_writes_to_a_p80_is_reproduced(command: Command, sum_: int) -> None:
    assert taidoc.frame(command, direction=HOST) == bytes([81, command, 0, 0, 0, 0, 163, sum_])


def test_the_one_published_answer_is_reproduced() -> None:
    assert taidoc.frame(0x26, taidoc.strip(107, celsius=0)) == bytes.fromhex("51266b000000a587")


@pytest.mark.parametrize(
    ("spare", "octets"),
    [
        ({"pressure": True}, "0427 a5 0d"),
        ({"irregular": True}, "0427 65 0d"),
        ({"rhythm": 1}, "0427 25 2d"),
        ({"rhythm": 3}, "0427 25 6d"),
        ({"average": True}, "0427 25 8d"),
    ],
)
def test_what_stands_beside_the_time(spare: dict[str, int], octets: str) -> None:
    assert taidoc.stamp(AT, **spare) == bytes.fromhex(octets)  # type: ignore[arg-type]


def test_a_time_that_a_host_sets_is_read_again_and_none_that_is_none() -> None:
    assert taidoc.shown_by(taidoc.stamp(AT)) == AT
    assert taidoc.shown_by(bytes.fromhex("e027250d")) is None  # month 15


def test_a_pressure_has_a_mean_or_a_systolic_of_two_octets() -> None:
    assert taidoc.figures(PRESSURE) == bytes([128, 95, 79, 66])
    assert taidoc.figures(PRESSURE, wide=True) == bytes([128, 0, 79, 66])


def test_a_strip_says_what_for_and_what_of_in_its_last_octet() -> None:
    before_meal = taidoc.strip(300, purpose=Purpose.BEFORE_MEAL, code=0x2A, celsius=22)
    ketone = taidoc.strip(15, substance=Substance.KETONE, celsius=22)

    assert before_meal == bytes.fromhex("2c01 16 6a")
    assert ketone == bytes.fromhex("0f00 16 1c")
    assert ketone[3] << 2 >> 4 == Substance.KETONE  # as advmeds-bluetooth-lib takes it out


def test_an_empty_memory_has_ffff_beside_its_zero() -> None:
    assert taidoc.count(0, 0) == bytes.fromhex("0000ffff")
    assert taidoc.count(300, 299) == bytes.fromhex("2c012b01")


def test_a_serial_number_is_told_in_two_halves_from_its_end() -> None:
    assert taidoc.serial_halves("3261-0123-4567-8901") == (
        bytes.fromhex("23016132"),
        bytes.fromhex("01896745"),
    )
