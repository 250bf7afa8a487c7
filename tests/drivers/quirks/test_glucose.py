from __future__ import annotations

from datetime import datetime

import pytest

from gateway.domain.reading import Limit, Quality
from gateway.drivers.api import Reach, Sighting, gatt
from gateway.drivers.cgm.bluetooth_sig import DRIVER as CGM
from gateway.drivers.cgm.bluetooth_sig import codec as cgm
from gateway.drivers.glucose_meter.bluetooth_sig import DRIVER, codec
from gateway.drivers.registry import installed
from gateway.errors import LinkLost
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession
from gateway.wire import racp
from tests.drivers.cgm.bluetooth_sig.sensor import Sensor, every, sample
from tests.drivers.glucose_meter.bluetooth_sig.meter import (
    MEASUREMENT,
    OTHER_RACP,
    RACP,
    Meter,
    context,
    record,
    records,
    values,
)
from tests.drivers.glucose_meter.bluetooth_sig.test_contour import Noting


async def test_quirk_03_hi_and_lo_stand_beside_a_malfunction_and_nan_is_nothing() -> None:
    malfunction = 1 << 3
    sensor = Sensor(
        {
            1500: sample(1500, word="fe07", bits=malfunction | 1 << 23),
            1505: sample(1505, word="0208", bits=malfunction | 1 << 22),
            1510: sample(1510, word="ff07", bits=malfunction),
        }
    )
    session = sensor.session()
    with pytest.raises(LinkLost):
        await CGM.converse(session)

    assert [r.limit for r in session.readings] == [Limit.ABOVE, Limit.BELOW]
    assert "no_value" in session.remarks


async def test_quirk_04_a_negative_number_is_no_value_and_ketone_no_good_glucose() -> None:
    session = Meter({1: record(1, word="ffff"), 2: record(2, 13)}).session()

    await DRIVER.converse(session)

    assert values(session) == [13]
    assert session.readings[0].quality is Quality.QUESTIONABLE
    assert session.remarks == ["no_value"]


async def test_quirk_05_ketone_waits_for_its_context_to_say_so() -> None:
    memory = {1: record(1, 110, announces=True)}
    session = Meter(memory, {1: context(1, 6)}, late_contexts=True).session()

    await DRIVER.converse(session)

    assert session.readings == []
    assert session.remarks == ["ketone_record"]


@pytest.mark.parametrize("place", ["1a", "41", "4a"])
async def test_quirk_06_control_solution_is_kept_apart(place: str) -> None:
    session = Meter({1: record(1, 110, place=place)}).session()

    await DRIVER.converse(session)

    assert [r.quality for r in session.readings] == [Quality.CONTROL]


def test_quirk_08_the_unit_is_the_frames_own() -> None:
    kilograms = codec.decode_measurement(record(1, 111))

    assert kilograms.mg_dl == 111
    assert kilograms.mmol_l is None


async def test_quirk_17_a_reset_meter_is_read_whole_without_doubles() -> None:
    meter = Meter(records(1, 9))
    session = meter.session()
    await DRIVER.converse(session)
    old = meter.memory[9]
    meter.memory = {1: record(1, 55, base="0000 00 00 00 00 00"), 2: b"\x02\x02\x00" + old[3:]}
    session.link = meter.link()

    await DRIVER.converse(session)

    assert values(session) == [*range(101, 110), 55]
    assert "memory_reset" in session.remarks


def test_quirk_18_the_offset_is_always_added() -> None:
    said = codec.decode_measurement(record(1, 111, offset=600))

    assert isinstance(said.base_time, datetime)
    assert said.measured_at is not None
    assert (said.measured_at - said.base_time).total_seconds() == 600 * 60


def test_quirk_22_a_status_is_little_endian_and_a_zone_is_signed() -> None:
    meter = codec.decode_measurement(bytes.fromhex("0a 0100 ea07020e082d1e 6eb0 11 2000"))
    start = cgm.decode_session_start(bytes.fromhex("ea07020412362c fc 00"), e2e_crc=False)

    assert meter.status == 0x0020
    assert start.time_zone_min == -60


async def test_quirk_32_a_contours_clock_comes_before_the_first_subscription() -> None:
    link = Noting(Meter(records(1, 1)).link())
    session = RecordingSession(DRIVER, link, settings={"set_clock": "Europe/Paris"})

    await DRIVER.converse(session)

    assert [did.split()[0] for did in link.did[:2]] == ["write", "subscribe"]


async def test_quirk_33_subscriptions_come_before_anything_that_can_wait() -> None:
    link = Meter(records(1, 1)).link()

    await DRIVER.converse(Meter(records(1, 1)).session(link))

    assert link.subscribed == [MEASUREMENT, RACP]


async def test_quirk_34_the_record_access_of_another_service_is_left_alone() -> None:
    link = Meter(records(1, 1)).link()

    await DRIVER.converse(Meter(records(1, 1)).session(link))

    assert OTHER_RACP in link.channels
    assert OTHER_RACP not in {channel for channel, _ in link.written}


async def test_quirk_35_no_records_is_a_success() -> None:
    session = Meter({}).session()

    await DRIVER.converse(session)

    assert (session.readings, session.remarks) == ([], [])


def test_quirk_37_all_and_count_have_no_operand() -> None:
    assert (racp.report(), racp.count()) == (b"\x01\x01", b"\x04\x01")


async def test_quirk_38_a_meter_without_filters_is_read_whole_and_known_again() -> None:
    meter = Meter(records(1, 5), filters=False)
    session = meter.session()
    await DRIVER.converse(session)
    session.link = meter.link()

    await DRIVER.converse(session)

    assert values(session) == [101, 102, 103, 104, 105]


async def test_quirk_50_a_sensor_behind_authorisation_says_that_it_is_not_supported() -> None:
    session = RecordingSession(CGM, ScriptedLink({gatt("183d", "2b2f"): b""}))

    await CGM.converse(session)

    assert [remark.split(":")[0] for remark in session.remarks] == ["unsupported variant"]


@pytest.mark.parametrize("start", ["0000 00 00 00 00 00 00 00", "ea07 03 0d 08 00 00 00 00"])
async def test_quirk_51_a_start_that_is_unknown_or_rewritten_makes_no_new_readings(
    start: str,
) -> None:
    sensor = Sensor(every(5, 1500, 1525), start=start)
    session = sensor.session()
    with pytest.raises(LinkLost):
        await CGM.converse(session)
    sensor.start = "ea07 03 0d 09 00 00 00 00"  # an hour later, for the same minutes
    session.link = sensor.link()
    with pytest.raises(LinkLost):
        await CGM.converse(session)

    assert len(session.readings) == 6


def test_quirk_53_no_driver_claims_a_sensor_that_a_telephone_uses() -> None:
    dexcom = Sighting("x", Reach.BLE, name="DXCMxx", services=frozenset({"febc"}))

    assert installed().best(dexcom) is None
