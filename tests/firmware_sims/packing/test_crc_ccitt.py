import pytest
from firmware_sims.packing.crc_ccitt import ccitt_false, xmodem
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware_sims.serial_vectors import serial_vector


def test_the_check_values_of_both_names_are_met() -> None:
    assert (xmodem(b"123456789"), ccitt_false(b"123456789")) == (0x31C3, 0x29B1)


def test_a_lifescan_packet_tells_them_apart() -> None:
    packet = bytes.fromhex("02060603")

    assert (ccitt_false(packet), xmodem(packet)) == (0x41CD, 0xC50D)


@pytest.mark.parametrize(
    ("identity", "cut", "field"),
    [
        ("dex-crc-4", 0, "crc16_xmodem"),
        ("ultraeasy-version", 2, "crc16_ccitt_false"),
        ("crc-distinguish", 0, "crc16_xmodem"),
    ],
)
def test_the_published_checks_are_met(identity: str, cut: int, field: str) -> None:
    row = serial_vector(identity)
    octets = bytes.fromhex(row["bytes_hex"])
    crc = xmodem if field.endswith("xmodem") else ccitt_false

    assert f"{crc(octets[: len(octets) - cut]):04x}" == row["expected"][field]


@given(st.binary(max_size=40))
def test_a_message_followed_by_its_check_leaves_nothing(message: bytes) -> None:
    assert xmodem(message + xmodem(message).to_bytes(2, "big")) == 0
    assert ccitt_false(message + ccitt_false(message).to_bytes(2, "big")) == 0
