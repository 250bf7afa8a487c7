from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.device_time import corrected
from gateway.domain.reading import Limit, Quality
from gateway.drivers.api import Reach, Sighting, gatt
from gateway.drivers.cgm.bluetooth_sig import DRIVER as CGM
from gateway.drivers.glucose_meter.bluetooth_sig import DRIVER, contour
from gateway.drivers.glucose_meter.onetouch_ble.meter import SERVICE as ONETOUCH_SERVICE
from gateway.drivers.registry import installed
from gateway.errors import LinkLost
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession
from gateway.wire import racp
from tests.drivers.cgm.bluetooth_sig.sensor import Sensor, every, sample
from tests.drivers.glucose_meter.bluetooth_sig.meter import (
    CONTEXT,
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
from tests.drivers.glucose_meter.onetouch_ble.meter import Meter as OneTouch
from tests.drivers.glucose_meter.onetouch_ble.meter import memory as onetouch_memory

NOW = "ea07 03 0e 0a 1a 35 06 00 00"


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
    assert [(r.quality, dict(r.values)) for r in session.readings] == [(Quality.GOOD, {})] * 2
    assert "no_value" in session.remarks


async def test_quirk_04_a_negative_number_is_no_value_and_ketone_no_good_glucose() -> None:
    session = Meter({1: record(1, word="ffff"), 2: record(2, 13)}).session()

    await DRIVER.converse(session)

    assert values(session) == [13]
    assert session.readings[0].quality is Quality.QUESTIONABLE
    assert session.remarks == ["no_value"]


async def test_quirk_04_ketone_that_looks_like_glucose_is_not_trusted() -> None:
    twin = {1: record(1, 97), 2: record(2, word="ffff", base="ea07 02 0e 00 01 00")}
    session = Meter(twin).session()

    await DRIVER.converse(session)

    assert values(session) == [97]
    assert session.readings[0].quality is Quality.QUESTIONABLE


async def test_quirk_05_ketone_waits_for_its_context_to_say_so() -> None:
    memory = {1: record(1, 110, announces=True)}
    session = Meter(memory, {1: context(1, 6)}, late_contexts=True).session()

    await DRIVER.converse(session)

    assert session.readings == []
    assert session.remarks == ["ketone_record"]


async def test_quirk_05_a_record_cut_off_from_its_context_is_not_kept_without_it() -> None:
    memory = {1: record(1, 110, announces=True), 2: record(2, 120)}
    meter = Meter(memory, {1: context(1, 6)}, late_contexts=True, cut_after=2)
    session = meter.session(meter.link(then=LinkLost))
    with pytest.raises(LinkLost):
        await DRIVER.converse(session)
    meter.cut_after = None
    session.link = meter.link()

    await DRIVER.converse(session)

    assert values(session) == [120]
    assert session.remarks == ["ketone_record"]


async def test_quirk_05_a_context_that_never_comes_might_have_said_so() -> None:
    session = Meter({1: record(1, 110, announces=True)}, {2: context(2, 2)}).session()

    await DRIVER.converse(session)

    assert [r.quality for r in session.readings] == [Quality.QUESTIONABLE]


@pytest.mark.parametrize("place", ["1a", "41", "4a"])
async def test_quirk_06_control_solution_is_kept_apart(place: str) -> None:
    session = Meter({1: record(1, 110, place=place)}).session()

    await DRIVER.converse(session)

    assert [r.quality for r in session.readings] == [Quality.CONTROL]


async def test_quirk_08_the_unit_is_the_frames_own() -> None:
    in_moles = bytes((0x06,)) + record(2, word="3ec0")[1:]  # 62 x 10 to the -4 mol/L
    session = Meter({1: record(1, 111), 2: in_moles}).session()

    await DRIVER.converse(session)

    glucose = [q for r in session.readings for q in r.values.values()]
    assert [str(q.unit) for q in glucose] == ["mg/dL", "mg/dL"]
    assert [round(q.value) for q in glucose] == [111, 112]
    assert [q.original for q in glucose] == [None, "6.2 mmol/L"]


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


@pytest.mark.parametrize(
    ("offset", "shown"), [(600, "10:01"), (596, "09:57"), (0, "00:01"), (-1, "00:00")]
)
async def test_quirk_18_the_offset_is_always_added(offset: int, shown: str) -> None:
    session = Meter({1: record(1, 111, offset=offset)}).session()

    await DRIVER.converse(session)

    (told,) = [r.device_time for r in session.readings]
    assert told is not None
    assert told.stamp == datetime.fromisoformat(f"2026-02-14T{shown}")


async def test_quirk_22_a_status_is_read_little_end_first() -> None:
    session = Meter({1: record(1, 111, status="2000")}).session()  # bit 5

    await DRIVER.converse(session)

    assert "above_device_range" in session.readings[0].flags


@pytest.mark.parametrize(
    ("zone", "dst", "minutes"), [("fc", "00", -60), ("e8", "04", -300), ("04", "04", 120)]
)
async def test_quirk_22_a_zone_is_signed_and_summer_time_is_added_once(
    zone: str, dst: str, minutes: int
) -> None:
    sensor = Sensor(every(5, 1500, 1525), start=f"ea07 03 0d 08 00 00 {zone} {dst}")
    session = sensor.session()
    with pytest.raises(LinkLost):
        await CGM.converse(session)

    told = {r.device_time.utc_offset for r in session.readings if r.device_time is not None}
    assert told == {timedelta(minutes=minutes)}


async def test_quirk_32_a_contours_clock_comes_before_any_other_subscription() -> None:
    link = Noting(Meter(records(1, 1)).link())
    session = RecordingSession(DRIVER, link, settings={"set_clock": "Europe/Paris"})

    await DRIVER.converse(session)

    clock = contour.CLOCK[-36:]
    assert link.did[:3] == [f"subscribe {clock}", f"write {clock}", f"subscribe {MEASUREMENT}"]


async def test_quirk_33_subscriptions_come_before_anything_that_can_wait() -> None:
    link = Noting(Meter(records(1, 1), {1: context(1, 2)}, clock=NOW).link())
    name = gatt("180a", "2a24")
    link.values = {**link.values, name: b"Instant"}
    del link.values[contour.CLOCK]

    await DRIVER.converse(Meter(records(1, 1)).session(link))

    assert link.subscribed == [MEASUREMENT, CONTEXT, RACP]
    assert [did.split()[0] for did in link.did[:4]] == ["subscribe"] * 3 + ["read"]
    assert f"read {name}" in link.did[4:]


async def test_quirk_34_the_record_access_of_another_service_is_left_alone() -> None:
    link = Meter(records(1, 1)).link()

    await DRIVER.converse(Meter(records(1, 1)).session(link))

    assert OTHER_RACP in link.channels
    assert OTHER_RACP not in {channel for channel, _ in link.written}


@pytest.mark.parametrize("counts", [True, False])
async def test_quirk_35_no_records_is_a_success(counts: bool) -> None:
    session = Meter({}, counts=counts).session()

    await DRIVER.converse(session)

    assert (session.readings, session.remarks) == ([], [])


async def test_quirk_36_a_onetouch_is_read_by_its_own_service() -> None:
    verio = Sighting("x", Reach.BLE, services=frozenset({ONETOUCH_SERVICE}))
    session = OneTouch(onetouch_memory(1, 2)).session()

    driver = installed().best(verio)
    assert driver is not None
    await driver.converse(session)

    assert (driver.manifest.name, values(session)) == ("glucose_meter/onetouch_ble", [101, 102])


async def test_quirk_37_whole_memories_are_asked_for_and_counted_without_an_operand() -> None:
    meter, sensor = Meter(records(1, 2), filters=False), Sensor(every(5, 1500, 1510))
    session, sensed = meter.session(), sensor.session()
    for _ in range(2):
        await DRIVER.converse(session)
        session.link = meter.link()
    with pytest.raises(LinkLost):
        await CGM.converse(sensed)

    whole = [it for it in (*meter.asked, *sensor.asked) if it[1] == racp.Operator.ALL]
    assert {len(it) for it in whole} == {2}
    assert {it[0] for it in whole} == {racp.Op.REPORT, racp.Op.COUNT}


async def test_quirk_38_a_meter_without_filters_is_read_whole_and_known_again() -> None:
    meter = Meter(records(1, 5), filters=False)
    session = meter.session()
    await DRIVER.converse(session)
    session.link = meter.link()

    await DRIVER.converse(session)

    assert values(session) == [101, 102, 103, 104, 105]


@pytest.mark.parametrize("shown", [[], ["2aa7"], ["2aa7", "2aa9", "2aaa", "2a52"]])
async def test_quirk_50_a_sensor_behind_authorisation_says_that_it_is_not_supported(
    shown: list[str],
) -> None:
    offered = {gatt("181f", uuid): b"" for uuid in shown} | {gatt("183d", "2b2f"): b""}
    link = ScriptedLink(offered)
    session = RecordingSession(CGM, link)

    await CGM.converse(session)

    assert [remark.split(":")[0] for remark in session.remarks] == ["unsupported variant"]
    assert (link.written, link.subscribed) == ([], [])


async def test_quirk_50_one_that_shows_its_readings_all_the_same_is_read() -> None:
    sensor = Sensor(every(5, 1500, 1525))
    link = sensor.link()
    link.values = {**link.values, gatt("183d", "2b2f"): b""}
    session = sensor.session(link)
    with pytest.raises(LinkLost):
        await CGM.converse(session)

    assert len(session.readings) == 6


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
    assert {corrected(r, UTC).measured_at for r in session.readings} == {
        session.clock.now().utc - timedelta(minutes=26 - at) for at in range(0, 30, 5)
    }
    stamps = [r.device_time.stamp for r in session.readings if r.device_time is not None]
    assert {stamp.date().isoformat() for stamp in stamps if stamp} == {"2026-03-14"}


@pytest.mark.parametrize("name", ["DXCMxx", "DX02xx", "Dexcom"])
@pytest.mark.parametrize("service", ["febc", "f8083532-849e-531c-c594-30f1f86a4ea5"])
def test_quirk_53_no_driver_claims_a_sensor_that_a_telephone_uses(name: str, service: str) -> None:
    dexcom = Sighting("x", Reach.BLE, name=name, services=frozenset({service}))

    assert installed().best(dexcom) is None
