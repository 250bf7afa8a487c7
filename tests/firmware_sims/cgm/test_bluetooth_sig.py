from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from bumble import att
from firmware_sims.cgm.bluetooth_sig import GlucoseSensor, SensorSettings
from firmware_sims.device_clock import DeviceClock
from firmware_sims.faults import Fault, Faults
from firmware_sims.ledger import Ledger
from firmware_sims.packing.checksum import crc16, with_crc
from firmware_sims.packing.date_time import DST_STANDARD
from firmware_sims.radio import VirtualRadio
from firmware_sims.routine import Routine

from tests.firmware_sims.collector import Collector, discovered
from tests.firmware_sims.people import NOON, Time, body, identity

START = NOON - timedelta(days=14)
MEASUREMENT, RACP, SPECIFIC = 0x2AA7, 0x2A52, 0x2AAC


def sensor(
    *,
    samples: int = 12,
    ledger: Ledger | None = None,
    faults: dict[Fault, int] | None = None,
    e2e_crc: bool = True,
    session_control: bool = False,
    gap_s: float = 0,
    routine: Routine | None = None,
) -> GlucoseSensor:
    now = Time()
    device = GlucoseSensor(
        identity(),
        body(),
        started_at=START,
        now=now,
        clock=DeviceClock(now),
        ledger=ledger or Ledger(),
        faults=Faults(faults),
        routine=routine,
        settings=SensorSettings(
            e2e_crc=e2e_crc,
            session_control=session_control,
            utc_offset=timedelta(hours=1),
            dst=DST_STANDARD,
            notification_gap_s=gap_s,
            slow_s=0.01,
        ),
    )
    device.remember(START + samples * timedelta(minutes=5), gap_at=None, gap=timedelta())
    return device


@asynccontextmanager
async def subscribed(device: GlucoseSensor, mtu: int = 23) -> AsyncIterator[Collector]:
    """Connect a collector that subscribed to everything."""
    async with discovered(device) as collector:
        if mtu > 23:
            await collector.grow(mtu)
        for characteristic in (MEASUREMENT, RACP, SPECIFIC):
            await collector.subscribe(0x181F, characteristic)
        yield collector


async def ask(collector: Collector, characteristic: int, octets: str) -> str:
    """Write to a control point and return its indication."""
    before = len(collector.values[characteristic])
    await collector.write(0x181F, characteristic, bytes.fromhex(octets))
    return (await collector.received(characteristic, before + 1))[before].hex(" ")


def records(values: list[bytes]) -> list[bytes]:
    """Cut notifications into records by their size octet."""
    found = []
    for value in values:
        while value:
            found.append(value[: value[0]])
            value = value[value[0] :]
    return found


def offset_of(record: bytes) -> int:
    return int.from_bytes(record[4:6], "little")


async def test_a_sensor_says_what_it_can_do_and_when_it_began() -> None:
    device = sensor()
    async with subscribed(device) as collector:
        feature = await collector.read(0x181F, 0x2AA8)
        start = await collector.read(0x181F, 0x2AAA)
        status = await collector.read(0x181F, 0x2AA9)
        run_time = await collector.read(0x181F, 0x2AAB)

    # b6 b8 b12 b15 b16; ISF subcutaneous
    assert feature == with_crc(bytes.fromhex("40910159"))
    # 2026-02-24 12:00:00, +1 h, standard time
    assert start == with_crc(bytes.fromhex("ea0702180c00000400"))
    # 14 days = 20160 min = 0x4EC0
    assert status == with_crc(bytes.fromhex("c04e000000"))
    assert run_time == with_crc(bytes.fromhex("6801"))


async def test_without_crc_nothing_carries_one() -> None:
    async with subscribed(sensor(e2e_crc=False)) as collector:
        assert (await collector.read(0x181F, 0x2AA8))[4:].hex() == "ffff"
        assert len(await collector.read(0x181F, 0x2AA9)) == 5
        assert await ask(collector, SPECIFIC, "02") == "03 05"


