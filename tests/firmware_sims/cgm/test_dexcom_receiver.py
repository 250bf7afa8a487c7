import struct
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from firmware_sims.cgm.dexcom_receiver import (
    FORBIDDEN,
    G4,
    G4_SHARE,
    G5,
    G5_TOUCHSCREEN,
    G6,
    DexcomReceiver,
    Model,
)
from firmware_sims.faults import Fault, Faults
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.ledger import Ledger
from firmware_sims.packing.crc_ccitt import xmodem
from firmware_sims.packing.dexcom import frame
from firmware_sims.serial_device import ask, played

from tests.firmware_sims.people import NOON, Time
from tests.firmware_sims.placed import placement
from tests.firmware_sims.serial_host import Host

MONTHS = timedelta(days=-222)
LAYOUTS = {2: "<IIHB", 3: "<IIHB", 4: "<IIHIIbBB", 5: "<IIHIIbBBH"}


def receiver(model: Model = G6, days: float = 1, **options: Any) -> DexcomReceiver:
    """Return a receiver whose last value was taken at noon."""
    where = {
        name: options.pop(name)
        for name in ("ledger", "faults", "forbidden", "time", "clock_error")
        if name in options
    }
    device = DexcomReceiver(placement(**where), model=model, **options)
    device.remember(NOON - timedelta(days=days), NOON)
    return device


def result(device: DexcomReceiver, command: int, payload: bytes = b"") -> tuple[int, bytes]:
    """Return the result and the payload of an answer whose frame is right."""
    answer = ask(device, frame(command, payload))
    start, length, code = struct.unpack_from("<BHB", answer)
    assert (start, length) == (1, len(answer))
    assert xmodem(answer[:-2]) == int.from_bytes(answer[-2:], "little")
    return code, answer[4:-2]


def number(device: DexcomReceiver, command: int, layout: str = "<I") -> int:
    code, payload = result(device, command)
    assert code == 1
    return int(struct.unpack(layout, payload)[0])


def pages(device: DexcomReceiver, partition: int) -> list[bytes]:
    code, payload = result(device, 16, bytes([partition]))
    assert code == 1
    first, last = struct.unpack("<II", payload)
    if first == last == 0xFFFFFFFF:
        return []
    asked = (struct.pack("<BIB", partition, page, 1) for page in range(first, last + 1))
    return [result(device, 17, each)[1] for each in asked]


def records(device: DexcomReceiver, partition: int = 4) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = []
    for page in pages(device, partition):
        _, count, kind, revision = struct.unpack_from("<IIBB", page)
        layout = struct.Struct(LAYOUTS[revision])
        assert (kind, len(page)) == (partition, 528)
        assert xmodem(page[:26]) == int.from_bytes(page[26:28], "little")
        for place in range(count):
            start = 28 + place * (layout.size + 2)
            record = page[start : start + layout.size + 2]
            assert xmodem(record[:-2]) == int.from_bytes(record[-2:], "little")
            found.append(layout.unpack(record[:-2]))
    return found


@pytest.mark.parametrize("model", [G4, G4_SHARE, G5, G5_TOUCHSCREEN, G6])
def test_what_the_pages_hold_is_what_was_produced(model: Model) -> None:
    ledger = Ledger()

    device = receiver(model, ledger=ledger, days=6, clock_error=MONTHS)

    system_now = number(device, 34)
    shown = {
        (NOON - timedelta(seconds=system_now - system_s), glucose & 0x3FF)
        for system_s, _, glucose, *_ in records(device)
    }
    entered = {
        (
            each.measured_at,
            int(each.values.get("glucose") or {"low": 39, "high": 401}[each.values["range"]]),
        )
        for each in ledger.produced
    }
    assert shown == entered
    assert len(shown) == 6 * 288 + 1


def test_there_are_lows_and_highs_among_the_values_of_eight_days() -> None:
    values = {glucose for _, _, glucose, *_ in records(receiver(G4, days=8))}

    assert {39, 401} < values
    assert values <= {39, *range(40, 401), 401}


