from datetime import datetime, timedelta
from typing import Any

import pytest
from firmware_sims.bp_monitor.taidoc import TaiDoc
from firmware_sims.bp_monitor.taidoc_memory import D40, OLDER_D40, P30, TD_3128, Habits, Model
from firmware_sims.faults import Fault
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.ledger import Kind, Ledger
from firmware_sims.packing.taidoc import HOST, frame, stamp
from firmware_sims.serial_device import ask

from tests.firmware_sims.placed import placement

MIXED = Habits(strip_every=2, control_every=2)


def cuff(
    model: Model = TD_3128, stored: int = 0, habits: Habits | None = None, **where: Any
) -> TaiDoc:
    device = TaiDoc(placement(**where), model=model, habits=habits)
    device.remember(stored, timedelta(hours=8))
    return device


def reply(device: TaiDoc, command: int, index: int = 0, data: bytes | None = None) -> bytes:
    """Return the data of an answer."""
    asked = index.to_bytes(4, "little") if data is None else data
    answer = ask(device, frame(command, asked, HOST))
    assert answer == frame(command, answer[2:6])
    return answer[2:6]


def memory(device: TaiDoc) -> list[tuple[bytes, bytes]]:
    """Return stamp and value of each record, newest first."""
    count = int.from_bytes(reply(device, 0x2B)[:2], "little")
    return [(reply(device, 0x25, at), reply(device, 0x26, at)) for at in range(count)]


def test_connecting_is_as_written_in_the_specification() -> None:
    request = bytes.fromhex("51 22 00 00 00 00 A3 16")

    assert ask(cuff(), request) == bytes.fromhex("51 22 00 00 00 00 A5 18")


@pytest.mark.parametrize(
    ("model", "code"), [(TD_3128, "28310000"), (P30, "29310000"), (D40, "61320000")]
)
def test_the_model_is_told_in_decimal_digits(model: Model, code: str) -> None:
    assert reply(cuff(model), 0x24).hex() == code


@pytest.mark.parametrize("model", [TD_3128, D40, OLDER_D40])
def test_the_memory_holds_what_was_produced_newest_first(model: Model) -> None:
    ledger = Ledger()
    device = cuff(model, stored=2, ledger=ledger)
    device.measure()

    shown = memory(device)

    newest_first = ledger.produced[::2][::-1]
    marked = model.strips
    assert [each[:2] + each[3:] for each, _ in shown] == [
        stamp(each.measured_at)[:2] + stamp(each.measured_at)[3:] for each in newest_first
    ]
    assert {each[2] >> 7 for each, _ in shown} == {int(marked)}
    for (_, value), each in zip(shown, newest_first, strict=True):
        assert value[0] == int(each.values["systolic"])
        assert value[1] == int(each.values.get("mean", "0"))
        assert value[2] == int(each.values["diastolic"])
    assert ("mean" in newest_first[0].values) == (model is not OLDER_D40)


def test_a_d40_keeps_strips_among_its_pressures() -> None:
    ledger = Ledger()
    device = cuff(D40, stored=4, habits=Habits(strip_every=2, code=9), ledger=ledger)

    shown = memory(device)

    glucose = [row.values["glucose"] for row in ledger.produced if row.kind is Kind.BLOOD_GLUCOSE]
    assert [each[2] >> 7 for each, _ in shown] == [0, 1, 0, 1]
    assert [value[0] + value[1] * 256 for _, value in shown[::2]] == [
        int(each) for each in glucose[::-1]
    ]
    assert [value[3] for _, value in shown[::2]] == [0x80 | 9, 0x40 | 9]  # after, before a meal


def test_a_control_solution_is_no_record_produced_and_counted_apart() -> None:
    ledger = Ledger()
    device = cuff(D40, stored=4, habits=MIXED, ledger=ledger)

    assert reply(device, 0x2B) == bytes.fromhex("0400 0300")
    assert reply(device, 0x26)[3] >> 6 == 3
    assert [row.kind for row in ledger.produced].count(Kind.BLOOD_GLUCOSE) == 1


def test_the_clock_is_the_devices_own_and_can_be_set() -> None:
    forbidden = ForbiddenCommands()
    device = cuff(clock_error=timedelta(hours=-3), forbidden=forbidden)
    noon = stamp(datetime(2026, 3, 10, 12, 0))  # noqa: DTZ001

    assert reply(device, 0x23) == stamp(datetime(2026, 3, 10, 9, 0))  # noqa: DTZ001
    assert reply(device, 0x33, data=noon) == noon
    assert reply(device, 0x23) == noon
    assert forbidden.received == ["set clock"]


def test_a_clock_that_fell_back_is_in_the_record() -> None:
    device = cuff(faults={Fault.DROP_CLOCK: 1})

    device.measure()

    assert reply(device, 0x25) == stamp(datetime(2000, 1, 1))  # noqa: DTZ001


def test_what_is_not_there_or_damaged_is_not_answered() -> None:
    device = cuff(stored=1)

    assert ask(device, frame(0x25, b"\x01\0\0\0", HOST)) == b""
    assert ask(device, frame(0x99, direction=HOST)) == b""
    assert ask(device, frame(0x33, b"\xff\xff\xff\xff", HOST)) == b""
    assert ask(device, bytes.fromhex("51 2B 00 00 00 00 A3 20")) == b""


def test_a_failed_measurement_is_not_kept() -> None:
    device = cuff(faults={Fault.ERROR_CODE: 1})

    device.measure()

    assert reply(device, 0x2B) == bytes.fromhex("0000ffff")


@pytest.mark.parametrize(("command", "name"), [(0x50, "power off"), (0x52, "erase memory")])
def test_forbidden_commands_are_recorded_and_change_no_record(command: int, name: str) -> None:
    forbidden = ForbiddenCommands()
    device = cuff(stored=3, forbidden=forbidden)

    reply(device, command)

    assert forbidden.received == [name]
    assert reply(device, 0x2B) == bytes.fromhex("0300 0300")
