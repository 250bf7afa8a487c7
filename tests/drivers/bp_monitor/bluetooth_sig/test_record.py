from __future__ import annotations

import pytest
from firmware_sims.packing.checksum import with_crc
from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers.api import Frame, gatt
from gateway.drivers.bp_monitor.bluetooth_sig.record import Assembly, StoredRecord
from gateway.errors import DecodeError
from gateway.testing.clock import ManualClock

FIRST, LAST = 1, 2
HEAD = bytes.fromhex("0700 342b")  # record 7, which holds a 2B34


def segment(counter: int, bits: int, data: bytes, *, head: bytes = HEAD) -> Frame:
    octets = bytes((counter << 2 | bits,)) + head + data
    return Frame(gatt("1810", "2b36"), octets, ManualClock().now())


def put_together(*frames: Frame, e2e_crc: bool = False) -> StoredRecord | None:
    assembly = Assembly(e2e_crc=e2e_crc)
    whole = None
    for frame in frames:
        whole = assembly.add(frame)
    return whole


@pytest.mark.conformance("R-BLP-E3")
@pytest.mark.parametrize("head", [HEAD, b""], ids=["repeated", "once"])
def test_segments_are_joined_whether_they_repeat_the_number_or_not(head: bytes) -> None:
    record = put_together(segment(63, FIRST, b"ab"), segment(0, LAST, b"cd", head=head))

    assert record is not None
    assert (record.sequence, record.uuid, record.data) == (7, "2B34", b"abcd")


def test_a_record_of_one_segment_is_whole_at_once() -> None:
    record = put_together(segment(9, FIRST | LAST, b"ab"))

    assert record is not None
    assert record.data == b"ab"


def test_a_gap_in_the_counter_gives_the_record_up_and_the_next_is_read() -> None:
    assembly = Assembly(e2e_crc=False)
    assembly.add(segment(1, FIRST, b"ab"))
    with pytest.raises(DecodeError, match="segment_missing"):
        assembly.add(segment(3, LAST, b"cd"))

    whole = assembly.add(segment(4, FIRST | LAST, b"ef"))

    assert whole is not None
    assert whole.data == b"ef"


def test_a_middle_without_a_beginning_is_refused() -> None:
    with pytest.raises(DecodeError, match="segment_missing"):
        put_together(segment(5, 0, b"ab"))


@pytest.mark.conformance("R-BLP-E5")
def test_the_crc_stands_for_all_segments() -> None:
    first = segment(1, FIRST, b"ab")
    body = with_crc(first.data + segment(2, LAST, b"cd").data)[len(first.data) :]
    last = Frame(first.channel, body, first.received)

    record = put_together(first, last, e2e_crc=True)

    assert record is not None
    assert record.data == b"abcd"
    spoiled = Frame(last.channel, last.data[:-1] + b"\x00", last.received)
    with pytest.raises(DecodeError, match="crc"):
        put_together(first, spoiled, e2e_crc=True)


@given(st.lists(st.binary(max_size=12), max_size=6), st.booleans())
def test_any_segments_are_a_record_or_refused(octets: list[bytes], e2e_crc: bool) -> None:
    assembly = Assembly(e2e_crc=e2e_crc)
    for data in octets:
        fault = None
        try:
            assembly.add(Frame(gatt("1810", "2b36"), data, ManualClock().now()))
        except DecodeError as error:
            fault = error
        assert fault is None or 0 <= fault.offset <= max(len(fault.payload), len(data))