async def test_a_fortnight_comes_whole_and_in_order() -> None:
    ledger = Ledger()
    device = sensor(samples=4032, ledger=ledger)
    async with subscribed(device, mtu=247) as collector:
        answer = await ask(collector, RACP, "01 01")
        received = records(collector.values[MEASUREMENT])

    assert answer == "06 00 01 01"
    assert [offset_of(record) for record in received] == list(range(5, 20161, 5))
    assert len(ledger.produced) == 4032
    assert all(crc16(record[:-2]).to_bytes(2, "little") == record[-2:] for record in received)


async def test_several_records_share_a_notification_when_the_link_is_wide() -> None:
    async with subscribed(sensor(), mtu=247) as collector:
        await ask(collector, RACP, "01 01")
        wide = len(collector.values[MEASUREMENT])
    async with subscribed(sensor()) as collector:
        await ask(collector, RACP, "01 01")
        narrow = len(collector.values[MEASUREMENT])

    assert (wide, narrow) == (1, 12)


@pytest.mark.parametrize(
    ("request_octets", "offsets"),
    [
        ("01 03 01 37 00", [55, 60]),
        ("01 04 01 0a 00 0f 00", [10, 15]),
        ("01 05", [5]),
        ("01 06", [60]),
    ],
)
async def test_a_report_gives_the_records_asked_for(
    request_octets: str, offsets: list[int]
) -> None:
    async with subscribed(sensor()) as collector:
        answer = await ask(collector, RACP, request_octets)
        received = records(collector.values[MEASUREMENT])

    assert answer == "06 00 01 01"
    assert [offset_of(record) for record in received] == offsets


@pytest.mark.parametrize(
    ("request_octets", "answer"),
    [
        ("04 01", "05 00 0c 00"),
        ("04 03 01 ff ff", "05 00 00 00"),
        ("01 03 01 ff ff", "06 00 01 06"),
        ("02 01", "06 00 02 02"),
        ("01 00", "06 00 01 03"),
        ("01 02 01 0a 00", "06 00 01 04"),
        ("04 01 00", "06 00 04 05"),
        ("01 03 02 0a 00", "06 00 01 09"),
        ("03 00", "06 00 03 01"),
    ],
)
async def test_the_control_point_answers_as_documented(request_octets: str, answer: str) -> None:
    async with subscribed(sensor()) as collector:
        assert await ask(collector, RACP, request_octets) == answer


@pytest.mark.parametrize(
    ("fault", "request_octets", "answer"),
    [
        (Fault.BUSY, "01 01", "06 00 01 0a"),
        (Fault.REFUSE, "01 01", "06 00 01 08"),
        (Fault.CANNOT_ABORT, "03 00", "06 00 03 07"),
    ],
)
async def test_a_fault_answers_once_and_then_all_is_well(
    fault: Fault, request_octets: str, answer: str
) -> None:
    async with subscribed(sensor(faults={fault: 1})) as collector:
        first = await ask(collector, RACP, request_octets)
        second = await ask(collector, RACP, request_octets)

    assert first == answer
    assert second == f"06 00 {request_octets[:2]} 01"


async def test_an_abort_stops_a_report_and_answers_for_itself() -> None:
    async with subscribed(sensor(samples=500, gap_s=0.005)) as collector:
        await collector.write(0x181F, RACP, b"\x01\x01")
        await collector.received(MEASUREMENT, 3)
        answer = await ask(collector, RACP, "03 00")

    assert answer == "06 00 03 01"
    assert len(collector.values[MEASUREMENT]) < 500


async def test_a_second_request_during_a_report_is_refused() -> None:
    async with subscribed(sensor(samples=500, gap_s=0.005)) as collector:
        await collector.write(0x181F, RACP, b"\x01\x01")
        with pytest.raises(att.ATT_Error) as refused:
            await collector.write(0x181F, RACP, b"\x04\x01")

    assert refused.value.error_code == 0xFE


