from datetime import datetime, timedelta

import pytest
from bumble import att
from firmware_sims.faults import Fault
from firmware_sims.glucose_meter.caresens import (
    CLOCK,
    CLOCK_SERVICE,
    OLDER_CLOCK,
    OLDER_CLOCK_SERVICE,
    CareSensMeter,
    CareSensSettings,
)
from firmware_sims.ledger import Ledger

from tests.firmware_sims.collector import Collector, discovered
from tests.firmware_sims.people import body, fittings, identity

HOUR = timedelta(hours=1)
ASK = bytes.fromhex("c0030100") + bytes(7)


def meter(
    settings: CareSensSettings | None = None,
    *,
    tests: int = 3,
    ledger: Ledger | None = None,
    faults: dict[Fault, int] | None = None,
) -> CareSensMeter:
    given = fittings(ledger, faults, utc_offset=HOUR)
    device = CareSensMeter(identity(), {None: body()}, given, settings)
    device.remember(tests, every=HOUR)
    return device


async def reported(collector: Collector, request: str = "0101") -> tuple[list[bytes], bytes]:
    """Ask for records; return them, and how the report ended first."""
    for uuid in (0x2A18, 0x2A34, 0x2A52):
        await collector.subscribe(0x1808, uuid)
    await collector.write(0x1808, 0x2A52, bytes.fromhex(request))
    ended = await collector.received(0x2A52, 1)
    return collector.values[0x2A18], ended[0]


async def said_of_its_clock(collector: Collector, *commands: bytes) -> list[str]:
    await collector.subscribe(CLOCK_SERVICE, CLOCK)
    clock = collector.find(CLOCK_SERVICE, CLOCK)
    for command in commands:
        await clock.write_value(command, with_response=True)
    return [each.hex() for each in await collector.received(CLOCK, len(commands))]


async def test_one_command_asks_for_the_clock_and_sets_it_and_both_are_answered() -> None:
    device = meter()
    async with discovered(device) as collector:
        said = await said_of_its_clock(
            collector, ASK, bytes.fromhex("c0030100" + "ea07030a0f0a0b"), ASK
        )

    # 13:00 on the display, an hour ahead of noon UTC; then 15:10:11
    assert [each[8:] for each in said] == ["ea07030a0d0000", "ea07030a0f0a0b", "ea07030a0f0a0b"]
    assert {each[:2] for each in said} == {"05"}
    assert device.clock.device_local() == datetime(2026, 3, 10, 15, 10, 11)  # noqa: DTZ001


async def test_setting_the_clock_moves_the_offset_and_the_base_runs_on() -> None:
    device = meter(tests=1)
    async with discovered(device) as collector:
        await said_of_its_clock(collector, bytes.fromhex("c0030100" + "ea07030a0e1e00"))
        device.measure()
        (before, after), _ = await reported(collector)

    assert before[3:12].hex() == "ea07030a0c0000" + "0000"
    # 14:30 is the base's 13:00 and ninety minutes
    assert after[3:12].hex() == "ea07030a0d0000" + "5a00"


async def test_a_difference_too_long_for_an_offset_begins_the_base_anew() -> None:
    device = meter(tests=1)
    async with discovered(device) as collector:
        await said_of_its_clock(
            collector,
            bytes.fromhex("c0030100" + "ee070101000000"),
            bytes.fromhex("c0030100" + "ea07030a0c0000"),
            bytes.fromhex("c0030100" + "ea07030a0d0000"),
        )
        device.measure()
        (_, frame), _ = await reported(collector)

    assert frame[3:12].hex() == "ea07030a0c0000" + "3c00"


async def test_a_clock_that_is_no_time_is_refused() -> None:
    device = meter()
    async with discovered(device) as collector:
        clock = collector.find(CLOCK_SERVICE, CLOCK)
        for wrong in ("c0030100ea070d0a0f0a0b", "c0030100ea07030a0f0a", "c0040100ea07030a0f0a0b"):
            with pytest.raises(att.ATT_Error):
                await clock.write_value(bytes.fromhex(wrong), with_response=True)

    assert device.clock.settings == []


async def test_a_question_that_is_not_answered_does_not_keep_the_clock_from_being_set() -> None:
    device = meter(faults={Fault.SILENCE: 1})
    async with discovered(device) as collector:
        await collector.subscribe(CLOCK_SERVICE, CLOCK)
        clock = collector.find(CLOCK_SERVICE, CLOCK)
        await clock.write_value(ASK, with_response=True)
        await clock.write_value(bytes.fromhex("c0030100" + "ea07030a0f0a0b"), with_response=True)
        (said,) = await collector.received(CLOCK, 1)

    assert said[4:].hex() == "ea07030a0f0a0b"


async def test_an_older_one_has_its_clock_elsewhere_and_says_at_the_end_that_there_is_no_more() -> (
    None
):
    async with discovered(meter(CareSensSettings(older=True))) as collector:
        clock = collector.find(OLDER_CLOCK_SERVICE, OLDER_CLOCK)
        await collector.subscribe(OLDER_CLOCK_SERVICE, OLDER_CLOCK)
        await clock.write_value(ASK, with_response=True)
        (said,) = await collector.received(OLDER_CLOCK, 1)
        records, _ = await reported(collector)
        ended = await collector.received(0x2A52, 2)
        software = await collector.read(0x180A, 0x2A28)
        with pytest.raises(LookupError):
            collector.find(CLOCK_SERVICE, CLOCK)

    assert said[4:].hex() == "ea07030a0d0000"
    assert [each.hex() for each in ended] == ["06000101", "06000106"]
    assert (len(records), software) == (3, b"1.4.0")


async def test_a_newer_one_ends_as_the_standard_says() -> None:
    async with discovered(meter()) as collector:
        records, ended = await reported(collector)
        software = await collector.read(0x180A, 0x2A28)

    assert (len(records), ended.hex(), software) == (3, "06000101", b"1.5.0")


async def test_control_solution_stands_where_the_standard_has_the_location() -> None:
    ledger = Ledger()
    device = meter(CareSensSettings(control_every=2), tests=2, ledger=ledger)
    async with discovered(device) as collector:
        (blood, control), _ = await reported(collector)

    assert (blood[14], control[14]) == (0x21, 0xA4)
    assert len(ledger.produced) == 1


async def test_high_and_low_are_numbers_out_of_range_and_a_status() -> None:
    ledger = Ledger()
    async with discovered(
        meter(CareSensSettings(extremes_every=1, meals=False), tests=2, ledger=ledger)
    ) as collector:
        records, _ = await reported(collector)

    assert [row.values for row in ledger.produced] == [{"range": "high"}, {"range": "low"}]
    assert [(each[0], each[12:].hex()) for each in records] == [
        (0b1011, "59b2" + "21" + "2000"),
        (0b1011, "13b0" + "21" + "4000"),
    ]


async def test_a_ketone_looks_like_glucose_but_for_its_meal() -> None:
    ledger = Ledger()
    async with discovered(
        meter(CareSensSettings(ketone_every=2), tests=2, ledger=ledger)
    ) as collector:
        (_, ketone), _ = await reported(collector)
        contexts = collector.values[0x2A34]

    tenths = int.from_bytes(ketone[12:14], "little") & 0xFFF
    assert ketone[0] == 0b10011
    assert [context.hex() for context in contexts] == ["02020006"]
    assert ledger.produced[1].values == {"ketone": f"{tenths / 10}", "unit": "mmol/L"}
