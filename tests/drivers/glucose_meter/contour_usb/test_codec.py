"""What public captures say, octet for octet, and what is none of it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.reading import Limit
from gateway.drivers.glucose_meter.contour_usb import codec, framing
from gateway.drivers.glucose_meter.contour_usb.codec import (
    Control,
    End,
    Header,
    Note,
    Order,
    Other,
    Part,
    Result,
)
from gateway.errors import DecodeError
from gateway.wire.stream import Framer
from tests.drivers.freestyle_lines import is_total
from tests.drivers.glucose_meter.contour_usb.captures import (
    EMPTY,
    FULL,
    HEADERS,
    NEXT_ONE,
    ONE_RESULT,
    RESULTS,
    report,
)
from tests.drivers.glucose_meter.contour_usb.meter import summed
from tests.drivers.serial_lines import mangled


@pytest.mark.parametrize(
    ("name", "serial", "count", "shown"),
    [
        ("Contour USB", "7390-2336773", 1714, "2019-09-22T13:04"),
        ("Contour Next USB", "7428-4293200", 226, "2019-06-21T12:55:55"),
        ("Contour Next", "7901H33A1578", 25, "2026-02-08T10:42:18"),
    ],
)
def test_a_header_says_who_the_meter_is_and_what_its_clock_shows(
    name: str, serial: str, count: int, shown: str
) -> None:
    read = codec.message(HEADERS[name])

    assert isinstance(read, Header)
    assert (read.serial, read.record_count, str(read.device_time)) == (serial, count, shown)


def test_a_header_without_the_settings_of_others_is_read_too() -> None:
    read = codec.record(NEXT_ONE)

    assert isinstance(read, Header)
    assert (read.product, read.serial, read.record_count) == ("Contour7800", "7801-1417178", 2)
    assert str(read.device_time) == "2019-10-17T20:51:06"


def test_a_serial_number_with_a_blank_in_it_has_none() -> None:  # bewest/bayer-medtronic-interface
    text = (
        b"H|\\^&||yqeBeF|Bayer6200^01.22\\01.13\\01.13^6201- C36847^0000-|A=1|0||||||1|201505242024"
    )

    read = codec.record(text)

    assert isinstance(read, Header)
    assert (read.product, read.serial) == ("Bayer6200", "6201-C36847")


@pytest.mark.parametrize(
    ("name", "value", "unit", "marks", "shown"),
    [
        ("a test", "102", "mg/dL", ("M0", "T1"), "2014-02-05T21:35"),
        ("fasting", "106", "mg/dL", ("F", "M0", "T1"), "2019-07-11T10:26"),
        ("after a meal", "93", "mg/dL", ("A", "M0", "T1"), "2015-05-26T11:50"),
        ("before a meal", "7.9", "mmol/L", ("B",), "2010-11-28T19:49"),
    ],
)
def test_a_result_has_its_unit_and_its_marks(
    name: str, value: str, unit: str, marks: tuple[str, ...], shown: str
) -> None:
    read = codec.message(RESULTS[name])

    assert isinstance(read, Result)
    assert (read.glucose, read.unit, read.marks) == (Decimal(value), unit, marks)
    assert (str(read.device_time), read.control, read.limit) == (shown, False, None)


def test_seconds_are_read_where_a_meter_has_them() -> None:  # a Contour Next One's, and its order
    read = codec.record(b"R|2|^^^Glucose|159|mg/dL^P||T0/M0||20191016001203")

    assert isinstance(read, Result)
    assert str(read.device_time) == "2019-10-16T00:12:03"


@pytest.mark.parametrize(("mark", "limit"), [("<", Limit.BELOW), (">/A", Limit.ABOVE)])
def test_a_number_beside_a_limit_is_none(mark: str, limit: Limit) -> None:
    read = codec.record(f"R|2|^^^Glucose|600|mg/dL^P||{mark}||201910160012".encode())

    assert isinstance(read, Result)
    assert (read.glucose, read.limit) == (None, limit)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (b"P|1", Other("P")),
        (b"L|1||N", End(whole=True)),
        (b"L|1||E", End(whole=False)),
        (b"L|1", End(whole=False)),
        (b"R|12|^^^Carb|8|3^||||201404021053", Note(12, "Carb")),
        (b"R|13|^^^Insulin|80|1^||||201404021053", Note(13, "Insulin")),
        (b"O|1", Order(control=False)),
        (b"O|2||||||||||Q", Order(control=True)),
    ],
)
def test_other_records_are_told_apart(text: bytes, read: object) -> None:
    assert codec.record(text) == read


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"R|2|^^^Glucose|1o2|mg/dL^P||||201910160012", "number"),
        (b"R|x|^^^Glucose|102|mg/dL^P||||201910160012", "number"),
        (b"R|2|^^^Glucose|102|^P||||201910160012", "unit"),
        (b"R|2|^^^Glucose|102|mg/dL^P||</>||201910160012", "number"),
        (b"R|2|^^^Glucose|102", "fields"),
        (b"H|\\^&||x", "fields"),
        (b"H|^~&||x", "delimiters"),
    ],
)
def test_what_cannot_be_read_says_why(text: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        codec.record(text)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (RESULTS["a test"].replace(b"102", b"120").replace(b"26\r", b"27\r"), "checksum"),
        (RESULTS["a test"][:-3], "incomplete"),
        (RESULTS["a test"].replace(b"\x17", b"\x16"), "frame"),
        (RESULTS["a test"].replace(b"\x024", b"\x029"), "frame"),
        (b"ABC", "incomplete"),
        (b"ABC\x3d".ljust(64, b"\0"), "length"),
        (b"ABC\x05\x04", "incomplete"),
    ],
)
def test_a_damaged_frame_or_report_says_what_is_wrong(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        codec.message(data)


def test_a_frame_that_fills_its_report_is_whole_all_the_same() -> None:
    assert len(FULL) == 64
    read = codec.message(FULL)

    assert isinstance(read, Result)
    assert read.glucose == Decimal("10.9")
    assert Framer(framing.pieces).feed(framing.payload(FULL)) == [FULL[4:]]


def test_a_report_says_what_it_carries() -> None:
    assert codec.message(report(b"\x05")) == Control("ENQ")
    assert codec.message(report(EMPTY[1][1][0])) == Part(EMPTY[1][1][0])
    assert codec.message(report(b"\x022P|1\r\x1753\r\n")) == Other("P")


@given(number=st.integers(0, 7), text=st.text("HRPL|^0123", max_size=80), last=st.booleans())
def test_what_is_framed_is_read_as_it_was(number: int, text: str, last: bool) -> None:
    read = framing.frame(summed(number, text, b"\x03" if last else b"\x17"))

    assert (read.number, read.text, read.last) == (number, text.encode(), last)


@given(place=st.integers(1, 40), change=st.integers(1, 255))
def test_no_changed_octet_goes_unseen(place: int, change: int) -> None:
    data = bytearray(RESULTS["fasting"])
    data[place] ^= change

    with pytest.raises(DecodeError):
        framing.frame(bytes(data))


KNOWN = [
    FULL,
    *HEADERS.values(),
    *RESULTS.values(),
    *(report(part) for _, parts in (*EMPTY, *ONE_RESULT) for part in parts),
]


@given(data=mangled(KNOWN))
def test_decoding_is_total(data: bytes) -> None:
    is_total(codec.message, data)


@given(data=mangled([framing.frame(each).text for each in (*HEADERS.values(), *RESULTS.values())]))
def test_so_is_decoding_a_record(data: bytes) -> None:
    is_total(codec.record, data)
