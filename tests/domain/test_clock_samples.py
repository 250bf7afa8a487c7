from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.device import DeviceId
from gateway.domain.device_time import Correction, corrected
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import ClockSample, DeviceTime, Kind, Measure, Reading
from gateway.testing.clock import ManualClock

PARIS = ZoneInfo("Europe/Paris")
EIGHT = datetime.fromisoformat("2001-05-01T08:00:00")  # what a clock shows that is years behind
THE_END = datetime.fromisoformat("9999-12-31T23:59:59")


def reading(clock: ManualClock, told: DeviceTime) -> Reading:
    weight = {Measure.WEIGHT: Quantity(value=Decimal(75), unit=Unit.KILOGRAM)}
    return Reading(
        device=DeviceId("ble:C0:FF:EE:00:00:01"),
        kind=Kind.WEIGHT,
        values=weight,
        received=clock.now(),
        device_time=told,
    )


def test_a_reading_taken_after_the_clock_was_read_is_corrected_by_it_too() -> None:
    clock = ManualClock()
    sample = ClockSample(shown=EIGHT, at=clock.now())
    clock.advance(40)
    stamp = EIGHT + timedelta(seconds=38)

    timing = corrected(reading(clock, DeviceTime(stamp=stamp, raw="00", clock=sample)), PARIS)

    assert timing.reason is Correction.MEASURED_OFFSET
    assert timing.measured_at == sample.at.utc + timedelta(seconds=38)


def test_a_clock_set_back_after_the_reading_says_nothing_about_it() -> None:
    clock = ManualClock()
    sample = ClockSample(shown=EIGHT, at=clock.now())
    clock.advance(1)
    stamp = EIGHT + timedelta(seconds=38)

    timing = corrected(reading(clock, DeviceTime(stamp=stamp, raw="00", clock=sample)), PARIS)

    assert timing.reason is Correction.RECEPTION_BAD_CLOCK


@pytest.mark.parametrize(
    ("shown", "stamp"), [(THE_END, EIGHT), (THE_END, THE_END), (EIGHT, THE_END), (None, THE_END)]
)
def test_a_clock_at_the_end_of_the_calendar_is_a_wrong_clock(
    shown: datetime | None, stamp: datetime
) -> None:
    clock = ManualClock()
    sample = None if shown is None else ClockSample(shown=shown, at=clock.now())
    told = DeviceTime(stamp=stamp, raw="00", clock=sample, utc_offset=timedelta(hours=-12))

    timing = corrected(reading(clock, told), ZoneInfo("America/Adak"))

    assert timing.reason in {Correction.RECEPTION_BAD_CLOCK, Correction.MEASURED_OFFSET}
