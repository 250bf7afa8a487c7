"""Advertisements: strangers send these bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers.api import Reach
from gateway.transport.hci.advertising import Pieces, sighting

FULL = "12345678-9abc-def0-1234-56789abcdef0"


@pytest.mark.parametrize(
    ("payload", "services"),
    [
        ("05 03 10 18 0f 18", {"1810", "180f"}),
        ("04 02 10 18 0f", {"1810"}),  # half of the second is missing
        ("05 05 78 56 34 12", {"12345678-0000-1000-8000-00805f9b34fb"}),
        ("11 07 f0 de bc 9a 78 56 34 12 f0 de bc 9a 78 56 34 12", {FULL}),
        ("11 07 fb 34 9b 5f 80 00 00 80 00 10 00 00 10 18 00 00", {"1810"}),
    ],
)
def test_services_are_read_in_every_length(payload: str, services: set[str]) -> None:
    assert sighting("C0:00:00:00:00:01", bytes.fromhex(payload), -60).services == services


def test_names_and_data_are_read() -> None:
    payload = bytes.fromhex(
        "02 01 06  03 08 61 62  04 09 61 62 63  04 ff 0e 02 01  05 16 1d 18 aa bb"
    )

    seen = sighting("c0:00:00:00:00:01", payload, None)

    assert seen.address == "C0:00:00:00:00:01"
    assert seen.reach is Reach.BLE
    assert seen.name == "abc"
    assert seen.manufacturer_data == {0x020E: b"\1"}
    assert seen.service_data == {"181d": b"\xaa\xbb"}
    assert seen.rssi_dbm is None


def test_a_short_name_does_not_replace_the_full_one() -> None:
    payload = bytes.fromhex("04 09 61 62 63  03 08 61 62")

    assert sighting("", payload, None).name == "abc"


@given(st.binary(max_size=70))
def test_any_bytes_make_a_sighting(payload: bytes) -> None:
    assert sighting("C0:00:00:00:00:01", payload, -40).rssi_dbm == -40


@given(st.binary(min_size=1, max_size=1650), st.integers(1, 229), st.integers(1, 229))
def test_a_long_advertisement_comes_whole_while_another_comes_too(
    payload: bytes, size: int, other_size: int
) -> None:
    pieces = Pieces()
    came: dict[str, list[bytes]] = {"long": [], "other": []}
    left = {"long": payload, "other": payload[::-1]}
    sizes = {"long": size, "other": other_size}
    while any(left.values()):
        for who in [who for who, rest in left.items() if rest]:
            piece, left[who] = left[who][: sizes[who]], left[who][sizes[who] :]
            if (whole := pieces.whole(who, piece, more=bool(left[who]))) is not None:
                came[who].append(whole)

    assert came == {"long": [payload], "other": [payload[::-1]]}


def test_pieces_that_never_end_are_given_up() -> None:
    pieces = Pieces()
    for advertiser in range(100):
        for _ in range(20):
            assert pieces.whole(advertiser, bytes(229), more=True) is None

    assert sum(map(pieces.begun, range(100))) <= 64
    assert len(pieces.whole(0, b"", more=False) or b"") <= 1650
