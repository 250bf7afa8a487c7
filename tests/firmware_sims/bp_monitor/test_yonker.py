from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from firmware_sims.bp_monitor.yonker import RESULT, SERVICE, YonkerMonitor
from firmware_sims.faults import Fault
from firmware_sims.ledger import Kind, Ledger
from firmware_sims.packing import yonker

from tests.firmware_sims.collector import discovered
from tests.firmware_sims.people import body, fittings, identity

AUTUMN = datetime(2024, 11, 25, 19, 18, tzinfo=UTC)


def monitor(
    ledger: Ledger | None = None,
    faults: dict[Fault, int] | None = None,
    *,
    tells_all: bool = False,
) -> YonkerMonitor:
    given = fittings(ledger, faults, utc_offset=timedelta(hours=1))
    return YonkerMonitor(identity(), body(), given, tells_all=tells_all)


def systolic(frames: Sequence[bytes]) -> list[str]:
    return [str(frame[1]) for frame in frames]


def produced(ledger: Ledger) -> list[str]:
    return [row.values["systolic"] for row in ledger.produced if row.kind is Kind.BLOOD_PRESSURE]


def test_a_result_is_what_a_public_test_of_one_says() -> None:
    # 131/103, pulse 81, 2024-11-25 19:18: blood-pressure-monitor-fl, test of its result
    octets = yonker.measurement(131, 103, 81, AUTUMN)

    assert octets.hex(" ") == "81 83 67 51 00 00 19 0b 18 13 12 00 00 00 00"


def test_the_pressure_in_the_cuff_has_a_frame_of_its_own() -> None:
    assert yonker.inflating(160).hex(" ") == "80 00 a0" + 12 * " 00"


async def test_who_subscribes_is_told_the_latest_and_it_is_still_there() -> None:
    ledger = Ledger()
    device = monitor(ledger)
    device.remember(3, every=timedelta(hours=1))
    async with discovered(device) as collector:
        frames = await collector.told(SERVICE, RESULT, 1)
        await collector.until_lost()

    assert systolic(frames) == produced(ledger)[-1:]
    assert frames[0][6:11] == bytes([10, 3, 26, 12, 0])  # an hour ago, and an hour ahead
    assert device.held == 3


async def test_or_all_of_them_oldest_first() -> None:
    ledger = Ledger()
    device = monitor(ledger, tells_all=True)
    device.remember(3, every=timedelta(hours=1))
    async with discovered(device) as collector:
        frames = await collector.told(SERVICE, RESULT, 3)

    assert systolic(frames) == produced(ledger)


async def test_who_measures_on_a_link_sees_the_cuff_fill_first() -> None:
    device = monitor()
    device.measure()
    async with discovered(device) as collector:
        frames = await collector.told(SERVICE, RESULT, 1)
        device.measure()
        await collector.until(lambda: len(frames) == 5)

    assert [frame[0] for frame in frames] == [0x81, 0x80, 0x80, 0x80, 0x81]


async def test_a_failed_measurement_has_no_result_and_is_no_record() -> None:
    ledger = Ledger()
    device = monitor(ledger)
    device.measure()
    async with discovered(device) as collector:
        frames = await collector.told(SERVICE, RESULT, 1)
        device.faults.arm(Fault.NAN_MEASUREMENT)
        device.measure()
        await collector.until_lost()

    assert [frame[0] for frame in frames[1:]] == [0x80, 0x80, 0x80]
    assert (device.held, len(produced(ledger))) == (1, 1)


@pytest.mark.parametrize(
    ("fault", "lengths"),
    [
        (Fault.GARBAGE_FRAME, [14, 15, 15]),
        (Fault.DUPLICATE_INDICATION, [15, 15, 15]),
        (Fault.SLOW, [15, 15]),
        (Fault.DISCONNECT_MID_RECORD, [15]),
    ],
)
async def test_a_fault_strikes_once_and_nothing_is_forgotten(
    fault: Fault, lengths: list[int]
) -> None:
    device = monitor(faults={fault: 1}, tells_all=True)
    device.remember(2, every=timedelta(hours=1))
    async with discovered(device) as collector:
        frames = await collector.told(SERVICE, RESULT, len(lengths))
        await collector.until_lost()

    assert [len(frame) for frame in frames] == lengths
    assert device.held == 2


def test_a_changed_battery_leaves_it_at_the_turn_of_the_century() -> None:
    device = monitor(faults={Fault.DROP_CLOCK: 1})

    device.measure()

    (result,) = device.memory
    assert result[6:11] == bytes([1, 1, 0, 0, 0])
