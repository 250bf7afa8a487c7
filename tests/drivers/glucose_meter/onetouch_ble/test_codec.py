from __future__ import annotations

from contextlib import suppress
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers.api import Channel, Fit, Frame, Reach, Sighting
from gateway.drivers.glucose_meter.onetouch_ble import DRIVER, codec
from gateway.drivers.glucose_meter.onetouch_ble.codec import Acknowledgement, Ask, Piece, Record
from gateway.drivers.glucose_meter.onetouch_ble.meter import NOTIFIED, SERVICE
from gateway.errors import DecodeError
from gateway.testing.clock import ManualClock
from tests.drivers.glucose_meter.onetouch_ble.meter import DONE, pieces, sealed, stored

# What a meter sent of itself, in three pieces (h2Sync, OneTouchPlusFlex.h).
CAPTURED = [
    bytes.fromhex("03 022a00 0406 3600460034003500460035004300"),
    bytes.fromhex("41 44004600330043003700370043004600430000"),
    bytes.fromhex("42 00 03 5a17"),
]

SEEN = bytes.fromhex("0200 0560d19178af419c9833d5e17284d232")
"""What a meter was seen to advertise after its maker's number (from the same source)."""


def said(data: bytes) -> Piece:
    piece = codec.notification(data)
    assert isinstance(piece, Piece)
    return piece


@pytest.mark.parametrize(
    ("asked", "sent"),
    [  # with prefix 4 as the maker's app was seen to send them (h2Sync, AppiaGlucometers)
        (Ask.CLOCK.value, "04 20 02 03 f9c3"),
        (Ask.NEWEST.value, "04 0a 02 06 03 de58"),
        (Ask.COUNT.value, "04 27 00 03 0b20"),
        (codec.ask_for_place(5), "04 31 02 0500 00 03 ece9"),
    ],
)
def test_questions_are_those_of_the_makers_app(asked: bytes, sent: str) -> None:
    whole = bytes.fromhex(sent)
    captured = b"\x02" + (len(whole) + 3).to_bytes(2, "little") + whole

    assert sealed(asked, prefix=4) == captured
    assert codec.question(asked) == b"\x01" + sealed(asked)


def test_a_record_is_asked_for_by_its_number() -> None:
    assert codec.question(codec.ask_for_record(0x0146)) == b"\x01" + sealed(b"\xb3\x46\x01")


def test_a_question_fits_into_one_piece() -> None:
    assert len(codec.question(bytes(12))) == 20
    with pytest.raises(ValueError, match="so long"):
        codec.question(bytes(13))


def test_nothing_that_erases_or_changes_limits_can_be_said() -> None:
    every = [ask.value for ask in Ask] + [codec.ask_for_record(1), codec.ask_for_place(1)]

    assert {it[:2] for it in every} == {
        b"\x20\x02",
        b"\x0a\x02",
        b"\x27\x00",
        b"\x31\x02",
        b"\xb3\x01",
    }


def test_a_captured_packet_is_put_together_and_each_piece_acknowledged() -> None:
    assembly = codec.Assembly()

    whole = [assembly.add(said(data)) for data in CAPTURED]

    assert whole[:2] == [None, None]
    assert whole[2] is not None
    told = codec.answer(whole[2])
    assert told.status == codec.Status.DONE
    assert told.content.decode("utf-16-le").rstrip("\0") == "6F45F5CDF3C77CFC"
    assert [codec.acknowledgement(said(data)).hex() for data in CAPTURED] == ["83", "81", "82"]


@given(message=st.binary(min_size=1, max_size=200))
def test_any_packet_is_put_together_from_its_pieces(message: bytes) -> None:
    packet = sealed(message)
    assembly = codec.Assembly()

    added = [assembly.add(said(data)) for data in pieces(packet)]

    assert added == [None] * (len(added) - 1) + [packet]


def test_a_piece_that_comes_twice_is_known() -> None:
    first, second = (said(data) for data in CAPTURED[:2])
    assembly = codec.Assembly()
    assert not assembly.ends_with(first)

    assembly.add(first)

    assert assembly.ends_with(first)
    assert not assembly.ends_with(second)


