from datetime import timedelta
from decimal import Decimal

from firmware_sims.faults import Fault
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.ledger import Ledger
from firmware_sims.scale.rice_lake import RiceLake, encode_out_of_range, encode_weight
from firmware_sims.serial_device import ask

from tests.firmware_sims.people import Time
from tests.firmware_sims.placed import placement
from tests.firmware_sims.serial_vectors import frame_of

REQUEST = bytes.fromhex("1b52 1b45")


def test_the_answer_is_as_in_the_manual() -> None:
    assert encode_weight(Decimal("210.9")) == b"\x1bR\x1bW0210.9\x1bNm\x1bE"
    assert encode_out_of_range() == frame_of("rl-overload")


def test_the_request_is_the_published_one() -> None:
    assert frame_of("rl-request") == REQUEST


def test_it_says_what_stands_on_it_when_asked() -> None:
    time, ledger = Time(), Ledger()
    device = RiceLake(placement(time=time, ledger=ledger))
    empty = ask(device, REQUEST)

    pushed = device.measure()
    time.pass_by(timedelta(seconds=3))

    weight = Decimal(ledger.produced[0].values["weight"])
    assert (pushed, empty) == ([], encode_weight(Decimal(0)))
    assert ask(device, REQUEST) == encode_weight(weight)


def test_a_load_out_of_range_is_no_record() -> None:
    ledger = Ledger()
    device = RiceLake(placement(ledger=ledger, faults={Fault.ERROR_CODE: 1}), pounds=True)

    device.measure()

    assert ask(device, REQUEST) == encode_out_of_range(pounds=True)
    assert ledger.produced == []


def test_the_battery_can_be_asked_for() -> None:
    request = b"\x1bABAT\x1bE"

    answers = [ask(RiceLake(placement(), battery_low=low), request) for low in (False, True)]

    assert answers == [b"ZE4U", b"ZE4L"]


def test_anything_else_is_recorded() -> None:
    forbidden = ForbiddenCommands()

    answer = ask(RiceLake(placement(forbidden=forbidden)), b"\x1bX\x1bE")

    assert (answer, forbidden.received) == (b"", ["X"])
