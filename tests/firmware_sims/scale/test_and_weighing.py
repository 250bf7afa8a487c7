from datetime import timedelta
from typing import Any

import pytest
from firmware_sims.faults import Fault
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.ledger import Ledger
from firmware_sims.scale.and_weighing import AndWeighing, encode
from firmware_sims.serial_device import ask

from tests.firmware_sims.people import Time
from tests.firmware_sims.placed import placement
from tests.firmware_sims.serial_vectors import frame_of


def scale(options: dict[str, Any] | None = None, **where: Any) -> AndWeighing:
    return AndWeighing(placement(**where), **(options or {}))


@pytest.mark.parametrize(
    ("identity", "fields"),
    [
        ("and-std-person", ("ST", "00072.45", "kg")),
        ("and-std-stable-kg", ("ST", "0001.234", "kg")),
        ("and-std-count", ("QT", "00012345", "PC")),
        ("and-bad-header", ("XX", "00072.45", "kg")),
    ],
)
def test_the_printed_lines_are_reproduced(identity: str, fields: tuple[str, str, str]) -> None:
    assert encode(*fields) == frame_of(identity)


def test_print_sends_the_stable_weight() -> None:
    ledger = Ledger()

    (line,) = scale(ledger=ledger).measure()

    assert line == f"ST,+000{ledger.produced[0].values['weight']} kg\r\n".encode()


def test_print_pressed_twice_sends_one_weighing_twice() -> None:
    ledger = Ledger()

    lines = scale(ledger=ledger, faults={Fault.DOUBLE_KEY_PRESS: 1}).measure()

    assert len(lines) == 2
    assert len(set(lines)) == len(ledger.produced) == 1


def test_it_answers_what_stands_on_it() -> None:
    time = Time()
    device = scale({"prints": False, "pounds": True}, time=time)
    before = ask(device, b"Q\r\n")
    pushed = device.measure()

    moving = [ask(device, command) for command in (b"S\r\n", b"SI\r\n")]
    time.pass_by(timedelta(seconds=3))
    still = [ask(device, command) for command in (b"S\r\n", b"SI\r\n")]

    assert (pushed, before) == ([], b"ST,+00000.00 lb\r\n")
    assert moving[0] == b""
    assert moving[1].startswith(b"US,+00")
    assert still == [still[0]] * 2
    assert still[0].startswith(b"ST,+00")


def test_a_repeating_scale_goes_through_motion() -> None:
    device = scale({"prints": False})
    ask(device, b"SIR\r\n")

    headers = [line[:2] for line in device.measure()]
    ask(device, b"C\r\n")

    assert headers == [b"US", b"ST", b"ST"]
    assert device.measure() == []


def test_a_load_out_of_range_is_no_record() -> None:
    ledger = Ledger()

    (line,) = scale(ledger=ledger, faults={Fault.ERROR_CODE: 1}).measure()

    assert line.startswith(b"OL,")
    assert ledger.produced == []


def test_zero_and_tare_are_recorded() -> None:
    forbidden = ForbiddenCommands()

    answer = ask(scale(forbidden=forbidden), b"Z\r\nT\r\nHELLO\r\n")

    assert (answer, forbidden.received) == (b"\x06\x06EC,E01\r\n", ["zero", "tare"])
