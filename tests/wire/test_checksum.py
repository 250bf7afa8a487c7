from __future__ import annotations

import pytest
from firmware_sims.packing.checksum import with_crc
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import DecodeError
from gateway.wire.checksum import crc16_mcrf4xx, without_e2e_crc


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"123456789", 0x6F91),  # the check value of CRC-16/MCRF4XX
        (b"A", 0x5C0A),
        (bytes.fromhex("3e010203040506070809"), 0x2F01),  # CGM Service, worked example
        (b"", 0xFFFF),
    ],
)
def test_known_checksums(data: bytes, crc: int) -> None:
    assert crc16_mcrf4xx(data) == crc


def test_the_checksum_goes_least_significant_octet_first() -> None:
    assert without_e2e_crc(b"123456789" + bytes.fromhex("916f")) == b"123456789"


@given(st.binary(max_size=40))
def test_what_was_sealed_comes_back(data: bytes) -> None:
    assert without_e2e_crc(with_crc(data)) == data


@given(st.binary(max_size=20), st.data())
def test_a_flipped_bit_is_seen(data: bytes, draw: st.DataObject) -> None:
    sealed = bytearray(with_crc(data))
    bit = draw.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8

    with pytest.raises(DecodeError, match="crc"):
        without_e2e_crc(bytes(sealed))


def test_a_wrong_checksum_is_an_error_where_it_stands() -> None:
    with pytest.raises(DecodeError) as caught:
        without_e2e_crc(b"123456789\x91\x6e")

    assert (caught.value.reason, caught.value.offset) == ("crc", 9)


def test_a_single_octet_has_no_room_for_a_checksum() -> None:
    with pytest.raises(DecodeError, match="truncated"):
        without_e2e_crc(b"\x01")
