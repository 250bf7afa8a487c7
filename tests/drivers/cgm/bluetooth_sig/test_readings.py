from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.device import DeviceId
from gateway.domain.quantity import Unit
from gateway.domain.reading import Kind, Limit, Measure, Quality, Reading
from gateway.drivers.cgm.bluetooth_sig.codec import CgmRecord
from gateway.drivers.cgm.bluetooth_sig.readings import FLAGS, SensorTime, reading_of
from gateway.drivers.plausible import doubted
from gateway.testing.clock import ManualClock
from gateway.wire.ieee11073 import Number, Special

CLOCK = ManualClock()
TIME = SensorTime(
    datetime.fromisoformat("2026-03-13T08:00:00"), "ea07030d080000", None, 1526, CLOCK.now()
)


def made(
    glucose: Number = Decimal(110),
    *,
    bits: int = 0,
    trend: Number | None = None,
    quality: Number | None = None,
    minute: int = 1525,
    warm_up_min: int = 60,
) -> Reading | None:
    record = CgmRecord(
        size=6,
        flags=0,
        glucose_mg_dl=glucose,
        time_offset_min=minute,
        status=bits & 0xFF,
        cal_temp=bits >> 8 & 0xFF,
        warning=bits >> 16,
        trend_mg_dl_min=trend,
        quality_percent=quality,
    )
    return reading_of(
        record,
        device=DeviceId("ble:C0:FF:EE:00:00:01"),
        key="2026-03-13T08:00:00",
        time=TIME,
        at=CLOCK.now(),
        live=True,
        warm_up_min=warm_up_min,
    )


def reading(glucose: Number = Decimal(110), *, bits: int = 0) -> Reading:
    found = made(glucose, bits=bits)
    assert found is not None
    return doubted(found)  # as every session judges it


def test_a_sample_becomes_a_reading_of_interstitial_glucose() -> None:
    found = made(Decimal("172.5"), trend=Decimal("-0.4"), quality=Decimal(95))

    assert found is not None
    assert (found.kind, found.record) == (Kind.INTERSTITIAL_GLUCOSE, "2026-03-13T08:00:00+1525")
    assert {m: (q.value, q.unit) for m, q in found.values.items()} == {
        Measure.GLUCOSE: (Decimal("172.5"), Unit.MILLIGRAM_PER_DECILITRE),
        Measure.GLUCOSE_TREND: (Decimal("-0.4"), Unit.MILLIGRAM_PER_DECILITRE_PER_MINUTE),
        Measure.SENSOR_QUALITY: (Decimal(95), Unit.PERCENT),
    }


def test_a_trend_that_is_no_number_is_left_out() -> None:
    found = made(trend=Special.NAN, quality=Special.NRES)

    assert found is not None
    assert set(found.values) == {Measure.GLUCOSE}


@pytest.mark.parametrize("bit", FLAGS)
def test_every_annunciation_is_a_flag(bit: int) -> None:
    assert reading(bits=1 << bit).flags == {FLAGS[bit]}


@pytest.mark.parametrize("bit", [0, 2, 3, 5, 12, 13, 22, 23])
def test_a_fault_of_the_sensor_makes_its_value_questionable(bit: int) -> None:
    assert reading(bits=1 << bit).quality is Quality.QUESTIONABLE


@pytest.mark.parametrize("bit", [1, 4, 8, 9, 10, 11, 14, 16, 17, 18, 19, 20, 21])
def test_an_alert_or_a_chore_does_not(bit: int) -> None:
    assert reading(bits=1 << bit).quality is Quality.GOOD


@pytest.mark.conformance("R-CGMP-F4")
@pytest.mark.parametrize("bit", [6, 7, 15])
def test_a_bit_nobody_has_defined_counts_as_not_reliable(bit: int) -> None:
    found = reading(bits=1 << bit)

    assert (found.quality, found.flags) == (Quality.QUESTIONABLE, {"unknown_status"})


@pytest.mark.parametrize("mg_dl", ["0", "-10", "19", "601", "0.0000012"])
def test_an_implausible_number_is_kept_and_questionable(mg_dl: str) -> None:
    found = reading(Decimal(mg_dl))

    assert (found.quality, found.flags) == (Quality.QUESTIONABLE, {"implausible"})
    assert found.values[Measure.GLUCOSE].value == Decimal(mg_dl)


@pytest.mark.parametrize(
    ("special", "bits", "limit", "quality"),
    [
        (Special.ABOVE, 1 << 23, Limit.ABOVE, Quality.GOOD),
        (Special.BELOW, 1 << 22, Limit.BELOW, Quality.GOOD),
        (Special.ABOVE, 1 << 23 | 1 << 3, Limit.ABOVE, Quality.GOOD),
        (Special.ABOVE, 1 << 23 | 1 << 0, Limit.ABOVE, Quality.QUESTIONABLE),
        (Special.ABOVE, 1 << 22, Limit.ABOVE, Quality.QUESTIONABLE),
        (Special.BELOW, 0, Limit.BELOW, Quality.QUESTIONABLE),
    ],
)
def test_an_infinity_is_a_limit(
    special: Special, bits: int, limit: Limit, quality: Quality
) -> None:
    found = reading(special, bits=bits)

    assert (found.limit, found.quality, dict(found.values)) == (limit, quality, {})


@pytest.mark.parametrize("special", [Special.NAN, Special.NRES, Special.RESERVED])
def test_no_value_is_no_reading(special: Special) -> None:
    assert made(special) is None


def test_the_stamp_counts_from_the_session_start() -> None:
    told = reading().device_time

    assert told is not None
    assert told.stamp == datetime.fromisoformat("2026-03-14T09:25:00")
    assert told.raw == "ea07030d080000f505"
    assert told.resolution == timedelta(minutes=1)


def test_a_late_sample_does_not_set_the_sensors_time_back() -> None:
    assert TIME.heard(1500, CLOCK.now()) is TIME


def test_a_sample_far_ahead_of_the_status_is_not_believed_unless_it_is_live() -> None:
    assert TIME.heard(1600, CLOCK.now(), ahead=timedelta(minutes=15)) is TIME
    assert TIME.heard(1600, CLOCK.now()).minute == 1600


@given(minute=st.integers(0, 0xFFFF), bits=st.integers(0, (1 << 24) - 1))
def test_any_record_makes_a_reading_or_none(minute: int, bits: int) -> None:
    found = made(bits=bits, minute=minute)

    assert found is not None
    assert found.flags or not bits


@pytest.mark.parametrize(
    ("minute", "warm_up_min", "flags"),
    [(59, 60, {"warm_up"}), (60, 60, set()), (0, 0, set()), (119, 120, {"warm_up"})],
)
def test_values_of_the_warm_up_are_marked_and_stay_good(
    minute: int, warm_up_min: int, flags: set[str]
) -> None:
    found = made(minute=minute, warm_up_min=warm_up_min)

    assert found is not None
    assert (set(found.flags), found.quality) == (flags, Quality.GOOD)
