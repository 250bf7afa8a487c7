from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from firmware_sims.faults import Fault, Faults
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.glucose_meter.onetouch_ultra2 import (
    OneTouchUltra2,
    encode,
    encode_clock,
    encode_strip,
)
from firmware_sims.glucose_meter.strip_memory import Strip
from firmware_sims.ledger import Kind, Ledger
from firmware_sims.serial_device import ask, played

from tests.firmware_sims.placed import placement
from tests.firmware_sims.serial_host import Host
from tests.firmware_sims.serial_vectors import frame_of

DUMP = b"\x11\rDMP\r"


def meter(stored: int = 0, mmol: bool = False, **where: Any) -> OneTouchUltra2:
    device = OneTouchUltra2(placement(**where), mmol=mmol)
    device.remember(stored, timedelta(hours=5))
    return device


def test_the_published_lines_are_reproduced() -> None:
    clock = encode_clock(datetime(2013, 8, 3, 22, 12))  # noqa: DTZ001
    strip = Strip(datetime(2016, 3, 9, 7, 33), 98)  # noqa: DTZ001

    assert encode(f"T {clock}") == frame_of("ultra2-datetime")
    assert encode_strip(strip) == frame_of("ultra2-record")


def test_the_dump_is_what_was_produced_newest_first() -> None:
    ledger = Ledger()
    device = meter(stored=3, ledger=ledger)
    device.measure()

    head, *lines = ask(device, DUMP).decode().split("\r")[:-1]

    assert head.startswith('P 004,"SNV012345","MG/DL " ')
    assert [int(line.split(",")[3].strip('" ')) for line in lines] == [
        int(each.values["glucose"]) for each in ledger.produced[::-1]
    ]
    assert lines[0].startswith('P "TUE","03/10/26","12:00:00   ",')
    assert {each.kind for each in ledger.produced} == {Kind.BLOOD_GLUCOSE}
    for line in (head, *lines):
        text, _, digits = line.rpartition(" ")
        assert int(digits, 16) == sum(text.encode()) % 65536


def test_a_display_in_mmol_changes_no_value() -> None:
    shown, same = (ask(meter(stored=2, mmol=mmol), DUMP).split(b"\r") for mmol in (True, False))

    assert b'"MMOL/L"' in shown[0]
    assert shown[1:] == same[1:]


def test_a_control_solution_is_marked_and_is_no_record() -> None:
    ledger = Ledger()
    device = meter(ledger=ledger)

    device.memory.test_with_control(112)

    assert b'"C112 "' in ask(device, DUMP)
    assert ledger.produced == []


@pytest.mark.parametrize(
    ("request_", "start"),
    [
        (b"DM@\r", b'@ "SNV012345" '),
        (b"DM?\r", b"?P02.00.00"),
        (b"DMF\r", b'T "TUE","03/10/26","12:00:00   " '),
        (b"DMSU?\r", b'SU?,"MG/DL " '),
        (b"HELLO\r", b""),
    ],
)
def test_other_questions_are_answered(request_: bytes, start: bytes) -> None:
    answer = ask(meter(), b"\x11\r" + request_)

    assert answer.startswith(start)
    assert bool(answer) == bool(start)


def test_erasing_and_setting_the_clock_is_recorded() -> None:
    forbidden = ForbiddenCommands()
    device = meter(stored=1, forbidden=forbidden)

    answer = ask(device, b"\x11\rDMZ\rDMT08/03/13 22:12:00\r")

    assert (answer, len(device.memory)) == (b"", 1)
    assert forbidden.received == ["erase memory", "set clock"]


def test_a_failed_strip_is_not_kept_and_a_lost_clock_is_shown() -> None:
    device = meter(faults={Fault.ERROR_CODE: 1, Fault.DROP_CLOCK: 1})

    device.measure()
    device.measure()

    (strip,) = device.memory.newest_first()
    assert strip.taken_at_device_local == datetime(2000, 1, 1)  # noqa: DTZ001


async def test_the_cable_may_be_pulled_in_the_middle_of_the_dump(tmp_path: Path) -> None:
    device = meter(stored=30)
    whole = ask(device, DUMP)
    faults = Faults({Fault.UNPLUG_MID_FRAME: 1})

    async with played(device, tmp_path / "port", faults=faults, faults_after=20) as port:
        with Host(port.link) as host:
            host.write(DUMP)
            part = await host.read(len(whole))
        port.plug()
        with Host(port.link) as host:
            host.write(DUMP)
            again = await host.read(len(whole))

    assert again == whole
    assert whole.startswith(part)
    assert len(part) < len(whole)
