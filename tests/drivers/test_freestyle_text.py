from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers import freestyle_text
from gateway.drivers.freestyle_text import Log, Other, Report, Text, Unreadable
from gateway.errors import DecodeError
from tests.drivers.freestyle_lines import is_total, log, summed
from tests.drivers.serial_lines import mangled

# tidepool-org/uploader, test/lib/abbott/testFreeStyleLibreProtocol.js
VERSION = b"2.1.2\r\nCKSM:00000108\r\nCMD OK\r\n"
NUMBER = b"DB Record Number = 226988\r\nCKSM:00000765\r\nCMD OK\r\n"
FAILED = b"DB Record Number = 226988\r\nCKSM:00000765\r\nCMD Fail!\r\n"


def refused(decode: object, data: bytes) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        decode(data)  # type: ignore[operator]
    return caught.value


def other(line: bytes) -> Other:
    return Other(freestyle_text.number(line.split(b","), 0), 0)


def test_a_question_fills_its_report() -> None:
    asked = freestyle_text.question(freestyle_text.TEXT, b"$serlnum?")

    assert asked == b"\x60\x09$serlnum?" + bytes(53)
    assert freestyle_text.request(freestyle_text.INIT) == b"\x01" + bytes(63)


@pytest.mark.parametrize(
    "said",
    [b"$resetpatient", b"$swreset", b"$time,12,30", b"$ptname,X", b"$date,1,2?", b"$a?\r\n", b"?"],
)
def test_what_is_no_question_cannot_be_asked(said: bytes) -> None:
    with pytest.raises(ValueError, match="only questions"):
        freestyle_text.question(freestyle_text.TEXT, said)


def test_the_answers_of_public_tests_are_read() -> None:
    assert freestyle_text.answer(VERSION).text == "2.1.2"
    assert freestyle_text.answer(NUMBER).text == "DB Record Number = 226988"
    assert freestyle_text.answer(NUMBER).checksum == "00000765"


@pytest.mark.parametrize(
    ("data", "reason", "at"),
    [
        (FAILED, "command_failed", FAILED.find(b"Fail!")),
        (VERSION.replace(b"0108", b"0111"), "checksum", 12),
        (VERSION.replace(b"00000108", b"108"), "no_checksum", 17),
        (VERSION.replace(b"2.1.2", b"2.1.3"), "checksum", 12),
        (VERSION[:-1], "incomplete", len(VERSION) - 1),
        (b"", "incomplete", 0),
        (b"CMD OK\r\n", "no_checksum", 0),
    ],
)
def test_an_answer_that_is_none_says_why(data: bytes, reason: str, at: int) -> None:
    error = refused(freestyle_text.answer, data)

    assert (error.reason, error.offset) == (reason, at)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "incomplete"),
        (b"\x60", "incomplete"),
        (b"\x60\x3f" + bytes(62), "length"),
        (b"\x60\x05$sn?", "incomplete"),
    ],
)
def test_a_report_that_is_none_says_why(data: bytes, reason: str) -> None:
    assert refused(freestyle_text.report, data).reason == reason


def test_of_a_report_only_what_its_length_says_has_a_meaning() -> None:
    assert freestyle_text.report(b"\x71\x01\x01" + b"\xaa" * 61) == Report(0x71, b"\x01")


def test_records_are_lines_with_a_count_and_a_sum_of_their_own() -> None:
    message = freestyle_text.answer(log(b"1,2", b"3,4")).message

    assert freestyle_text.records(message) == (b"1,2", b"3,4")
    assert freestyle_text.records(b"Log Empty\r\n") == ()
    assert freestyle_text.records(b"0,00000000\r\n") == ()


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"1,2\r\n3,4\r\n2,00000160\r\n", "records_checksum"),
        (b"1,2\r\n3,4\r\n1,%08X\r\n" % sum(b"1,2\r\n3,4\r\n"), "count"),
        (b"1,2\r\n3,4\r\n", "no_records"),
        (b"2.1.2\r\n", "no_records"),
    ],
)
def test_records_that_do_not_add_up_are_none(message: bytes, reason: str) -> None:
    assert refused(freestyle_text.records, message).reason == reason


def test_a_line_that_cannot_be_read_does_not_cost_the_others() -> None:
    decoded = freestyle_text.message(log(b"7,x", b"?,y", b"9,z"), other)

    assert isinstance(decoded, Log)
    assert decoded.records == (Other(7, 0), Unreadable("number", 0), Other(9, 0))


def test_an_answer_that_is_no_list_is_text() -> None:
    assert freestyle_text.message(VERSION, other) == Text("2.1.2", "00000108")
    assert freestyle_text.message(b"\x71\x01\x01", other) == Report(0x71, b"\x01")


def test_a_list_that_does_not_add_up_is_no_text_either() -> None:
    wrong = summed(b"1,2\r\n1,00000001\r\n")

    assert refused(lambda data: freestyle_text.message(data, other), wrong).reason == (
        "records_checksum"
    )


def test_a_field_is_a_number_or_says_where_it_is_none() -> None:
    fields = [b"12", b"-5", b"99999999999"]

    assert freestyle_text.number(fields, 0) == 12
    for at, (reason, offset) in {1: ("number", 3), 2: ("number", 6), 3: ("fields", 17)}.items():
        error = refused(lambda _, at=at: freestyle_text.number(fields, at), b"")
        assert (error.reason, error.offset) == (reason, offset)


@pytest.mark.parametrize(
    ("date", "time", "shown"),
    [
        (b"5,13,19\r\n", b"14,22\r\n", "2019-05-13T14:22"),
        (b"5,13,19\r\n", b"14,22,18\r\n", "2019-05-13T14:22:18"),
        (b"255,255,255\r\n", b"255,255\r\n", "None"),
        (b"2,30,19\r\n", b"14,22\r\n", "None"),
    ],
)
def test_a_clock_shows_minutes_or_seconds_or_was_lost(date: bytes, time: bytes, shown: str) -> None:
    assert str(freestyle_text.clock(date, time)) == shown


def test_a_clock_with_a_field_too_few_is_none() -> None:
    with pytest.raises(DecodeError):
        freestyle_text.clock(b"5,13,19\r\n", b"14\r\n")


@given(data=mangled([VERSION, FAILED, log(b"1,2", b"3,4"), b"\x60\x05$sn?\0"]))
def test_decoding_is_total(data: bytes) -> None:
    is_total(lambda octets: freestyle_text.message(octets, other), data)


@given(
    lines=st.lists(
        st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=30), max_size=9
    )
)
def test_whatever_the_lines_are_they_come_out_as_they_were(lines: list[str]) -> None:
    told = [line.encode() for line in lines]

    assert freestyle_text.records(freestyle_text.answer(log(*told)).message) == tuple(told)