@pytest.mark.parametrize(("model", "per_page"), [(G4, 38), (G4_SHARE, 38), (G5, 21), (G6, 20)])
def test_a_page_holds_as_many_as_fit_and_the_last_one_grows(model: Model, per_page: int) -> None:
    device = receiver(model, days=1, first_page=312)
    before = pages(device, 4)

    device.measure()

    after = pages(device, 4)
    first, count, _, _, page = struct.unpack_from("<IIBBI", after[0])
    assert (first, count, page) == (312 * per_page, per_page, 312)
    assert struct.unpack_from("<I", after[-1], 4)[0] == (289 % per_page) + 1
    assert after[:-1] == before[:-1]
    assert after[-1] != before[-1]
    assert after[-1].endswith(b"\xff\xff")


def test_the_oldest_page_goes_when_there_are_too_many() -> None:
    device = receiver(G6, days=1, pages_kept=3)

    code, payload = result(device, 16, b"\x04")

    assert (code, struct.unpack("<II", payload)) == (1, (12, 14))


def test_three_pages_come_at_once_and_four_do_not() -> None:
    device = receiver(G5)

    three = result(device, 17, struct.pack("<BIB", 4, 0, 3))
    four = result(device, 17, struct.pack("<BIB", 4, 0, 4))

    assert (three[0], len(three[1])) == (1, 3 * 528)
    assert b"".join(pages(device, 4)[:3]) == three[1]
    assert four == (4, b"")


def test_the_header_of_a_page_can_be_had_alone() -> None:
    device = receiver(G6)

    assert result(device, 18, struct.pack("<BI", 4, 2)) == (1, pages(device, 4)[2][:28])


def test_the_system_clock_is_months_off_and_the_display_is_not() -> None:
    offset = timedelta(days=222, hours=1)
    device = receiver(G6, clock_error=MONTHS, display_offset=offset)

    shown = number(device, 34) + number(device, 29, "<i")

    assert number(device, 34) == number(device, 31)
    assert shown == int((NOON + timedelta(hours=1)).timestamp()) - 1_230_768_000
    assert {display - system for system, display, *_ in records(device)} == {
        int(offset.total_seconds()) + jitter for jitter in (-1, 0, 1)
    }


def test_the_serial_number_is_in_the_manufacturing_page() -> None:
    (page,) = pages(receiver(serial="SM12345678"), 0)

    assert b' SerialNumber="SM12345678" ' in page[36:526]


@pytest.mark.parametrize(
    ("model", "product"),
    [(G4, b"G4Receiver"), (G5_TOUCHSCREEN, b"ScoutReceiver"), (G6, b"OrionReceiver")],
)
def test_the_firmware_header_names_the_product(model: Model, product: bytes) -> None:
    code, header = result(receiver(model, days=0), 11)

    assert code == 1
    assert b"ProductId='" + product + b"'" in header


def test_settings_can_be_read() -> None:
    device = receiver(
        days=0, battery_percent=17, battery_state=1, blinded=True, mmol=True, model=G6
    )

    assert number(device, 33) == 17
    assert number(device, 48, "<B") == 1
    assert number(device, 39, "<B") == 1
    assert number(device, 37, "<B") == 2
    assert result(device, 25) == (1, b"80AB2C")
    assert result(device, 10) == (1, b"")


def test_an_empty_partition_has_no_pages() -> None:
    assert result(receiver(), 16, b"\x0a") == (1, b"\xff" * 8)


@pytest.mark.parametrize(
    ("command", "payload"),
    [(16, b"\x13"), (16, b""), (17, b"\x04"), (17, b"\x04\xff\0\0\0\x01"), (18, b"\x04")],
)
def test_what_makes_no_sense_is_an_invalid_parameter(command: int, payload: bytes) -> None:
    assert result(receiver(), command, payload) == (4, b"")


def test_a_g4_has_no_backfilled_partition() -> None:
    assert result(receiver(G4), 16, b"\x12") == (4, b"")


