from datetime import UTC, datetime, timedelta

import pytest
from firmware_sims.bp_monitor.enhanced import EnhancedCuff
from firmware_sims.episodic import People
from firmware_sims.faults import Fault
from firmware_sims.ledger import Ledger
from firmware_sims.packing.checksum import crc16

from tests.firmware_sims.collector import Collector, discovered
from tests.firmware_sims.people import NOON, body, fittings, identity

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def cuff(
    *,
    stored: int = 3,
    e2e_crc: bool = True,
    time_offset_min: int | None = None,
    ledger: Ledger | None = None,
    faults: dict[Fault, int] | None = None,
) -> EnhancedCuff:
    given = fittings(ledger, faults, utc_offset=timedelta(hours=1))
    people: People = {1: body("Odile"), 2: body("Marcel")}
    device = EnhancedCuff(
        identity(), people, given, e2e_crc=e2e_crc, time_offset_min=time_offset_min
    )
    device.remember(stored, every=timedelta(hours=1))
    return device


async def asked(collector: Collector, octets: str) -> str:
    await collector.subscribe(0x1810, 0x2B36)
    await collector.subscribe(0x1810, 0x2A52)
    await collector.write(0x1810, 0x2A52, bytes.fromhex(octets))
    return (await collector.received(0x2A52, 1))[0].hex()


async def test_a_record_comes_in_segments_that_fit_the_link_and_end_with_their_check() -> None:
    ledger = Ledger()
    async with discovered(cuff(stored=1, ledger=ledger)) as collector:
        feature = await collector.read(0x1810, 0x2A49)
        assert await asked(collector, "0101") == "06000101"
        first, last = collector.values[0x2B36]

    assert feature.hex() == "4700"
    assert [first[0] & 3, last[0] & 3] == [1, 2]
    assert first[1:5] == last[1:5] == bytes.fromhex("0000342b")
    assert len(first) <= 20
    assert int.from_bytes(last[-2:], "little") == crc16(first + last[:-2])
    data = first[5:] + last[5:-2]
    assert data[0] == 0x5E  # time, pulse, user, status; seconds count from 2000
    assert str(int.from_bytes(data[1:3], "little")) == ledger.produced[0].values["systolic"]
    shown = int.from_bytes(data[7:11], "little")
    assert EPOCH + timedelta(seconds=shown) == NOON  # an hour ago, an hour ahead of UTC


async def test_records_are_numbered_for_each_user_and_chosen_by_number() -> None:
    async with discovered(cuff(stored=4, e2e_crc=False)) as collector:
        await collector.grow(185)
        assert await asked(collector, "0103010100") == "06000101"
        frames = collector.values[0x2B36]

    assert [frame[0] & 3 for frame in frames] == [3, 3]
    assert [frame[1:3].hex() for frame in frames] == ["0100", "0100"]
    assert [frame[5 + 13] for frame in frames] == [1, 2]


@pytest.mark.parametrize(
    ("request_", "answer"),
    [("0401", "05000300"), ("0103010900", "06000106"), ("01030200000000", "06000109")],
)
async def test_what_is_not_told_is_answered(request_: str, answer: str) -> None:
    async with discovered(cuff()) as collector:
        assert await asked(collector, request_) == answer


async def test_what_the_user_sees_is_sent_beside_the_base_time() -> None:
    async with discovered(cuff(stored=1, e2e_crc=False, time_offset_min=60)) as collector:
        await collector.grow(185)
        feature = await collector.read(0x1810, 0x2A49)
        await asked(collector, "0101")
        (frame,) = collector.values[0x2B36]

    base, user_facing = frame[12:16], frame[-4:]
    assert feature.hex() == "0701"
    assert frame[5] == 0x7E
    ahead = int.from_bytes(user_facing, "little") - int.from_bytes(base, "little")
    assert ahead == 3600


async def test_a_measurement_on_a_link_is_seen_inflating_and_then_indicated() -> None:
    ledger = Ledger()
    device = cuff(stored=1, ledger=ledger)
    async with discovered(device) as collector:
        await collector.grow(185)
        await collector.subscribe(0x1810, 0x2B35)
        await collector.subscribe(0x1810, 0x2B34)
        device.measure()
        (live,) = await collector.received(0x2B34, 1)
        inflating = collector.values[0x2B35]

    assert [frame.hex() for frame in inflating] == ["402800", "405a00", "40a000"]
    assert str(int.from_bytes(live[1:3], "little")) == ledger.produced[2].values["systolic"]
    assert device.held == 2


async def test_a_failed_measurement_is_kept_as_nan_and_is_no_record_produced() -> None:
    ledger = Ledger()
    device = cuff(stored=1, e2e_crc=False, ledger=ledger, faults={Fault.NAN_MEASUREMENT: 1})
    async with discovered(device) as collector:
        await collector.grow(185)
        await asked(collector, "0101")
        (frame,) = collector.values[0x2B36]

    assert frame[6:12].hex() == "ff07ff07ff07"
    assert ledger.produced == []


async def test_a_link_that_drops_in_a_record_keeps_it() -> None:
    device = cuff(faults={Fault.DISCONNECT_MID_RECORD: 1})
    async with discovered(device) as collector:
        await collector.subscribe(0x1810, 0x2B36)
        await collector.subscribe(0x1810, 0x2A52)
        await collector.write(0x1810, 0x2A52, b"\x01\x01")
        await collector.until_lost()

    assert len(collector.values[0x2B36]) == 1
    assert device.held == 3
