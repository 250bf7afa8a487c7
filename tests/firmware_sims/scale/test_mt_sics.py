from datetime import timedelta
from decimal import Decimal

import pytest
from firmware_sims.faults import Fault
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.ledger import Ledger
from firmware_sims.scale.mt_sics import (
    NOT_EXECUTABLE,
    OVERLOAD,
    SYNTAX,
    TRANSMISSION,
    UNDERLOAD,
    MtSics,
    encode,
)
from firmware_sims.serial_device import ask

from tests.firmware_sims.people import Time
from tests.firmware_sims.placed import placement
from tests.firmware_sims.serial_vectors import frame_of


@pytest.mark.parametrize(
    ("identity", "answer"),
    [
        ("sics-underload", UNDERLOAD),
        ("sics-overload", OVERLOAD),
        ("sics-not-executable", NOT_EXECUTABLE),
        ("sics-transmission", TRANSMISSION),
    ],
)
def test_the_published_errors_are_reproduced(identity: str, answer: bytes) -> None:
    assert answer == frame_of(identity)


def test_a_weight_has_ten_places() -> None:
    assert encode(Decimal("64.2"), "kg") == b"S S      64.20 kg\r\n"


def test_a_weighing_is_seen_by_asking() -> None:
    time, ledger = Time(), Ledger()
    device = MtSics(placement(time=time, ledger=ledger))
    pushed = device.measure()

    moving = ask(device, b"S\r\nSI\r\n")
    time.pass_by(timedelta(seconds=3))
    still = ask(device, b"S\r\n")

    assert pushed == []
    assert moving.startswith(NOT_EXECUTABLE + b"S D ")
    assert still == encode(Decimal(ledger.produced[0].values["weight"]), "kg")


def test_a_repeating_scale_goes_through_motion_until_told_to_stop() -> None:
    device = MtSics(placement())
    ask(device, b"SIR\r\n")

    kinds = [line[:3] for line in device.measure()]
    ask(device, b"@\r\n")

    assert kinds == [b"S D", b"S S", b"S S"]
    assert device.measure() == []


def test_an_overload_is_no_record() -> None:
    ledger = Ledger()
    device = MtSics(placement(ledger=ledger, faults={Fault.ERROR_CODE: 1}))

    device.measure()

    assert ask(device, b"S\r\n") == OVERLOAD
    assert ledger.produced == []


def test_it_tells_model_and_serial_number() -> None:
    device = MtSics(placement(), serial="123", pounds=True)

    assert ask(device, b"I2\r\n").startswith(b'I2 A "')
    assert ask(device, b"I4\r\n@\r\n") == b'I4 A "123"\r\n' * 2


def test_zero_and_tare_are_recorded_and_nonsense_is_a_syntax_error() -> None:
    forbidden = ForbiddenCommands()
    device = MtSics(placement(forbidden=forbidden))

    answer = ask(device, b"Z\r\nT\r\nWHAT\r\n\xff\r\n")

    assert answer == b"Z A\r\nT S       0.00 kg\r\n" + SYNTAX + TRANSMISSION
    assert forbidden.received == ["zero", "tare"]