async def test_a_request_without_its_subscriptions_is_refused() -> None:
    device = sensor()
    async with discovered(device) as collector:
        with pytest.raises(att.ATT_Error) as no_indications:
            await collector.write(0x181F, RACP, b"\x04\x01")
        await collector.subscribe(0x181F, RACP)
        with pytest.raises(att.ATT_Error) as no_notifications:
            await collector.write(0x181F, RACP, b"\x01\x01")
        with pytest.raises(att.ATT_Error) as no_answers:
            await collector.write(0x181F, SPECIFIC, with_crc(b"\x02"))
        with pytest.raises(att.ATT_Error) as too_short:
            await collector.write(0x181F, RACP, b"\x01")

    codes = [error.value.error_code for error in (no_indications, no_notifications, no_answers)]
    assert codes == [0xFD] * 3
    assert too_short.value.error_code == att.ATT_INVALID_ATTRIBUTE_LENGTH_ERROR


async def test_a_new_sample_is_sent_to_whoever_subscribed() -> None:
    device = sensor()
    async with subscribed(device) as collector:
        device.measure()
        (value,) = await collector.received(MEASUREMENT, 1)

    assert offset_of(value) == 65


async def test_the_interval_thins_live_samples_and_zero_stops_them() -> None:
    device = sensor()
    async with subscribed(device) as collector:
        await ask(collector, SPECIFIC, with_crc(b"\x01\x0a").hex())
        for _ in range(3):
            device.measure()
        await collector.received(MEASUREMENT, 2)
        await ask(collector, SPECIFIC, with_crc(b"\x01\x00").hex())
        device.measure()
        await ask(collector, RACP, "04 01")
        offsets = [offset_of(value) for value in collector.values[MEASUREMENT]]

    assert offsets == [65, 75]


@pytest.mark.parametrize(
    ("written", "code"),
    [("02", 0x80), ("02 00 00", 0x81), ("1a 6c b0", 0x81), ("04 00", 0x80)],
)
async def test_a_write_without_its_check_is_refused(written: str, code: int) -> None:
    async with subscribed(sensor()) as collector:
        with pytest.raises(att.ATT_Error) as refused:
            await collector.write(0x181F, SPECIFIC, bytes.fromhex(written))

    assert refused.value.error_code == code


async def test_the_present_time_written_moves_the_session_start() -> None:
    device = sensor(faults={Fault.DROP_CLOCK: 1})
    async with subscribed(device) as collector:
        before = await collector.read(0x181F, 0x2AAA)
        await collector.write(0x181F, 0x2AAA, with_crc(bytes.fromhex("ea07030a0d00000400")))
        after = await collector.read(0x181F, 0x2AAA)

    assert before[:7] == bytes(7)
    assert after[:7].hex() == "ea0702180d0000"


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("ea07030a0d00000400", 0x80),
        ("ea07030a0d000004000000", 0x81),
        ("ea07030a0d0000040000", 0x81),
    ],
)
async def test_a_start_time_without_its_check_is_refused(written: str, code: int) -> None:
    async with subscribed(sensor()) as collector:
        with pytest.raises(att.ATT_Error) as refused:
            await collector.write(0x181F, 0x2AAA, bytes.fromhex(written))

    assert refused.value.error_code == code


@pytest.mark.parametrize("written", ["ea07", "ea07020000000000000000"])
async def test_a_start_time_of_another_length_is_refused(written: str) -> None:
    async with subscribed(sensor(e2e_crc=False)) as collector:
        with pytest.raises(att.ATT_Error) as refused:
            await collector.write(0x181F, 0x2AAA, bytes.fromhex(written))

    assert refused.value.error_code == att.ATT_INVALID_ATTRIBUTE_LENGTH_ERROR


async def test_a_session_is_stopped_and_started_only_where_allowed() -> None:
    device = sensor(e2e_crc=False, session_control=True)
    async with subscribed(device) as collector:
        running = await ask(collector, SPECIFIC, "1a")
        stopped = await ask(collector, SPECIFIC, "1b")
        again = await ask(collector, SPECIFIC, "1b")
        device.measure()
        status = await collector.read(0x181F, 0x2AA9)
        started = await ask(collector, SPECIFIC, "1a")
        count = await ask(collector, RACP, "04 01")

    assert (running, stopped, again) == ("1c 1a 04", "1c 1b 01", "1c 1b 04")
    assert status[2] == 0x01
    assert (started, count) == ("1c 1a 01", "05 00 00 00")