def test_an_unknown_command_is_invalid() -> None:
    assert result(receiver(), 99) == (3, b"")


def test_a_damaged_command_is_not_acknowledged() -> None:
    damaged = frame(10)[:-1] + b"\0"

    assert ask(receiver(), damaged) == frame(2)


@pytest.mark.parametrize("command", sorted(FORBIDDEN))
def test_forbidden_commands_are_recorded_and_change_nothing(command: int) -> None:
    forbidden = ForbiddenCommands()
    device = receiver(forbidden=forbidden)
    before = pages(device, 4)

    result(device, command)

    assert forbidden.received == [FORBIDDEN[command]]
    assert pages(device, 4) == before


def test_a_command_after_noise_and_in_pieces_is_found() -> None:
    device = receiver()
    ping = frame(10)

    early, rest = device.split(b"AT\r\n\x01\x05\x00" + ping[:3])
    late, rest = device.split(rest + ping[3:] + b"AT")

    assert (early, late, rest) == ([], [ping], b"")


def test_values_that_were_only_shown_are_no_records() -> None:
    ledger = Ledger()
    device = receiver(G5, days=1, display_only_share=0.1, ledger=ledger)

    found = records(device)

    only_shown = [each for each in found if each[2] & 0x8000]
    assert only_shown
    assert len(found) == len(ledger.produced) + len(only_shown)


def test_a_special_value_is_no_record() -> None:
    ledger = Ledger()

    device = receiver(days=0, ledger=ledger, faults={Fault.NAN_MEASUREMENT: 1})

    ((_, _, glucose, *_),) = records(device)
    assert 0 < glucose < 20
    assert ledger.produced == []


def test_what_was_missed_is_backfilled_with_its_own_time() -> None:
    ledger, time = Ledger(), Time()
    device = receiver(G6, days=0, ledger=ledger, time=time)
    device.lose_signal(3)

    for _ in range(4):
        time.pass_by(timedelta(minutes=5))
        device.measure()

    filled = records(device, 18)
    backfilled_s = records(device)[-1][0]
    assert [each[0] for each in filled] == [backfilled_s] * 3
    assert [backfilled_s - each[3] for each in filled] == [900, 600, 300]
    assert all(each[2] & 0x2000 for each in filled)
    assert [each[2] for each in records(device)] == [each[2] & 0x3FF for each in records(device)]
    assert len(ledger.produced) == 1 + 1 + 3


def test_a_g5_without_touchscreen_leaves_a_gap() -> None:
    ledger, time = Ledger(), Time()
    device = receiver(G5, days=0, ledger=ledger, time=time)
    device.lose_signal(2)

    for _ in range(3):
        time.pass_by(timedelta(minutes=5))
        device.measure()

    assert len(records(device)) == len(ledger.produced) == 2


def test_a_clock_that_fell_back_is_older_than_its_records() -> None:
    device = receiver(G6, faults={Fault.DROP_CLOCK: 1})
    newest = records(device)[-1][0]

    device.measure()

    assert number(device, 34) == records(device)[-1][0] == 0
    assert newest > 0


async def test_a_page_over_a_port_survives_a_pulled_cable(tmp_path: Path) -> None:
    device = receiver()
    request = frame(17, struct.pack("<BIB", 4, 0, 1))
    faults = Faults({Fault.UNPLUG_MID_FRAME: 1})

    async with played(device, tmp_path / "port", faults=faults, faults_after=1) as port:
        with Host(port.link) as host:
            host.write(frame(10))
            pong = await host.read(6)
            host.write(request)
            half = await host.read(534)
        port.plug()
        with Host(port.link) as host:
            host.write(request)
            whole = await host.read(534)

    assert (pong, len(half) < 534) == (frame(1), True)
    assert [whole] == _answers(device, request)


def _answers(device: DexcomReceiver, request: bytes) -> Sequence[bytes]:
    return list(device.answer(request))
