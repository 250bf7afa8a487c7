from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from firmware_sims.body import Pressure
from firmware_sims.bp_monitor.taidoc import (
    D40,
    HOST,
    P30,
    TD_3128,
    Model,
    TaiDoc,
    encode,
    encode_date,
    encode_figures,
)
from firmware_sims.faults import Fault
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.ledger import Ledger
from firmware_sims.serial_device import ask

from tests.firmware_sims.placed import placement
from tests.firmware_sims.serial_vectors import frame_of

PRESSURE = Pressure(
    systolic=Decimal(128),
    mean=Decimal(95),
    diastolic=Decimal(79),
    pulse=Decimal(66),
    irregular=False,
)


def cuff(model: Model = TD_3128, stored: int = 0, **where: Any) -> TaiDoc:
    device = TaiDoc(placement(**where), model=model)
    device.remember(stored, timedelta(hours=8))
    return device


def reply(device: TaiDoc, command: int, index: int = 0) -> bytes:
    """Return the data of an answer."""
    answer = ask(device, encode(command, index.to_bytes(4, "little"), HOST))
    assert answer == encode(command, answer[2:6])
    return answer[2:6]


def test_the_published_requests_and_time_are_reproduced() -> None:
    assert encode(0x2B, direction=HOST) == frame_of("taidoc-count")
    assert encode(0x24, direction=HOST) == frame_of("taidoc-model")
    assert encode_date(datetime(2019, 8, 4, 13, 37)) == frame_of("taidoc-time-0427250d")  # noqa: DTZ001


def test_the_frame_with_a_wrong_sum_is_reproduced_but_for_its_sum() -> None:
    frame = encode(0x26, encode_figures(PRESSURE))

    assert frame == frame_of("taidoc-bad-sum")[:-1] + b"\x8c"


def test_connecting_is_as_written_in_the_specification() -> None:
    request = bytes.fromhex("51 22 00 00 00 00 A3 16")

    assert ask(cuff(), request) == bytes.fromhex("51 22 00 00 00 00 A5 18")


@pytest.mark.parametrize(
    ("model", "code"), [(TD_3128, "28310000"), (P30, "29310000"), (D40, "61320000")]
)
def test_the_model_is_told_in_decimal_digits(model: Model, code: str) -> None:
    assert reply(cuff(model), 0x24).hex() == code


@pytest.mark.parametrize("model", [TD_3128, D40])
def test_the_memory_holds_what_was_produced_newest_first(model: Model) -> None:
    ledger = Ledger()
    device = cuff(model, stored=2, ledger=ledger)
    device.measure()

    count = int.from_bytes(reply(device, 0x2B)[:2], "little")
    shown = [(reply(device, 0x25, index), reply(device, 0x26, index)) for index in range(count)]

    newest_first = ledger.produced[::2][::-1]
    assert [date for date, _ in shown] == [
        encode_date(each.measured_at, marked=model is D40) for each in newest_first
    ]
    assert [figures[0] for _, figures in shown] == [
        int(each.values["systolic"]) for each in newest_first
    ]
    assert [figures[2] for _, figures in shown] == [
        int(each.values["diastolic"]) for each in newest_first
    ]
    assert [figures[1] for _, figures in shown] == [
        int(each.values["mean"]) for each in newest_first
    ]


def test_an_irregular_heart_beat_is_a_bit_of_the_minute() -> None:
    date = encode_date(datetime(2019, 8, 4, 13, 37), irregular=True)  # noqa: DTZ001

    assert date == bytes.fromhex("04 27 65 0D")


def test_the_clock_is_the_devices_own() -> None:
    device = cuff(clock_error=timedelta(hours=-3))

    assert reply(device, 0x23) == encode_date(datetime(2026, 3, 10, 9, 0))  # noqa: DTZ001


def test_a_clock_that_fell_back_is_in_the_record() -> None:
    device = cuff(faults={Fault.DROP_CLOCK: 1})

    device.measure()

    assert reply(device, 0x25) == encode_date(datetime(2000, 1, 1))  # noqa: DTZ001


def test_what_is_not_there_or_damaged_is_not_answered() -> None:
    device = cuff(stored=1)

    assert ask(device, encode(0x25, b"\x01\0\0\0", HOST)) == b""
    assert ask(device, encode(0x99, direction=HOST)) == b""
    assert ask(device, bytes.fromhex("51 2B 00 00 00 00 A3 20")) == b""


def test_a_failed_measurement_is_not_kept() -> None:
    device = cuff(faults={Fault.ERROR_CODE: 1})

    device.measure()

    assert reply(device, 0x2B) == bytes(4)


@pytest.mark.parametrize(
    ("command", "name"), [(0x33, "set clock"), (0x50, "power off"), (0x52, "erase memory")]
)
def test_forbidden_commands_are_recorded_and_change_nothing(command: int, name: str) -> None:
    forbidden = ForbiddenCommands()
    device = cuff(stored=3, forbidden=forbidden)

    reply(device, command)

    assert forbidden.received == [name]
    assert reply(device, 0x2B) == b"\x03\0\0\0"
