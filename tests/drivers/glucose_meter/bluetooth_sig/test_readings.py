from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.device import DeviceId
from gateway.domain.identity import identity
from gateway.domain.reading import Kind, Limit, Measure, Quality, Reading
from gateway.drivers.api import Frame
from gateway.drivers.glucose_meter.bluetooth_sig import codec
from gateway.drivers.glucose_meter.bluetooth_sig.readings import Record, reading_of
from gateway.drivers.plausible import doubted
from gateway.testing.clock import ManualClock
from tests.drivers.glucose_meter.bluetooth_sig.meter import MEASUREMENT, context, record

NOW = ManualClock().now()
METER = DeviceId("ble:C0:FF:EE:00:00:01")
MMOL_33_3 = "06 0100 ea07 02 0e 08 2d 1e 4dc1 11"


def made(octets: bytes, meal: int | None = None) -> Reading | str:
    around = None if meal is None else codec.decode_context(context(1, meal))
    frame = Frame(MEASUREMENT, octets, NOW)
    return reading_of(Record(frame, codec.decode_measurement(octets), around), METER, None)


def reading(octets: bytes, meal: int | None = None) -> Reading:
    found = made(octets, meal)
    assert isinstance(found, Reading)
    return doubted(found)  # as every session judges it


def test_a_record_becomes_a_blood_glucose_reading() -> None:
    found = reading(record(1, 111))

    assert (found.kind, found.quality) == (Kind.BLOOD_GLUCOSE, Quality.GOOD)
    assert found.values[Measure.GLUCOSE].value == 111
    assert found.flags == {"capillary_whole_blood"}


def test_moles_are_converted_and_the_original_is_kept() -> None:
    found = reading(bytes.fromhex("06 0100 ea07 02 0e 08 2d 1e 3ec0 11"))

    assert found.values[Measure.GLUCOSE].value == Decimal("111.7")
    assert found.values[Measure.GLUCOSE].original == "6.2 mmol/L"


def test_the_lowest_number_of_a_meter_in_moles_is_a_persons() -> None:
    found = reading(bytes.fromhex("06 0100 ea07 02 0e 08 2d 1e 0bc0 11"))  # 1.1 mmol/L

    assert (found.values[Measure.GLUCOSE].value, found.quality) == (Decimal("19.8"), Quality.GOOD)


@pytest.mark.parametrize("place", ["1a", "41", "4a", "a1", "af"])
def test_control_solution_is_no_persons_reading(place: str) -> None:
    found = reading(record(1, place=place))

    assert (found.quality, found.flags) == (Quality.CONTROL, {"control_solution"})


def test_interstitial_fluid_is_its_own_kind() -> None:
    assert reading(record(1, place="19")).kind is Kind.INTERSTITIAL_GLUCOSE


@pytest.mark.parametrize(
    ("meal", "flag"),
    [(1, "preprandial"), (2, "postprandial"), (3, "fasting"), (4, "casual"), (5, "bedtime")],
)
def test_the_meal_is_a_flag(meal: int, flag: str) -> None:
    assert flag in reading(record(1), meal).flags


@pytest.mark.conformance("GLP/COL/GLF/BI-08")
def test_a_reserved_meal_says_nothing() -> None:
    assert reading(record(1), 7).flags == {"capillary_whole_blood"}


@pytest.mark.parametrize("meal", [6])
def test_ketone_is_never_glucose(meal: int) -> None:
    assert made(record(1, 13), meal) == "ketone_record"


@pytest.mark.parametrize("word", ["ffff", "0000", "ff07", "0008", "0108"])
def test_what_is_no_positive_number_is_no_reading(word: str) -> None:
    assert made(record(1, word=word)) == "no_value"


def test_a_record_without_concentration_is_no_reading() -> None:
    assert made(bytes.fromhex("00 0100 ea07 02 0e 08 2d 1e")) == "no_value"


@pytest.mark.parametrize("mg_dl", [13, 19, 751])
def test_what_no_person_has_is_questionable(mg_dl: int) -> None:
    found = reading(record(1, mg_dl))

    assert found.quality is Quality.QUESTIONABLE
    assert "implausible" in found.flags


@pytest.mark.parametrize(
    ("word", "status", "limit"),
    [
        ("fe07", "2000", Limit.ABOVE),
        ("fe07", "", Limit.ABOVE),
        ("0208", "4000", Limit.BELOW),
        ("0208", "4100", Limit.BELOW),
    ],
)
def test_hi_and_lo_are_limits(word: str, status: str, limit: Limit) -> None:
    found = reading(record(1, word=word, status=status))

    assert (found.limit, found.quality, dict(found.values)) == (limit, Quality.GOOD, {})


@pytest.mark.parametrize(
    ("mg_dl", "status", "limit"),
    [
        (601, "", Limit.ABOVE),
        (700, "", Limit.ABOVE),
        (750, "", Limit.ABOVE),
        (600, "2000", Limit.ABOVE),
        (601, "2000", Limit.ABOVE),
        (999, "2100", Limit.ABOVE),
        (10, "4000", Limit.BELOW),
        (20, "4000", Limit.BELOW),
    ],
)
def test_a_number_at_or_beyond_the_end_stands_for_hi_or_lo(
    mg_dl: int, status: str, limit: Limit
) -> None:
    found = reading(record(1, mg_dl, status=status))

    assert (found.limit, found.quality, dict(found.values)) == (limit, Quality.GOOD, {})


@pytest.mark.parametrize(
    ("mg_dl", "status"),
    [(9, ""), (9, "2000"), (599, "2000"), (21, "4000"), (601, "4000"), (601, "2400"), (999, "")],
)
def test_what_contradicts_itself_or_has_other_troubles_is_questionable(
    mg_dl: int, status: str
) -> None:
    assert reading(record(1, mg_dl, status=status)).quality is Quality.QUESTIONABLE


@pytest.mark.parametrize("octets", ["02 0100 ea07 02 0e 08 2d 1e 58b2 11", MMOL_33_3])
def test_the_highest_number_a_meter_shows_is_a_number(octets: str) -> None:
    found = reading(bytes.fromhex(octets))

    assert (found.limit, found.quality) == (None, Quality.GOOD)


@pytest.mark.parametrize("bit", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15])
def test_a_trouble_the_meter_reports_makes_it_questionable(bit: int) -> None:
    found = reading(record(1, status=(1 << bit).to_bytes(2, "little").hex()))

    assert found.quality is Quality.QUESTIONABLE


def test_a_low_battery_does_not() -> None:
    found = reading(record(1, status="0100"))

    assert (found.quality, "battery_low" in found.flags) == (Quality.GOOD, True)


def test_setting_the_meters_clock_does_not_make_a_new_reading() -> None:
    before, after = reading(record(1, offset=600)), reading(record(1, offset=596))

    assert identity(before) == identity(after)
    assert before.device_time != after.device_time


def test_records_under_a_clock_that_never_ran_are_told_apart_by_their_numbers() -> None:
    unset = "0000 00 00 00 00 00"
    default = "d007 01 01 00 00 00"

    keys = [reading(record(n, base=base)).record for n in (1, 2) for base in (unset, default)]

    assert len(set(keys)) == 4


@given(octets=st.binary(min_size=17, max_size=17), meal=st.none() | st.integers(0, 255))
def test_any_record_is_a_reading_or_an_event(octets: bytes, meal: int | None) -> None:
    found = made(b"\x0b" + octets, meal)

    assert isinstance(found, str) or found.values or found.limit