@pytest.mark.parametrize("order", [(1,), (0, 2), (0, 0), (0, 1, 0), (0, 1, 3)])
def test_pieces_out_of_order_are_refused(order: tuple[int, ...]) -> None:
    cut = pieces(sealed(bytes(range(70))))
    assembly = codec.Assembly()
    for number in order[:-1]:
        assembly.add(said(cut[number]))

    with pytest.raises(DecodeError, match="order"):
        assembly.add(said(cut[order[-1]]))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "truncated"),
        ("01", "header"),
        ("00 02", "header"),
        ("81 00", "header"),
        ("01 030900 0320 02 03 0000", "start"),
        ("01 020a00 0320 02 03 0000", "length"),
        ("01 020900 0320 02 04 0000", "end"),
        ("01 020900 0320 02 03 0000", "crc"),
    ],
)
def test_what_breaks_the_rules_is_refused(data: str, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        codec.message(bytes.fromhex(data))

    assert caught.value.reason == reason


def test_an_answer_without_a_status_is_refused() -> None:
    with pytest.raises(DecodeError, match="truncated"):
        codec.message(b"\x01" + sealed(b""))


def test_a_record_is_told_by_its_length() -> None:
    record = codec.message(b"\x01" + sealed(DONE + stored(0, 100, control=1, meal=2, rest=3)))

    assert isinstance(record, Record)
    assert record.device_time.at == datetime(2000, 1, 1)  # noqa: DTZ001 - of the meter
    assert (record.glucose_mgdl, record.control, record.meal) == (100, 1, 2)
    assert record.status == b"\x03\x00\x00"


@pytest.mark.parametrize("content", ["", "00" * 10, "00" * 12])
def test_a_record_of_another_length_is_refused(content: str) -> None:
    with pytest.raises(DecodeError, match="format"):
        codec.record(bytes.fromhex(content))


@pytest.mark.parametrize("content", ["0200 00 0700" + "00" * 11, "0300 00 0700" + "00" * 10])
def test_the_record_of_another_place_is_refused(content: str) -> None:
    with pytest.raises(DecodeError, match="format"):
        codec.number_of_place(bytes.fromhex(content), 3)


def test_a_refusal_is_told_from_an_acknowledgement() -> None:
    assert codec.message(b"\x81") == Acknowledgement(1, refused=False)
    assert codec.message(b"\xc1") == Acknowledgement(1, refused=True)


@given(
    st.one_of(
        st.binary(max_size=24),
        st.binary(max_size=19).map(lambda message: b"\x01" + sealed(message)),
        st.binary(min_size=11, max_size=11).map(lambda record: b"\x01" + sealed(DONE + record)),
    )
)
def test_decoding_is_total(data: bytes) -> None:
    with suppress(DecodeError):
        DRIVER.decode(Frame(NOTIFIED, data, ManualClock().now()))


def test_another_channel_is_refused() -> None:
    with pytest.raises(DecodeError, match="unknown_channel"):
        DRIVER.decode(Frame(Channel("1808/2a18"), b"\x81", ManualClock().now()))


@pytest.mark.parametrize(
    ("sighting", "fit"),
    [
        (Sighting("a", Reach.BLE, services=frozenset({SERVICE})), Fit.FAMILY),
        (Sighting("a", Reach.BLE, name="OneTouch J7RG"), Fit.FAMILY),
        (Sighting("a", Reach.BLE, name="OneTouch J7RG", services=frozenset({"1808"})), Fit.NONE),
        (Sighting("a", Reach.BLE, manufacturer_data={0x016D: SEEN}), Fit.FAMILY),
        (
            Sighting(
                "a", Reach.BLE, manufacturer_data={0x016D: SEEN}, services=frozenset({"1808"})
            ),
            Fit.NONE,
        ),
        (Sighting("a", Reach.BLE, name="One"), Fit.NONE),
        (Sighting("a", Reach.BLE), Fit.NONE),
        (Sighting("a", Reach.SERIAL, name="OneTouch J7RG"), Fit.NONE),
    ],
)
def test_it_is_known_by_its_service_its_maker_or_its_name(sighting: Sighting, fit: Fit) -> None:
    assert DRIVER.match(sighting) is fit
