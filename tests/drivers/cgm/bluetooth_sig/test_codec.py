from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from firmware_sims.packing.checksum import with_crc
from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers.cgm.bluetooth_sig import codec, control_point
from gateway.errors import DecodeError
from gateway.wire.gatt_time import UnusableDateTime
from gateway.wire.ieee11073 import Special

OPTIONAL = [(0x80, "80"), (0x40, "40"), (0x20, "20"), (0x01, "f6ff"), (0x02, "5f00")]


def record(flags: int, rest: str, *, crc: bool = False) -> bytes:
    """One record of 100 mg/dL at minute 10, with whatever the flags announce."""
    body = bytes((flags,)) + bytes.fromhex("6400 0a00" + rest)
    octets = bytes((len(body) + (3 if crc else 1),)) + body
    return with_crc(octets) if crc else octets


@pytest.mark.conformance("R-CGMP-F2")
@pytest.mark.parametrize("crc", [False, True])
@pytest.mark.parametrize("present", range(32))
def test_every_combination_of_optional_fields_is_read_in_its_order(present: int, crc: bool) -> None:
    chosen = [part for bit, part in enumerate(OPTIONAL) if present >> bit & 1]
    flags = sum(flag for flag, _ in chosen)
    payload = record(flags, "".join(octets for _, octets in chosen), crc=crc)

    (read,) = codec.decode_measurement(payload, crc).records

    assert (read.glucose_mg_dl, read.time_offset_min) == (100, 10)
    assert read.status == (0x80 if flags & 0x80 else 0)
    assert read.cal_temp == (0x40 if flags & 0x40 else 0)
    assert read.warning == (0x20 if flags & 0x20 else 0)
    assert read.trend_mg_dl_min == (Decimal(-1) if flags & 0x01 else None)
    assert read.quality_percent == (Decimal(95) if flags & 0x02 else None)
    assert read.trailing_octets is None


@pytest.mark.conformance("R-CGMP-F3")
def test_several_records_share_a_notification() -> None:
    payload = record(0, "") + record(0x80, "01") + record(0, "")

    read = codec.decode_measurement(payload, e2e_crc=False)

    assert [part.size for part in read.records] == [6, 7, 6]


def test_a_damaged_record_does_not_cost_its_neighbours() -> None:
    good, bad = record(0, "", crc=True), record(0, "", crc=True)[:-1] + b"\x00"

    first, second, third = codec.split_measurement(good + bad + good, e2e_crc=True)

    assert isinstance(first, codec.CgmRecord)
    assert isinstance(second, DecodeError)
    assert (second.reason, second.offset) == ("crc", 14)
    assert isinstance(third, codec.CgmRecord)


