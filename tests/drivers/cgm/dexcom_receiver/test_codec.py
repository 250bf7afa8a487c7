from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers.cgm.dexcom_receiver import DRIVER
from gateway.drivers.cgm.dexcom_receiver.database import (
    Egv,
    EgvPage,
    NoGlucose,
    Unreadable,
    egv,
    header,
    page,
)
from gateway.drivers.cgm.dexcom_receiver.packet import Command, packet, packets, request
from gateway.errors import DecodeError
from gateway.wire.stream import Framer
from tests.drivers.cgm.dexcom_receiver.receiver import DISPLAY_OFFSET, Receiver, egv_5, framed
from tests.drivers.cgm.dexcom_receiver.receiver import egv as egv_record
from tests.drivers.serial_lines import cut, is_total, mangled

# A public capture of a G4 with Share: 79 mg/dL, steady.
CAPTURED = bytes.fromhex("895b4d0c fdd6710d 4f00 14 87ff")

NEVER = {26, 28, 30, 32, 36, 38, 40, 42, 45, 46, 47, 60}
"""Commands that erase, reset, set or shut down."""


def test_a_ping_is_what_the_captures_show() -> None:
    assert request(Command.PING).hex() == "0106000a5e65"
    assert request(Command.READ_PAGE_RANGE, b"\x04").hex() == "01070010048bb8"


def test_nothing_but_reading_can_be_said() -> None:
    assert not {int(command) for command in Command} & NEVER


def test_a_captured_record_is_read() -> None:
    decoded = egv(CAPTURED)

    assert isinstance(decoded, Egv)
    assert (decoded.glucose_mgdl, decoded.trend, decoded.noise) == (79, 4, 1)
    assert decoded.system_time == datetime(2015, 7, 17, 20, 18, 17)  # noqa: DTZ001
    assert decoded.display_time == datetime(2016, 2, 24, 16, 46, 53)  # noqa: DTZ001
    assert decoded.emit


def test_a_value_that_another_replaces_is_no_reading() -> None:
    decoded = egv(egv_record(1, 0x8000 | 140))

    assert isinstance(decoded, Egv)
    assert (decoded.glucose_mgdl, decoded.display_only, decoded.emit) == (140, True, False)


@pytest.mark.parametrize(
    ("value", "special"),
    [(1, "SENSOR_NOT_ACTIVE"), (10, "POWER_DEVIATION"), (12, "BAD_RF"), (7, "UNKNOWN_7")],
)
def test_a_reason_for_no_glucose_is_no_glucose(value: int, special: str) -> None:
    assert egv(egv_record(1, value)) == NoGlucose(1, 1 + DISPLAY_OFFSET, special, None)


def test_a_prediction_may_be_unavailable() -> None:
    with_one, without = egv(egv_5(1, 98, 1, predicted=0x8000 | 75)), egv(egv_5(1, 98, 1))

    assert isinstance(with_one, Egv)
    assert isinstance(without, Egv)
    assert (with_one.predicted_mgdl, with_one.urgent_low_soon) == (75, True)
    assert (without.predicted_mgdl, without.urgent_low_soon) == (None, False)


def test_a_damaged_record_leaves_the_others_of_its_page() -> None:
    damaged = bytearray(egv_record(2, 120))
    damaged[8] ^= 1
    raw = Receiver([egv_record(1, 110), bytes(damaged), egv_record(3, 130)])._pages()[0]

    decoded = page(raw)

    assert isinstance(decoded, EgvPage)
    assert isinstance(decoded.records[0], Egv)
    assert decoded.records[1] == Unreadable("crc", bytes(damaged))
    assert isinstance(decoded.records[2], Egv)


@pytest.mark.parametrize(
    ("at", "to", "reason"), [(0, 9, "header_crc"), (26, 0, "header_crc"), (27, 255, "header_crc")]
)
def test_a_damaged_head_is_seen(at: int, to: int, reason: str) -> None:
    raw = bytearray(Receiver([CAPTURED])._pages()[0])
    raw[at] = to if raw[at] != to else to + 1

    with pytest.raises(DecodeError, match=reason):
        page(bytes(raw))


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (Receiver._head(0, 1, 5, 2, 0), "partition"),
        (Receiver._head(0, 1, 4, 9, 0), "revision"),
        (Receiver._head(0, 39, 4, 2, 0), "count"),
    ],
)
def test_a_page_of_another_kind_is_refused(head: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        page(head.ljust(528, b"\xff"))


def test_a_short_page_is_refused() -> None:
    with pytest.raises(DecodeError, match="length"):
        page(b"")
    with pytest.raises(DecodeError, match="length"):
        header(b"\x00" * 27)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("02 0600 0a 5e65", "sof"),
        ("01 3706 01", "length"),
        ("01 0500 0a 5e65", "length"),
        ("01 0600 0a 5e", "incomplete"),
        ("01", "incomplete"),
        ("01 0600 0a 5e65 00", "length"),
        ("01 0600 0b 5e65", "crc"),
    ],
)
def test_a_packet_that_breaks_the_rules_is_refused(data: str, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        packet(bytes.fromhex(data))

    assert caught.value.reason == reason


@given(chunks=cut(b"AT\r\n" + framed(1) + b"\x01\x40\x00" + framed(1, b"x" * 80) + framed(4)))
def test_packets_do_not_depend_on_how_the_chunks_fall(chunks: list[bytes]) -> None:
    framer = Framer(packets)

    whole = [p for chunk in chunks for p in framer.feed(chunk) if isinstance(p, bytes)]

    assert whole == [framed(1), framed(1, b"x" * 80), framed(4)]


PAGE = Receiver([CAPTURED] * 38)._pages()[0]


@given(
    data=mangled([CAPTURED, egv_5(1, 98, 1), PAGE, framed(1, PAGE), framed(1, b"12345678")]),
    direction=st.sampled_from(["host->device", "device->host"]),
)
def test_decoding_is_total(data: bytes, direction: str) -> None:
    is_total(DRIVER, data, {"direction": direction})
