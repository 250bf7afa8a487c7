from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import DecodeError
from gateway.wire.cursor import Cursor


def test_fields_are_little_endian_and_follow_one_another() -> None:
    cursor = Cursor(bytes.fromhex("01 0203 040506 0708090a 0b0c"))

    assert cursor.u8() == 0x01
    assert cursor.u16() == 0x0302
    assert cursor.u24() == 0x060504
    assert cursor.u32() == 0x0A090807
    assert cursor.u16_big_endian() == 0x0B0C
    assert cursor.remaining == 0


def test_signed_fields_are_twos_complement() -> None:
    cursor = Cursor(bytes.fromhex("ff feff"))

    assert [cursor.i8(), cursor.i16()] == [-1, -2]


def test_the_rest_is_empty_at_the_end() -> None:
    cursor = Cursor(b"\x01\x02\x03", offset=1)

    assert cursor.rest() == b"\x02\x03"
    assert cursor.rest() == b""
    cursor.finish()


def test_octets_left_over_are_an_error_where_the_length_is_fixed() -> None:
    cursor = Cursor(b"\x01\x02")
    cursor.u8()

    with pytest.raises(DecodeError) as caught:
        cursor.finish()

    assert (caught.value.reason, caught.value.offset) == ("bad_length", 1)


SIZES = {
    "u8": 1, "u16": 2, "u24": 3, "u32": 4, "i8": 1, "i16": 2, "u16_big_endian": 2,
}  # fmt: skip


@given(data=st.binary(max_size=12), read=st.sampled_from(sorted(SIZES)), offset=st.integers(0, 12))
def test_a_read_past_the_end_fails_and_does_not_move(data: bytes, read: str, offset: int) -> None:
    cursor = Cursor(data, min(offset, len(data)))
    before = cursor.offset

    if cursor.remaining >= SIZES[read]:
        getattr(cursor, read)()

        assert cursor.offset == before + SIZES[read]
        return
    with pytest.raises(DecodeError) as caught:
        getattr(cursor, read)()

    assert (caught.value.reason, caught.value.payload) == ("truncated", data)
    assert caught.value.offset == cursor.offset == before
