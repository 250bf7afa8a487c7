from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.device import DeviceId
from gateway.domain.reading import Kind, Measure, Quality, Reading
from gateway.drivers.api import Frame, gatt
from gateway.drivers.bp_monitor.bluetooth_sig.codec import measurement
from gateway.drivers.bp_monitor.bluetooth_sig.readings import has_failed, readings
from gateway.drivers.episodic import Timed
from gateway.errors import DecodeError
from gateway.testing.clock import ManualClock


def read(octets: str) -> tuple[Reading, ...]:
    data = bytes.fromhex(octets)
    frame = Frame(gatt("1810", "2a35"), data, ManualClock().now())
    return readings(measurement(data), frame, DeviceId("ble:x"), Timed(None, None, live=True))


def test_one_measurement_gives_a_blood_pressure_and_a_heart_rate() -> None:
    pressure, rate = read("0c 7800 5000 5d00 4800 02")  # 120/80 mmHg, mean 93, pulse 72, user 2

    assert pressure.kind is Kind.BLOOD_PRESSURE
    assert {m: f"{q.value} {q.unit}" for m, q in pressure.values.items()} == {
        Measure.SYSTOLIC: "120 mm[Hg]",
        Measure.DIASTOLIC: "80 mm[Hg]",
        Measure.MEAN_ARTERIAL: "93 mm[Hg]",
    }
    assert rate.kind is Kind.HEART_RATE
    assert rate.values[Measure.PULSE_RATE].value == 72
    assert {pressure.slot, rate.slot} == {"2"}
    assert {pressure.quality, rate.quality} == {Quality.GOOD}


def test_kilopascal_become_millimetres_of_mercury_and_the_original_is_kept() -> None:
    (pressure,) = read("01 a0f0 6bf0 7cf0")  # 16.0 / 10.7 kPa, mean 12.4

    systolic = pressure.values[Measure.SYSTOLIC]
    assert (systolic.value, systolic.original) == (Decimal("120.0"), "16.0 kPa")
    assert pressure.quality is Quality.GOOD


@pytest.mark.parametrize("mean", ["0000", "ff07", "0008"])
def test_a_mean_that_is_none_is_left_out(mean: str) -> None:
    (pressure,) = read(f"00 7800 5000 {mean}")

    assert Measure.MEAN_ARTERIAL not in pressure.values
    assert pressure.quality is Quality.GOOD


@pytest.mark.conformance("R-BLP-E4")
def test_the_unknown_user_has_no_slot() -> None:
    (pressure,) = read("08 7800 5000 5d00 ff")

    assert pressure.slot is None


@pytest.mark.conformance("R-BLP-E4")
def test_user_zero_has_a_slot() -> None:
    (pressure,) = read("08 7800 5000 5d00 00")

    assert pressure.slot == "0"


@pytest.mark.parametrize(
    ("status", "flag"),
    [("0100", "body_movement"), ("0200", "cuff_too_loose"), ("2000", "improper_position")],
)
def test_what_the_cuff_doubts_is_questionable(status: str, flag: str) -> None:
    pressure, rate = read(f"14 7800 5000 5d00 4800 {status}")

    assert (pressure.quality, rate.quality) == (Quality.QUESTIONABLE, Quality.QUESTIONABLE)
    assert pressure.flags == rate.flags == {flag}


@pytest.mark.parametrize(
    ("status", "flag"),
    [
        ("0400", "irregular_pulse"),
        ("0800", "pulse_above_range"),
        ("1000", "pulse_below_range"),
        ("1800", "pulse_range_unknown"),
    ],
)
def test_a_finding_about_the_person_stays_good(status: str, flag: str) -> None:
    pressure, rate = read(f"14 7800 5000 5d00 4800 {status}")

    assert (pressure.quality, rate.quality) == (Quality.GOOD, Quality.GOOD)
    assert pressure.flags == rate.flags == {flag}


def test_reserved_status_bits_say_nothing() -> None:
    (pressure,) = read("10 7800 5000 5d00 c0ff")

    assert (pressure.quality, pressure.flags) == (Quality.GOOD, frozenset())


@pytest.mark.parametrize(
    "pressures",
    [
        "1d00 1500 1900",  # 29/21: systolic too low
        "2d01 5000 5d00",  # 301/80: too high
        "7800 1300 5d00",  # 120/19: diastolic too low
        "2c01 fb00 2c01",  # 300/251: too high
        "5000 5000 5000",  # 80/80
        "5000 7800 5d00",  # 80/120: swapped
        "7800 5000 4f00",  # mean 79, below the diastolic
        "7880 5080 5a80",  # 0.0000012/0.0000008
        "2027 0075 0055",  # a frame of another format: 182400/12800000000
    ],
)
def test_numbers_that_nobody_has_are_questionable(pressures: str) -> None:
    (pressure,) = read(f"00 {pressures}")

    assert pressure.quality is Quality.QUESTIONABLE
    assert pressure.flags == {"implausible"}


@pytest.mark.parametrize("pulse", ["0000", "1300", "2d01", "003f", "feff"])
def test_an_implausible_pulse_does_not_spoil_the_pressure(pulse: str) -> None:
    pressure, rate = read(f"04 7800 5000 5d00 {pulse}")

    assert pressure.quality is Quality.GOOD
    assert rate.quality is Quality.QUESTIONABLE
    assert rate.flags == {"implausible"}


def test_a_pulse_that_was_not_counted_is_no_reading() -> None:
    assert len(read("04 7800 5000 5d00 ff07")) == 1


@pytest.mark.parametrize("pressures", ["ff07 ff07 ff07", "fe07 5000 5d00", "7800 0208 5d00"])
def test_a_failed_measurement_has_no_readings(pressures: str) -> None:
    octets = f"04 {pressures} 4800"

    assert has_failed(measurement(bytes.fromhex(octets)))
    assert read(octets) == ()


@given(st.binary(min_size=7, max_size=19))
def test_any_message_makes_readings_without_an_error(data: bytes) -> None:
    try:
        made = read(data.hex())
    except DecodeError:
        return

    assert len(made) <= 2
