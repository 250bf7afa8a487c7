from __future__ import annotations

import pytest
from hypothesis import given

from gateway.drivers.cgm.freestyle_libre import codec
from gateway.drivers.cgm.freestyle_libre.codec import Result
from gateway.drivers.freestyle_text import Other, TimeChange
from gateway.errors import DecodeError
from tests.drivers.freestyle_lines import is_total
from tests.drivers.serial_lines import mangled

# glucometers-tech/glucometer-protocols, FreeStyle Libre: the fields as described there
HISTORY = b"34412,12,5,13,19,14,22,18,1,0,0,0,0,105,4578,0"
FIRST = b"34000,12,5,10,19,10,4,18,1,0,0,0,1,98,15,0"
INVALID = b"34413,12,5,13,19,14,37,18,1,0,0,0,0,0,4593,32768"
STRIP = b"34420,2,5,13,19,15,0,9,1,0,0,0,112,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0" + b',""' * 6
KETONE = b"34421,2,5,13,19,15,2,9,1,1,0,0,9,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0" + b',""' * 6
CHANGE = b"34430,5,10,27,19,2,0,12,1,10,27,19,3,0,12,1,0,0,0,0"
# Published from a reader of the next generation in a public client's tests: a scan of 94 mg/dL
SCAN = b'453,2,6,19,26,9,11,30,1,2,0,0,94,1,3,1,0,0,0,0,0,0,3,0,0,1,15,0,0,276,94,5,"","","",""'


def test_a_sample_of_the_history() -> None:
    read = codec.sample(HISTORY)

    assert (read.record_id, str(read.device_time)) == (34412, "2019-05-13T14:22:18")
    assert (read.glucose_mgdl, read.sensor_minutes) == (105, 4578)
    assert (read.valid, read.time_valid, read.first_of_sensor) == (True, True, False)


def test_the_first_sample_of_a_sensor_says_so() -> None:
    assert codec.sample(FIRST).first_of_sensor


def test_a_sample_with_error_bits_has_no_value() -> None:
    read = codec.sample(INVALID.replace(b",0,4593", b",180,4593"))

    assert (read.valid, read.glucose_mgdl, read.error_bits) == (False, None, 0x8000)


def test_results_say_what_they_are_of() -> None:
    read = [codec.result(line) for line in (STRIP, KETONE, SCAN)]

    assert all(isinstance(each, Result) for each in read)
    assert [(each.what, each.value) for each in read if isinstance(each, Result)] == [
        ("blood_glucose", 112),
        ("ketone", 9),
        ("sensor_scan", 94),
    ]


def test_a_kind_of_result_that_nobody_knows_is_named_so() -> None:
    read = codec.result(STRIP.replace(b",1,0,0,0,112", b",1,3,0,0,112"))

    assert isinstance(read, Result)
    assert read.what == "unknown_3"


def test_a_result_with_error_bits_has_no_value_and_is_not_low() -> None:
    read = codec.result(STRIP.replace(b",0,0,0,112", b",0,0,1,112").replace(b',0,""', b',4,""', 1))

    assert isinstance(read, Result)
    assert (read.valid, read.value, read.low, read.error_bits) == (False, None, False, 4)


def test_a_change_of_the_clock_has_both_times() -> None:
    read = codec.result(CHANGE)

    assert isinstance(read, TimeChange)
    assert (str(read.device_time), str(read.old_time)) == (
        "2019-10-27T02:00:12",
        "2019-10-27T03:00:12",
    )


def test_a_clock_that_was_lost_is_no_time() -> None:
    read = codec.result(CHANGE.replace(b"10,27,19,3,0,12,1", b"255,255,255,255,255,255,0"))

    assert isinstance(read, TimeChange)
    assert read.old_time is None
    assert read.device_time is not None


def test_a_record_of_another_type_is_passed_over() -> None:
    assert codec.result(b"34440,4,whatever") == Other(34440, 4)


def test_an_error_tells_nothing_of_what_the_wearer_wrote() -> None:
    line = STRIP.replace(b",112,", b",???,").replace(b'""', b'"after the pills"', 1)

    with pytest.raises(DecodeError) as caught:
        codec.result(line)

    assert caught.value.reason == "number"
    assert b"pills" not in caught.value.payload


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (HISTORY[: HISTORY.rfind(b",")], "fields"),
        (HISTORY.replace(b",12,", b",13,", 1), "record_type"),
        (HISTORY.replace(b"105", b"1O5"), "number"),
        (b"", "fields"),
    ],
)
def test_a_line_that_is_no_sample_says_why(line: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        codec.sample(line)

    assert caught.value.reason == reason


def test_a_line_of_the_history_is_no_result() -> None:
    with pytest.raises(DecodeError, match="record_type"):
        codec.result(HISTORY)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("DB Record Number = 226988", 226988),  # tidepool-org/uploader
        ("DBRECORDS = 34412", 34412),  # glucometer-protocols
        ("DB Record Number = ", None),
        ("226988", None),
    ],
)
def test_the_number_of_records_is_told_in_two_ways(text: str, told: int | None) -> None:
    assert codec.record_number(text) == told


def test_the_wearer_is_not_asked_for() -> None:
    assert not [ask for ask in codec.Ask if b"pt" in ask.value]
    assert all(ask.value.endswith(b"?") for ask in codec.Ask)


@given(line=mangled([HISTORY, STRIP, KETONE, SCAN, CHANGE]))
def test_decoding_is_total(line: bytes) -> None:
    is_total(codec.record, line)
