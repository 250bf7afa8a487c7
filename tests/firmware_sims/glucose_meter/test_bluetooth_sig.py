from collections.abc import Sequence
from datetime import timedelta

import pytest
from bumble import att
from firmware_sims.faults import Fault
from firmware_sims.glucose_meter.bluetooth_sig import (
    ACCU_CHEK_SERVICE,
    CONTOUR_CLOCK,
    CONTOUR_CLOCK_SERVICE,
    GlucoseMeter,
    MeterSettings,
)
from firmware_sims.identity import Identity, Pairing
from firmware_sims.ledger import Ledger

from tests.firmware_sims.collector import Collector, discovered
from tests.firmware_sims.people import NOON, body, fittings, identity

HOUR = timedelta(hours=1)


def meter(
    settings: MeterSettings | None = None,
    *,
    tests: int = 3,
    who: Identity | None = None,
    ledger: Ledger | None = None,
    faults: dict[Fault, int] | None = None,
) -> GlucoseMeter:
    given = fittings(ledger, faults, utc_offset=HOUR)
    device = GlucoseMeter(who or identity(), {None: body()}, given, settings)
    device.remember(tests, every=HOUR)
    return device


async def subscribed(collector: Collector, *, contexts: bool = True) -> None:
    await collector.subscribe(0x1808, 0x2A18)
    if contexts:
        await collector.subscribe(0x1808, 0x2A34)
    await collector.subscribe(0x1808, 0x2A52)


async def asked(collector: Collector, octets: str) -> bytes:
    """Write a request, and return the indication that ends the procedure."""
    answers = collector.values[0x2A52]
    before = len(answers)
    await collector.write(0x1808, 0x2A52, bytes.fromhex(octets))
    await collector.until(lambda: len(answers) > before)
    return answers[-1]


def sequences(frames: Sequence[bytes]) -> list[int]:
    return [int.from_bytes(frame[1:3], "little") for frame in frames]


async def test_every_record_is_told_with_its_meal_and_stays() -> None:
    ledger = Ledger()
    device = meter(ledger=ledger)
    async with discovered(device) as collector:
        await subscribed(collector)
        ended = await asked(collector, "0101")
        measurements, contexts = collector.values[0x2A18], collector.values[0x2A34]

    assert ended.hex() == "06000101"
    assert sequences(measurements) == [1, 2, 3]
    assert [frame[0] for frame in measurements] == [0x02, 0x02, 0x12]
    assert contexts == [bytes.fromhex("02030002")]
    told = [int.from_bytes(frame[10:12], "little") & 0xFFF for frame in measurements]
    assert [str(level) for level in told] == [row.values["glucose"] for row in ledger.produced]
    assert {frame[11] >> 4 for frame in measurements} == {0xB}  # ten to the minus fifth kg/L
    assert device.held == 3


async def test_a_meter_in_mmol_sends_mol_with_the_digits_of_its_display() -> None:
    ledger = Ledger()
    async with discovered(meter(MeterSettings(molar=True), tests=1, ledger=ledger)) as collector:
        await subscribed(collector)
        await asked(collector, "0101")
        (frame,) = collector.values[0x2A18]

    assert frame[0] == 0b110
    tenths = int.from_bytes(frame[10:12], "little") & 0xFFF
    assert ledger.produced[0].values == {"glucose": f"{tenths / 10:.1f}", "unit": "mmol/L"}
    assert frame[11] >> 4 == 0xC  # ten to the minus fourth mol/L is a tenth of a mmol/L


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        ("0103010200", [2, 3]),
        ("0102010200", [1, 2]),
        ("01040102000200", [2]),
        ("0105", [1]),
        ("0106", [3]),
        # 2026-03-10 11:00, what the display showed two hours before noon UTC
        ("010302ea07030a0b0000", [2, 3]),
    ],
)
async def test_records_can_be_chosen_by_number_and_by_time(request_: str, found: list[int]) -> None:
    async with discovered(meter()) as collector:
        await subscribed(collector)
        ended = await asked(collector, request_)

        assert ended.hex() == "06000101"
        assert sequences(collector.values[0x2A18]) == found


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        ("0401", "05000300"),
        ("0403010300", "05000100"),
        ("0403010900", "05000000"),
        ("0103010900", "06000106"),
        ("040100", "06000405"),
        ("0103090100", "06000109"),
        ("010302ea070d0a0b0000", "06000105"),
        ("0201", "06000202"),
        ("0300", "06000301"),
    ],
)
async def test_what_is_not_told_is_answered(request_: str, answer: str) -> None:
    async with discovered(meter()) as collector:
        await subscribed(collector)

        assert (await asked(collector, request_)).hex() == answer


async def test_a_meter_without_filters_says_so_and_tells_everything() -> None:
    async with discovered(meter(MeterSettings(filters=False))) as collector:
        await subscribed(collector)

        assert (await asked(collector, "0103010100")).hex() == "06000104"
        assert (await asked(collector, "0101")).hex() == "06000101"
        assert sequences(collector.values[0x2A18]) == [1, 2, 3]


