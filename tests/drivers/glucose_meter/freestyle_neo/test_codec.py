from __future__ import annotations

import pytest
from hypothesis import given

from gateway.domain.reading import Limit
from gateway.drivers.freestyle_text import Other, TimeChange
from gateway.drivers.glucose_meter.freestyle_neo import codec
from gateway.drivers.glucose_meter.freestyle_neo.codec import Glucose, Ketone
from gateway.errors import DecodeError
from tests.drivers.freestyle_lines import is_total
from tests.drivers.serial_lines import mangled

# glucometers-tech/glucometer-protocols, FreeStyle Precision Neo: the fields as described there
TEST = b"7,92,5,13,19,14,22,1,112,0,1,0,0,0,0,0,0,0,0"
KETONE = b"9,91,5,13,19,14,25,1,9,1"
CHANGE = b"6,90,10,27,19,2,0,1,10,27,19,3,0,0"


def test_a_test_of_blood_glucose() -> None:
    read = codec.record(TEST)

    assert isinstance(read, Glucose)
    assert str(read.device_time) == "2019-05-13T14:22"
    assert (read.glucose_mgdl, read.limit, read.control) == (112, None, False)


@pytest.mark.parametrize(("word", "limit"), [(b"HI", Limit.ABOVE), (b"LO", Limit.BELOW)])
def test_a_word_instead_of_the_value_is_a_limit(word: bytes, limit: Limit) -> None:
    read = codec.record(TEST.replace(b"112", word))

    assert isinstance(read, Glucose)
    assert (read.glucose_mgdl, read.limit) == (None, limit)


def test_control_solution_says_so() -> None:
    read = codec.record(TEST.replace(b"112,0,1,", b"112,0,0,"))

    assert isinstance(read, Glucose)
    assert read.control


def test_a_clock_that_was_lost_is_no_time() -> None:
    read = codec.record(TEST.replace(b"5,13,19,14,22", b"255,255,255,255,255"))

    assert isinstance(read, Glucose)
    assert read.device_time is None


def test_a_change_of_the_clock_has_both_times() -> None:
    read = codec.record(CHANGE)

    assert isinstance(read, TimeChange)
    assert (str(read.device_time), str(read.old_time)) == ("2019-10-27T02:00", "2019-10-27T03:00")


def test_ketone_is_in_18ths_of_a_mmol_l_or_hi_in_blood_or_in_control_solution() -> None:
    in_blood = codec.record(KETONE)
    beyond = codec.record(KETONE.replace(b",9,1", b",HI,0"))

    assert isinstance(in_blood, Ketone)
    assert isinstance(beyond, Ketone)
    assert str(in_blood.device_time) == "2019-05-13T14:25"
    assert (in_blood.ketone_18ths, in_blood.limit, in_blood.control) == (9, None, False)
    assert (beyond.ketone_18ths, beyond.limit, beyond.control) == (None, Limit.ABOVE, True)


def test_ketone_has_no_lo_for_it_begins_at_nothing() -> None:
    with pytest.raises(DecodeError, match="number"):
        codec.record(KETONE.replace(b",9,1", b",LO,1"))


def test_insulin_is_another_record() -> None:
    assert codec.record(b"10,89,5,13,19,14,25,1,0,12,0,0,0") == Other(89, 10)


@pytest.mark.parametrize(
    ("line", "reason"),
    [(TEST[:26], "fields"), (TEST.replace(b"112", b"1l2"), "number"), (b"7", "fields")],
)
def test_a_line_that_is_no_record_says_why(line: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        codec.record(line)

    assert caught.value.reason == reason


def test_the_wearer_is_not_asked_for() -> None:
    assert not [ask for ask in codec.Ask if b"pt" in ask.value]


@given(line=mangled([TEST, KETONE, CHANGE]))
def test_decoding_is_total(line: bytes) -> None:
    is_total(codec.record, line)
