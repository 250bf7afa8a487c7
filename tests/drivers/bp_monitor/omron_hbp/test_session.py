from __future__ import annotations

import logging
from decimal import Decimal

import pytest
from hypothesis import given

from gateway.domain.device_time import Correction, corrected
from gateway.domain.identity import identity
from gateway.domain.reading import Kind, Measure, Quality
from gateway.drivers.api import Fit, Reach, Sighting
from gateway.drivers.bp_monitor.omron_hbp import DRIVER
from gateway.errors import LinkLost
from gateway.testing.clock import START, ManualClock
from gateway.testing.session import RecordingSession
from tests.drivers.bp_monitor.omron_hbp.test_codec import FAILED, GOOD, NINETY_TWENTY
from tests.drivers.serial_lines import DEVICE, Timeline, cut, listened, session_with


async def at_times(*arrivals: tuple[float, bytes]) -> RecordingSession:
    timeline = Timeline(*arrivals)
    session = session_with(DRIVER, clock=timeline.clock)
    session.link = timeline
    with pytest.raises(LinkLost):
        await DRIVER.converse(session)
    return session


async def test_a_measurement_is_a_pressure_and_a_heart_rate_in_one_commit() -> None:
    session = await listened(DRIVER, [GOOD])

    pressure, rate = session.readings
    assert (pressure.kind, rate.kind) == (Kind.BLOOD_PRESSURE, Kind.HEART_RATE)
    assert pressure.values[Measure.SYSTOLIC].value == Decimal(120)
    assert pressure.values[Measure.DIASTOLIC].value == Decimal(80)
    assert rate.values[Measure.PULSE_RATE].value == Decimal(72)
    assert pressure.device == DEVICE
    assert pressure.quality is Quality.GOOD
    assert session.calls == [2]


@given(chunks=cut(b"\x00\xff," + GOOD[20:] + GOOD + FAILED + GOOD.replace(b"120", b"121")))
async def test_readings_do_not_depend_on_how_the_chunks_fall(chunks: list[bytes]) -> None:
    session = await listened(DRIVER, chunks)

    systolic = [r.values[Measure.SYSTOLIC].value for r in session.readings[::2]]
    assert systolic == [120, 121]
    assert session.remarks == ["device_error 7"]
    assert len(session.aside) == 1


async def test_noise_before_a_line_does_not_cost_the_line() -> None:
    session = await listened(DRIVER, [b"\xff\x0d\x13" + GOOD, b"7" + FAILED])

    assert len(session.readings) == 2
    assert session.remarks == ["device_error 7"]


async def test_a_line_sent_twice_within_half_a_minute_is_one_measurement() -> None:
    session = await at_times((0, GOOD), (2, GOOD), (30, GOOD))

    assert len(session.readings) == 2


async def test_the_same_line_later_is_the_next_persons_measurement() -> None:
    session = await at_times((0, GOOD), (31, GOOD))

    assert len(session.readings) == 4


async def test_two_people_in_one_minute_with_the_same_numbers_are_two_measurements() -> None:
    other = GOOD.replace(b"1234567890" * 2, b"9" * 20)

    session = await at_times((0, GOOD), (29, other))

    assert len(session.readings) == 4


async def after_a_restart(silent_s: float, *, reboot: bool = False) -> RecordingSession:
    """GOOD is heard, the gateway restarts, and so long after it was heard it comes again."""
    session = await at_times((0, GOOD))
    if reboot:
        assert isinstance(session.clock, ManualClock)
        session.clock = ManualClock(session.clock.now().utc, "another boot")
    assert isinstance(session.clock, ManualClock)
    session.link = Timeline((silent_s, GOOD), clock=session.clock)
    with pytest.raises(LinkLost):
        await DRIVER.converse(session)
    return session


@pytest.mark.parametrize("reboot", [False, True])
async def test_the_next_persons_measurement_in_the_minute_of_a_restart_is_kept(
    reboot: bool,
) -> None:
    session = await after_a_restart(40, reboot=reboot)

    assert len(session.readings) == 4