async def test_a_link_lost_during_a_report_loses_nothing_of_the_memory() -> None:
    device = sensor(faults={Fault.DISCONNECT_MID_RECORD: 1})
    async with VirtualRadio() as radio:
        await radio.add(device)
        central = await radio.central()
        async with Collector(central, device.identity.address) as collector:
            await collector.discover()
            for characteristic in (MEASUREMENT, RACP):
                await collector.subscribe(0x181F, characteristic)
            await collector.write(0x181F, RACP, b"\x01\x01")
            await collector.until_lost()
        async with Collector(central, device.identity.address) as again:
            await again.discover()
            for characteristic in (MEASUREMENT, RACP):
                await again.subscribe(0x181F, characteristic)
            await ask(again, RACP, "01 01")

    assert len(collector.values[MEASUREMENT]) == 1
    assert len(again.values[MEASUREMENT]) == 12


async def test_a_collector_that_leaves_during_a_report_finds_everything_again() -> None:
    device = sensor(samples=200, gap_s=0.005)
    async with VirtualRadio() as radio:
        await radio.add(device)
        central = await radio.central()
        async with Collector(central, device.identity.address) as collector:
            await collector.discover()
            for characteristic in (MEASUREMENT, RACP):
                await collector.subscribe(0x181F, characteristic)
            await collector.write(0x181F, RACP, b"\x01\x01")
            await collector.received(MEASUREMENT, 2)
        async with Collector(central, device.identity.address) as again:
            await again.discover()
            await again.grow(247)
            for characteristic in (MEASUREMENT, RACP):
                await again.subscribe(0x181F, characteristic)
            answer = await ask(again, RACP, "01 01")

    assert answer == "06 00 01 01"
    assert len(records(again.values[MEASUREMENT])) == 200


async def test_garbage_and_thought_come_before_the_record() -> None:
    device = sensor(faults={Fault.GARBAGE_FRAME: 1, Fault.SLOW: 1})
    async with subscribed(device) as collector:
        await ask(collector, RACP, "01 05")
        cut, whole = collector.values[MEASUREMENT]

    assert cut == whole[:-1]


async def test_a_failed_sample_is_kept_by_the_sensor_but_is_no_value() -> None:
    ledger = Ledger()
    device = sensor(samples=1, ledger=ledger, faults={Fault.NAN_MEASUREMENT: 1})
    async with subscribed(device) as collector:
        await ask(collector, RACP, "01 01")
        (value,) = collector.values[MEASUREMENT]

    assert value[2:4].hex() == "ff07"
    assert ledger.produced == []


def test_low_and_high_are_entered_as_ranges() -> None:
    ledger = Ledger()

    sensor(samples=4032, ledger=ledger)

    ranges = {row.values["range"] for row in ledger.produced if "range" in row.values}
    assert ranges == {"low", "high"}


def test_a_gap_is_missing_from_the_history_and_the_ledger() -> None:
    ledger = Ledger()
    device = sensor(samples=0, ledger=ledger)

    device.remember(
        START + timedelta(hours=2), gap_at=START + timedelta(hours=1), gap=timedelta(minutes=30)
    )

    offsets = [record.time_offset_min for record in device.session.records]
    assert offsets == [*range(5, 60, 5), *range(90, 121, 5)]
    assert len(ledger.produced) == len(offsets)


async def test_a_sensor_samples_by_itself() -> None:
    device = sensor(samples=0, routine=Routine(interval_s=0.05))
    async with subscribed(device) as collector:
        assert await collector.received(MEASUREMENT, 2)


async def test_a_sensor_waits_until_a_sample_is_due() -> None:
    device = sensor(samples=14 * 288, routine=Routine(interval_s=0))
    async with subscribed(device) as collector:
        assert await ask(collector, RACP, "04 03 01 c1 4e") == "05 00 00 00"


async def test_a_stopped_sensor_takes_no_samples() -> None:
    device = sensor(samples=0, routine=Routine(interval_s=0))
    device.session.stopped = True
    async with subscribed(device) as collector:
        assert await ask(collector, RACP, "04 01") == "05 00 00 00"