async def test_base_time_and_offset_make_what_the_user_saw() -> None:
    async with discovered(meter(MeterSettings(time_offset_min=-90), tests=1)) as collector:
        await subscribed(collector)
        await asked(collector, "0101")
        (frame,) = collector.values[0x2A18]

    assert frame[0] == 0b011
    # 12:00 on the display, an hour before now, is 13:30 less ninety minutes
    assert frame[3:12].hex() == "ea07030a0d1e00" + "a6ff"


async def test_numbers_wrap_and_begin_anew_with_a_new_battery() -> None:
    device = meter(MeterSettings(first_sequence=0xFFFF))
    device.faults.arm(Fault.RENUMBER)
    device.measure()
    async with discovered(device) as collector:
        await subscribed(collector)
        await asked(collector, "0101")

    assert sequences(collector.values[0x2A18]) == [0xFFFF, 0, 1, 0xFFFF]


async def test_a_changed_battery_takes_clock_and_numbers_and_leaves_the_tests() -> None:
    device = meter(tests=0)
    device.measure(NOON - 30 * HOUR)
    device.change_battery(NOON - 20 * HOUR)
    device.measure(NOON - 10 * HOUR)
    async with discovered(device) as collector:
        await subscribed(collector)
        await asked(collector, "0101")

    told = [frame.hex(" ")[3:26] for frame in collector.values[0x2A18]]
    assert told == ["01 00 ea 07 03 09 07 00", "01 00 d0 07 01 01 0a 00"]


async def test_a_control_solution_is_marked_and_a_failed_strip_is_no_number() -> None:
    ledger = Ledger()
    device = meter(MeterSettings(control_every=2), tests=2, ledger=ledger)
    device.faults.arm(Fault.NAN_MEASUREMENT)
    device.measure()
    async with discovered(device) as collector:
        await subscribed(collector)
        await asked(collector, "0101")
        blood, control, failed = collector.values[0x2A18]

    assert (blood[12], control[12]) == (0x12, 0x4A)
    assert failed[10:12].hex() == "ff07"
    assert failed[13:].hex() == "0400"
    assert len(ledger.produced) == 1


async def test_contexts_go_only_to_who_wants_them() -> None:
    async with discovered(meter()) as collector:
        await subscribed(collector, contexts=False)

        assert (await asked(collector, "0101")).hex() == "06000101"
        assert 0x2A34 not in collector.values


async def test_a_contour_takes_utc_and_an_offset_and_then_stamps_both() -> None:
    device = meter(MeterSettings(contour=True, time_offset_min=60), tests=1)
    async with discovered(device) as collector:
        clock = collector.find(CONTOUR_CLOCK_SERVICE, CONTOUR_CLOCK)
        await clock.write_value(bytes.fromhex("01ea07030a0a0000" + "7800"), with_response=True)
        device.measure()
        await subscribed(collector)
        await asked(collector, "0106")
        (frame,) = collector.values[0x2A18]

    assert frame[3:12].hex() == "ea07030a0a0000" + "7800"


async def test_the_other_control_point_refuses_whatever_is_written() -> None:
    async with discovered(meter(MeterSettings(second_record_access=True))) as collector:
        other = collector.find(ACCU_CHEK_SERVICE, 0x2A52)

        with pytest.raises(att.ATT_Error):
            await other.write_value(b"\x01\x01", with_response=True)


async def test_a_meter_that_wants_a_bond_lets_nobody_subscribe_before() -> None:
    device = meter(who=identity(Pairing.JUST_WORKS))
    async with discovered(device) as collector:
        with pytest.raises(att.ATT_Error) as refused:
            await collector.subscribe(0x1808, 0x2A52)
        await collector.link.pair()
        await subscribed(collector)
        ended = await asked(collector, "0106")

    assert refused.value.error_code in (
        att.ATT_INSUFFICIENT_AUTHENTICATION_ERROR,
        att.ATT_INSUFFICIENT_ENCRYPTION_ERROR,
    )
    assert ended.hex() == "06000101"


async def test_a_link_that_drops_in_a_report_keeps_every_record() -> None:
    device = meter(faults={Fault.DISCONNECT_MID_RECORD: 1})
    async with discovered(device) as collector:
        await subscribed(collector)
        await collector.write(0x1808, 0x2A52, b"\x01\x01")
        await collector.until_lost()
        peripheral = device.life.peripheral
        assert peripheral is not None
        assert await peripheral.until(lambda: peripheral.calling, 5)  # for who comes back

    assert sequences(collector.values[0x2A18]) == [1]
    assert device.held == 3


async def test_a_meter_that_is_left_alone_hangs_up() -> None:
    async with discovered(meter()) as collector:
        await collector.until_lost()