@pytest.mark.parametrize("reboot", [False, True])
@pytest.mark.parametrize("silent_s", [5, 3600])
async def test_a_line_said_twice_around_a_restart_is_one_measurement(
    silent_s: float, reboot: bool
) -> None:
    session = await after_a_restart(silent_s, reboot=reboot)

    assert len(session.readings) == 2


async def test_a_second_restart_in_the_minute_loses_nothing_either() -> None:
    session = await at_times((0, GOOD))
    for _ in range(2):
        assert isinstance(session.clock, ManualClock)
        session.link = Timeline((31, GOOD), clock=session.clock)
        with pytest.raises(LinkLost):
            await DRIVER.converse(session)

    assert len(session.readings) == 6


async def test_what_was_said_twice_around_a_restart_does_not_hide_the_next() -> None:
    session = await at_times((0, GOOD), (30.5, GOOD))  # the stamp says: in one minute
    assert isinstance(session.clock, ManualClock)
    session.link = Timeline((2, GOOD), (33, GOOD), clock=session.clock)
    with pytest.raises(LinkLost):
        await DRIVER.converse(session)

    assert len(session.readings) == 6


async def test_what_is_remembered_of_a_measurement_tells_no_number() -> None:
    session = await at_times((0, GOOD))

    remembered = await session.bookmark()

    assert remembered is not None
    assert not any(number in remembered for number in ("120", "80", "72", "1234567890"))


async def test_two_people_with_the_same_pulse_in_one_minute_have_two_heart_rates() -> None:
    session = await at_times((0, GOOD), (29, GOOD.replace(b",120,", b",130,")))

    assert [r.kind for r in session.readings].count(Kind.HEART_RATE) == 2


async def test_hearing_it_all_again_gives_the_same_identities() -> None:
    arrivals = ((0, GOOD), (31, GOOD), (100, GOOD.replace(b"120", b"130")))

    first, again = await at_times(*arrivals), await at_times(*arrivals)

    assert [identity(r) for r in first.readings] == [identity(r) for r in again.readings]


async def test_a_clock_that_was_never_set_does_no_harm() -> None:
    session = await listened(DRIVER, [GOOD.replace(b"2026,07,11", b"2015,01,01")])

    timing = corrected(session.readings[0], START.tzinfo or pytest.fail("no zone"))
    assert timing.measured_at == START
    assert timing.reason is Correction.MEASURED_OFFSET


async def test_movement_makes_a_measurement_questionable() -> None:
    session = await listened(DRIVER, [GOOD.replace(b",0\r", b",2\r")])

    assert {r.quality for r in session.readings} == {Quality.QUESTIONABLE}
    assert session.readings[0].flags == {"body_movement"}


async def test_a_failed_measurement_is_remarked_not_recorded() -> None:
    session = await listened(DRIVER, [FAILED])

    assert session.readings == []
    assert session.remarks == ["device_error 7"]


async def test_a_monitor_in_another_format_is_told_how_to_be_set() -> None:
    session = await listened(DRIVER, [b"MMBP203N\r2026.07.11\r"])

    assert "set function item 32 of the monitor to 5" in session.aside[0][1].reason


async def test_the_9020_is_read_only_if_its_owner_turned_that_on() -> None:
    off = await listened(DRIVER, [NINETY_TWENTY])
    on = await listened(DRIVER, [NINETY_TWENTY], {"experimental": True})

    assert off.readings == []
    assert "experimental" in off.aside[0][1].reason
    assert on.readings[0].values[Measure.MEAN_ARTERIAL].value == Decimal(97)
    assert on.readings[0].flags == {"status_3"}
    assert on.readings[0].quality is Quality.QUESTIONABLE


async def test_the_typed_id_goes_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    session = await listened(DRIVER, [GOOD, FAILED.replace(b" " * 20, b"1234567890" * 2)])

    told = [r.model_dump_json() for r in session.readings] + session.remarks
    assert not any("1234567890" in text for text in [*told, caplog.text])


def test_it_is_chosen_by_its_name_only() -> None:
    anything = Sighting("/dev/ttyACM0", Reach.SERIAL)
    configured = Sighting("/dev/ttyACM0", Reach.SERIAL, driver="bp_monitor/omron_hbp")

    assert DRIVER.match(anything) is Fit.NONE
    assert DRIVER.match(configured) is Fit.MODEL
