from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import DecodeError
from gateway.wire import racp


def test_all_records_are_asked_for_without_an_operand() -> None:
    assert racp.report() == bytes.fromhex("01 01")
    assert racp.count() == bytes.fromhex("04 01")


def test_a_bookmark_bounds_the_records_from_below() -> None:
    assert racp.report(0x0628) == bytes.fromhex("01 03 01 2806")
    assert racp.count(3) == bytes.fromhex("04 03 01 0300")


def test_an_end_is_named() -> None:
    answer = racp.decode_answer(bytes.fromhex("06 00 01 06"))

    assert answer == racp.Response("response", 1, 6, "no_records_found")


def test_an_unknown_code_stays_unknown() -> None:
    answer = racp.decode_answer(bytes.fromhex("06 00 01 5a"))

    assert answer == racp.Response("response", 1, 0x5A, "reserved")


def test_octets_after_an_end_are_left_alone() -> None:
    answer = racp.decode_answer(bytes.fromhex("06 00 01 01 77"))

    assert answer == racp.Response("response", 1, 1, "success")


@pytest.mark.parametrize(
    ("octets", "count"),
    [("05 00 00 00", 0), ("05 00 07", 7), ("05 00 c00f", 4032), ("05 00 01000000", 1)],
)
def test_a_count_comes_in_one_two_or_four_octets(octets: str, count: int) -> None:
    answer = racp.decode_answer(bytes.fromhex(octets))

    assert answer == racp.Count("count_response", count)


def test_a_combined_report_ends_with_a_count() -> None:
    answer = racp.decode_answer(bytes.fromhex("08 00 0200"))

    assert answer == racp.Count("combined_response", 2)


@pytest.mark.parametrize(
    ("octets", "reason", "offset"),
    [
        ("", "truncated", 0),
        ("06", "truncated", 1),
        ("06 00 01", "truncated", 3),
        ("05 00", "truncated", 2),
        ("05 00 030201", "bad_length", 2),
        ("06 01 01 01", "unexpected_operator", 1),
        ("01 01", "unexpected_op_code", 0),  # a request is no answer
    ],
)
def test_what_is_no_answer_is_refused(octets: str, reason: str, offset: int) -> None:
    with pytest.raises(DecodeError) as caught:
        racp.decode_answer(bytes.fromhex(octets))

    assert (caught.value.reason, caught.value.offset) == (reason, offset)


@pytest.mark.conformance("R-CGMP-R3", "R-CGMP-R4", "GLP/COL/SPA/BV-01")
@pytest.mark.parametrize(
    ("octets", "command"),
    [
        ("01 01", racp.Command("report", "all")),
        ("01 06", racp.Command("report", "last")),
        ("03 00", racp.Command("abort", "null")),
        ("01 02 01 0500", racp.Command("report", "le", "sequence_number", max=5)),
        ("02 04 01 0500 0a00", racp.Command("delete", "range", "sequence_number", 5, 10)),
    ],
)
def test_what_a_collector_writes_can_be_read(octets: str, command: racp.Command) -> None:
    assert racp.decode_command(bytes.fromhex(octets)) == command


def test_a_filter_may_be_the_time_shown_to_the_user() -> None:
    command = racp.decode_command(bytes.fromhex("01 03 02 ea07 01 02 0a 0b 0c"))

    assert command.filter == "user_facing_time"
    assert str(command.min) == "2026-01-02 10:11:12"


@pytest.mark.parametrize(
    ("octets", "reason", "offset"),
    [
        ("09 01", "unexpected_op_code", 0),
        ("01 09", "unknown_operator", 1),
        ("01 03 09 0000", "unknown_filter", 2),
        ("04 01 00", "bad_length", 2),  # what a meter answered with "invalid operand"
        ("01 03 01 0500 00", "bad_length", 5),
        ("01 03 01 05", "truncated", 3),
    ],
)
def test_what_no_collector_may_write_is_refused(octets: str, reason: str, offset: int) -> None:
    with pytest.raises(DecodeError) as caught:
        racp.decode_command(bytes.fromhex(octets))

    assert (caught.value.reason, caught.value.offset) == (reason, offset)


@pytest.mark.parametrize(("service", "name"), [("CGMS", "time_offset"), ("GLS", "sequence_number")])
def test_the_service_names_its_filter(service: str, name: str) -> None:
    command = racp.decode(racp.report(240), {"direction": "command", "service": service})

    assert command == racp.Command("report", "ge", name, 240)


def test_a_request_is_no_answer_even_if_it_is_said_to_be_one() -> None:
    with pytest.raises(DecodeError, match="unexpected_op_code"):
        racp.decode(racp.report(), {"direction": "answer"})


def test_nothing_is_neither_a_request_nor_an_answer() -> None:
    with pytest.raises(DecodeError, match="truncated"):
        racp.decode(b"", {})


@given(st.integers(0, 0xFFFF))
def test_what_is_asked_reads_back(since: int) -> None:
    command = racp.decode_command(racp.report(since))

    assert command == racp.Command("report", "ge", "sequence_number", since)


@pytest.mark.parametrize(
    ("payload", "what"),
    [
        ("0401", "count"),
        ("0103010300", "report"),
        ("0300", "abort"),
        ("0500ffff", "count_response"),
    ],
)
def test_without_a_direction_the_op_code_tells_whose_it_is(payload: str, what: str) -> None:
    assert racp.decode(bytes.fromhex(payload), {}).op == what