@pytest.mark.conformance("R-CGMP-F3")
@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("", "truncated"),
        ("00", "size_too_small"),
        ("05 00 6400 0a", "size_too_small"),
        ("07 00 6400 0a00", "truncated"),
        ("06 01 6400 0a00", "size_too_small_for_flags"),
        ("06 00 6400 0a00 06 00 64", "truncated"),
    ],
)
def test_a_size_that_cannot_be_is_refused(octets: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        codec.decode_measurement(bytes.fromhex(octets), e2e_crc=False)


@pytest.mark.conformance("R-CGMP-F5")
def test_a_missing_crc_is_refused() -> None:
    with pytest.raises(DecodeError, match="size_too_small_for_flags"):
        codec.decode_measurement(record(0, ""), e2e_crc=True)


@pytest.mark.parametrize("crc", [False, True])
def test_octets_of_a_later_version_are_kept_apart(crc: bool) -> None:
    payload = record(0x04, "aabbcc", crc=crc)

    (read,) = codec.decode_measurement(payload, crc).records

    assert (read.trailing_octets, read.reserved_flag_bits) == ("aabbcc", 4)


def test_without_a_hint_the_length_tells_of_a_crc() -> None:
    codec.decode_measurement(record(0, "", crc=True))
    codec.decode_measurement(record(0, ""))

    with pytest.raises(DecodeError, match="crc"):
        codec.decode_measurement(record(0, "0000"))


@pytest.mark.parametrize(("word", "special"), [("fe07", "+INF"), ("0208", "-INF"), ("ff07", "NaN")])
def test_a_special_is_no_number(word: str, special: str) -> None:
    (read,) = codec.decode_measurement(bytes.fromhex("06 00" + word + "0a00")).records

    assert read.glucose_mg_dl == Special(special)


@pytest.mark.conformance("R-CGMP-F1")
def test_features_decide_over_the_crc() -> None:
    feature = codec.decode_feature(with_crc(bytes.fromhex("009101 59")))

    assert feature.raw & codec.E2E_CRC
    assert feature.features == ("result_high_low", "e2e_crc", "trend", "quality")
    assert (feature.type, feature.location) == (9, 5)


@pytest.mark.conformance("R-CGMP-F1")
@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("001000 59 1234", "crc"),
        ("000000 59 0000", "crc_field_must_be_ffff"),
        ("000000 59 ff", "truncated"),
    ],
)
def test_features_that_contradict_themselves_are_refused(octets: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        codec.decode_feature(bytes.fromhex(octets))


@pytest.mark.conformance("R-CGMP-T1")
def test_a_session_start_has_a_signed_zone() -> None:
    # 2026-02-04 18:54:44, five hours behind UTC, one hour of daylight saving
    read = codec.decode_session_start(bytes.fromhex("ea07 02 04 12 36 2c ec 04"), e2e_crc=False)

    assert read.session_start == datetime.fromisoformat("2026-02-04T18:54:44")
    assert (read.time_zone_15min, read.time_zone_min) == (-20, -300)
    assert (read.dst_offset, read.dst_min) == (4, 60)


@pytest.mark.conformance("R-CGMP-T1")
def test_a_session_start_nobody_has_set_is_no_time() -> None:
    read = codec.decode_session_start(bytes(7) + b"\x80\xff")

    assert isinstance(read.session_start, UnusableDateTime)
    assert (read.time_zone_min, read.dst_min) == (None, None)


@pytest.mark.parametrize("crc", [False, True])
def test_a_value_of_fixed_size_says_whether_its_crc_was_checked(crc: bool) -> None:
    octets = bytes.fromhex("0a00 01 02 04")

    read = codec.decode_status(with_crc(octets) if crc else octets)

    assert read == codec.CgmStatus(10, 1, 2, 4, crc)


@pytest.mark.parametrize(
    ("octets", "e2e_crc", "reason"),
    [
        ("5001", True, "bad_length"),  # the sensor's features promise a CRC
        ("5001 0000", True, "crc"),
        ("5001 00", None, "bad_length"),
        ("50", False, "truncated"),
    ],
)
def test_a_run_time_that_cannot_be_trusted_is_refused(
    octets: str, e2e_crc: bool | None, reason: str
) -> None:
    with pytest.raises(DecodeError, match=reason):
        codec.decode_run_time(bytes.fromhex(octets), e2e_crc)


def test_without_crc_later_octets_are_left_alone() -> None:
    assert codec.decode_run_time(bytes.fromhex("5001 77"), e2e_crc=False).run_time_hours == 336


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        ("01 05", control_point.Interval("set_interval", 5, crc_checked=False)),
        ("02", control_point.Plain("get_interval", crc_checked=False)),
        ("05 ffff", control_point.CalibrationNumber("get_calibration", 0xFFFF, crc_checked=False)),
        ("0a 4600", control_point.Level("set_patient_low", Decimal(70), crc_checked=False)),
        ("14", control_point.Plain("get_rate_decrease", crc_checked=False)),
        ("19", control_point.Plain("reset_device_specific_alert", crc_checked=False)),
        ("1b", control_point.Plain("stop_session", crc_checked=False)),
        ("1c 1a 05", control_point.Response("response", 0x1A, 5, crc_checked=False)),
        (
            "04 6e00 2001 11 0000 0000 00",
            control_point.Calibration(
                "set_calibration", Decimal(110), 288, 1, 1, 0, 0, 0, crc_checked=False
            ),
        ),
    ],
)
def test_an_operation_is_read(octets: str, message: control_point.ControlMessage) -> None:
    assert control_point.decode(bytes.fromhex(octets)) == message


@pytest.mark.parametrize(
    ("octets", "reason"), [("", "truncated"), ("99", "unknown_op_code"), ("03", "bad_length")]
)
def test_what_is_no_operation_is_refused(octets: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        control_point.decode(bytes.fromhex(octets))


@given(st.lists(st.binary(min_size=4, max_size=24), min_size=1, max_size=6))
def test_records_with_a_right_crc_are_all_found(bodies: list[bytes]) -> None:
    payload = b"".join(with_crc(bytes((len(body) + 4, 0)) + body) for body in bodies)

    assert len(codec.decode_measurement(payload, e2e_crc=True).records) == len(bodies)


@given(st.data())
def test_a_flipped_bit_never_passes_for_a_reading(data: st.DataObject) -> None:
    payload = bytearray(record(0xC3, "0002fcff5f00", crc=True))
    bit = data.draw(st.integers(8, len(payload) * 8 - 1))  # not in the size
    payload[bit // 8] ^= 1 << bit % 8

    with pytest.raises(DecodeError):
        codec.decode_measurement(bytes(payload), e2e_crc=True)
