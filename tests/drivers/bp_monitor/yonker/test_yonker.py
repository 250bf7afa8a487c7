"""Conversations with a scripted cuff. The hub's clock shows 2026-03-14 09:26:53 UTC."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.device_time import corrected
from gateway.domain.reading import Kind, Measure, Quality
from gateway.drivers.api import Fit, Reach, Sighting, gatt
from gateway.drivers.bp_monitor.yonker import DRIVER
from gateway.drivers.bp_monitor.yonker.session import DATA, SERVICE
from gateway.errors import LinkError, LinkLost, LinkTimeout
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession
from tests.drivers.gatt_lines import StoppedLink, TickingClock

TAKEN = "81 78 50 48 0000 0e 03 1a 0a 19 00000000"  # 120/80, pulse 72, 2026-03-14 10:25
EARLIER = "81 82 55 46 0000 0d 03 1a 14 00 00000000"  # 130/85, the evening before
FAILED = "81 00 00 00 0000 0e 03 1a 0a 19 00000000"
PUMPING = "80 64 00 00 0000"


def cuff(*frames: str, then: type[LinkError] = LinkTimeout) -> RecordingSession:
    pending = [(DATA, bytes.fromhex(frame)) for frame in frames]
    values = {gatt("180a", "2a24"): b"YK-IBPA1"}
    return RecordingSession(DRIVER, ScriptedLink(values, {}, pending, then, TickingClock(0.1)))


def systolic(session: RecordingSession) -> list[int]:
    pressures = [r.values for r in session.readings if r.kind is Kind.BLOOD_PRESSURE]
    return [int(values[Measure.SYSTOLIC].value) for values in pressures]


@pytest.mark.parametrize("end", [LinkTimeout, LinkLost])
async def test_every_result_is_kept_with_its_own_time(end: type[LinkError]) -> None:
    session = cuff(EARLIER, TAKEN, then=end)

    await DRIVER.converse(session)

    stamps = [r.device_time and r.device_time.stamp for r in session.readings[::2]]
    assert systolic(session) == [130, 120]
    assert stamps == [datetime(2026, 3, 13, 20), datetime(2026, 3, 14, 10, 25)]  # noqa: DTZ001
    assert session.device.model == "YK-IBPA1"


async def test_a_result_is_a_pressure_and_a_heart_rate() -> None:
    session = cuff(TAKEN)

    await DRIVER.converse(session)

    pressure, rate = session.readings
    assert {name: int(q.value) for name, q in pressure.values.items()} == {
        Measure.SYSTOLIC: 120,
        Measure.DIASTOLIC: 80,
    }
    assert [int(q.value) for q in rate.values.values()] == [72]
    assert {r.quality for r in session.readings} == {Quality.GOOD}
    assert {r.device_time.resolution for r in session.readings if r.device_time} == {
        timedelta(minutes=1)
    }


async def test_a_result_that_comes_twice_is_one() -> None:
    session = cuff(TAKEN, EARLIER, TAKEN)

    await DRIVER.converse(session)

    assert systolic(session) == [120, 130]


async def test_without_a_pulse_there_is_no_heart_rate() -> None:
    session = cuff(TAKEN.replace("48", "00", 1))

    await DRIVER.converse(session)

    assert [r.kind for r in session.readings] == [Kind.BLOOD_PRESSURE]


async def test_what_is_no_result_is_kept_once_and_no_number_is_read_from_it() -> None:
    session = cuff(PUMPING, PUMPING, "80 6e 00 00 0000", FAILED, TAKEN)

    await DRIVER.converse(session)

    assert systolic(session) == [120]
    assert session.remarks == ["no_result", "measurement_failed"]
    assert session.aside == []


async def test_a_result_of_another_length_is_set_aside() -> None:
    session = cuff("81 78 50", TAKEN)

    await DRIVER.converse(session)

    assert [error.reason for _, error in session.aside] == ["bad_length"]
    assert systolic(session) == [120]


async def test_a_clock_that_was_never_set_dates_nothing() -> None:
    session = cuff("81 78 50 48 0000 01 01 00 00 03 00000000")  # 2000-01-01 00:03

    await DRIVER.converse(session)

    (received,) = {r.received.utc for r in session.readings}
    assert corrected(session.readings[0], UTC).measured_at == received


LONG_AGO = "81 83 67 51 0000 19 0b 18 13 12 00000000"
"""The result that a public client was tested with: of November 2024, published a year later."""


async def test_a_result_stamped_long_ago_that_comes_alone_has_no_known_time() -> None:
    session = cuff(LONG_AGO)

    await DRIVER.converse(session)

    assert systolic(session) == [131]
    assert not any(corrected(r, UTC).sendable for r in session.readings)
    assert [r.live for r in session.readings] == [False, False]


async def test_it_is_the_same_reading_when_it_comes_again() -> None:
    session = cuff(LONG_AGO)
    await DRIVER.converse(session)
    session.link = ScriptedLink(pending=[(DATA, bytes.fromhex(LONG_AGO))], clock=TickingClock(60))

    await DRIVER.converse(session)

    assert systolic(session) == [131]


@pytest.mark.parametrize("frames", [(LONG_AGO, TAKEN), (TAKEN, LONG_AGO)])
async def test_it_has_the_time_of_its_stamp_beside_a_result_of_these_days(
    frames: tuple[str, str],
) -> None:
    session = cuff(*frames)

    await DRIVER.converse(session)

    stamps = {r.device_time and r.device_time.stamp for r in session.readings}
    assert stamps == {datetime(2024, 11, 25, 19, 18), datetime(2026, 3, 14, 10, 25)}  # noqa: DTZ001


async def test_a_result_stamped_long_ago_is_kept_when_the_gateway_stops() -> None:
    session = RecordingSession(DRIVER, StoppedLink(pending=[(DATA, bytes.fromhex(LONG_AGO))]))

    with pytest.raises(asyncio.CancelledError):
        await DRIVER.converse(session)

    assert systolic(session) == [131]


@pytest.mark.parametrize(("services", "fit"), [({SERVICE}, Fit.FAMILY), ({"1810"}, Fit.NONE)])
def test_it_is_recognised_by_its_service(services: set[str], fit: Fit) -> None:
    assert DRIVER.match(Sighting("x", Reach.BLE, services=frozenset(services))) is fit
    assert DRIVER.match(Sighting("x", Reach.SERIAL, services=frozenset(services))) is Fit.NONE


@pytest.mark.parametrize(
    ("name", "services", "fit"),
    [
        ("YK-IBPA1", set(), Fit.FAMILY),
        ("YK-BPW5", set(), Fit.FAMILY),
        ("YK-81C", {SERVICE}, Fit.NONE),  # a pulse oximeter
        ("Yonder", set(), Fit.NONE),
    ],
)
def test_its_name_tells_it_apart_where_its_service_cannot(
    name: str, services: set[str], fit: Fit
) -> None:
    seen = Sighting("x", Reach.BLE, name=name, services=frozenset(services))

    assert DRIVER.match(seen) is fit
