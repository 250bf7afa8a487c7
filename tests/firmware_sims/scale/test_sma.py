from datetime import timedelta
from typing import Any

import pytest
from firmware_sims.faults import Fault
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.ledger import Ledger
from firmware_sims.scale.sma import SmaScale, encode
from firmware_sims.serial_device import ask

from tests.firmware_sims.people import Time
from tests.firmware_sims.placed import placement
from tests.firmware_sims.serial_vectors import frame_of

WEIGHT = b"\nW\r"


def scale(options: dict[str, Any] | None = None, **where: Any) -> SmaScale:
    return SmaScale(placement(**where), **(options or {}))


@pytest.mark.parametrize(
    ("identity", "answer"),
    [
        ("sma-zero", encode("Z", "0.000", "lb")),
        ("sma-motion-kg", encode(" ", "7.650", "kg", in_motion=True)),
        ("sma-over", encode("O", "300.5", "kg")),
        ("sma-zero-error", encode("E", "-" * 10, "kg")),
    ],
)
def test_the_printed_answers_are_reproduced(identity: str, answer: bytes) -> None:
    assert answer == frame_of(identity)


def test_a_weighing_is_seen_by_asking() -> None:
    time, ledger = Time(), Ledger()
    device = scale(time=time, ledger=ledger)
    empty = ask(device, WEIGHT)
    device.measure()

    moving, patient = ask(device, WEIGHT), ask(device, b"\nP\r")
    time.pass_by(timedelta(seconds=3))
    still = [ask(device, request) for request in (WEIGHT, b"\nP\r", b"\x05")]

    shown = encode(" ", ledger.produced[0].values["weight"], "kg")
    assert empty == encode("Z", "0.0", "kg")
    assert (moving[4:5], patient) == (b"M", b"")
    assert still == [shown] * 3
    assert len(shown) == 20


def test_a_758c_has_a_prefix() -> None:
    assert ask(scale({"detecto_758c": True}), WEIGHT).startswith(b"\nW01,Z1G")


def test_a_zero_error_has_dashes_and_is_no_record() -> None:
    ledger = Ledger()
    device = scale(ledger=ledger, faults={Fault.ERROR_CODE: 1})

    device.measure()

    assert ask(device, WEIGHT) == encode("E", "----------", "kg")
    assert ledger.produced == []


def test_an_unknown_command_is_answered_by_a_question_mark() -> None:
    assert ask(scale(), b"\nX\r") == b"\n?\r"


def test_forbidden_commands_are_recorded() -> None:
    forbidden = ForbiddenCommands()

    answer = ask(scale(forbidden=forbidden), b"noise\nZ\r\nT\r\nR\r")

    assert (answer, forbidden.received) == (b"", ["zero", "tare", "repeat"])


def test_half_a_request_is_kept() -> None:
    assert scale().split(b"?\x05\nW") == ([b"\x05"], b"\nW")
