import pytest
from firmware_sims.cgm.libre2_reader import Libre2Reader
from firmware_sims.ledger import Ledger

from tests.firmware_sims.abbott_talk import answered, begin
from tests.firmware_sims.placed import placement


def test_it_says_its_number_and_begins() -> None:
    reader = Libre2Reader(placement())

    begin(reader)

    assert answered(reader, 0x05) == [(0x06, b"MAGZ192-Q4221\0")]


@pytest.mark.parametrize("kind", [0x60, 0x21])
def test_text_without_keys_is_refused(kind: int) -> None:
    reader = Libre2Reader(placement())
    begin(reader)

    assert answered(reader, kind, b"$sn?") == [(0x33, b"\x15")]


def test_it_challenges_and_no_answer_is_right() -> None:
    reader = Libre2Reader(placement())

    (challenge,), (again,) = [answered(reader, 0x14, b"\x11") for _ in range(2)]
    refused = answered(reader, 0x14, b"\x17" + bytes(25))

    assert (challenge[0], challenge[1][:1], len(challenge[1])) == (0x33, b"\x16", 16)
    assert challenge != again
    assert refused == [(0x33, b"\x14")]


def test_another_kind_of_report_is_unknown_and_half_a_one_unanswered() -> None:
    reader = Libre2Reader(placement())

    assert answered(reader, 0x0A) == [(0x30, b"\x85")]
    assert reader.answer(b"\x01") == []


def test_what_it_measured_is_in_the_ledger() -> None:
    ledger = Ledger()
    reader = Libre2Reader(placement(ledger=ledger))

    reader.measure()

    assert (len(ledger.produced), reader.held) == (1, 1)
