from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.sums import crc16_ccitt_false, crc16_xmodem, sum8, sum16, xor8

CHECK = b"123456789"


def test_check_values() -> None:
    assert crc16_xmodem(CHECK) == 0x31C3
    assert crc16_ccitt_false(CHECK) == 0x29B1
    assert sum16(CHECK) == 0x01DD
    assert sum8(CHECK) == 0xDD
    assert xor8(CHECK) == 0x31


def test_the_two_crcs_of_one_polynomial_tell_lifescan_from_dexcom() -> None:
    frame = bytes.fromhex("02 06 06 03")

    assert crc16_ccitt_false(frame) == 0x41CD
    assert crc16_xmodem(frame) == 0xC50D


@given(st.binary(max_size=40))
def test_a_message_followed_by_its_own_sum_comes_out_as_zero(data: bytes) -> None:
    assert xor8(data + bytes((xor8(data),))) == 0
    assert crc16_xmodem(data + crc16_xmodem(data).to_bytes(2, "big")) == 0
