import struct
from datetime import datetime

import pytest
from firmware_sims.packing.dexcom import Egv, frame, page_header, seconds, with_crc, xml_record

from tests.firmware_sims.serial_vectors import frame_of


@pytest.mark.parametrize(
    ("identity", "code", "payload"),
    [
        ("dex-page-range-empty", 1, "ff" * 8),
        ("dex-reply-display-offset-neg", 1, struct.pack("<i", -28_800).hex()),
        ("dex-reply-invalid-param", 4, ""),
        ("dex-cmd-read-glucose-unit", 37, ""),
        ("dex-cmd-read-system-time", 34, ""),
        ("dex-cmd-read-firmware-header", 11, ""),
        ("dex-cmd-page-range-manufacturing", 16, "00"),
        ("dex-cmd-page-range-egv", 16, "04"),
    ],
)
def test_the_published_frames_are_reproduced(identity: str, code: int, payload: str) -> None:
    assert frame(code, bytes.fromhex(payload)) == frame_of(identity)


def test_a_frame_after_noise_is_reproduced() -> None:
    assert b"AT\r\n" + frame(1) == frame_of("dex-garbage-then-frame")


def test_a_ping_is_six_bytes() -> None:
    assert frame(10) == bytes.fromhex("01 0600 0A 5E65")


def test_the_captured_record_of_the_specification_is_reproduced() -> None:
    record = Egv(
        system_s=seconds(datetime(2015, 7, 17, 20, 18, 17)),  # noqa: DTZ001
        display_s=seconds(datetime(2016, 2, 24, 16, 46, 53)),  # noqa: DTZ001
        glucose=79,
        trend=4,
    )

    assert record.encode(2).hex(" ") == "89 5b 4d 0c fd d6 71 0d 4f 00 14 87 ff"


@pytest.mark.parametrize(
    ("identity", "revision", "record"),
    [
        (
            "dex-egv-rec-22",
            2,
            Egv(system_s=206402896, display_s=225571013, glucose=224, trend=4),
        ),
        (
            "dex-egv-display-only",
            2,
            Egv(system_s=206400000, display_s=225568000, glucose=140, trend=4, display_only=True),
        ),
        (
            "dex-egv-sensor-not-active",
            2,
            Egv(system_s=206400000, display_s=225568000, glucose=1, trend=8, noise=0),
        ),
        (
            "dex-egv-not-calibrated",
            2,
            Egv(system_s=206400000, display_s=225568000, glucose=5, trend=8),
        ),
        (
            "dex-egv-g5-rev4",
            4,
            Egv(
                system_s=220000000,
                display_s=220003600,
                glucose=121,
                trend=4,
                measured_s=220000000,
                transmitter_s=1234567,
                rate=-3,
            ),
        ),
        (
            "dex-egv-g6-rev5",
            5,
            Egv(
                system_s=330000000,
                display_s=330003600,
                glucose=98,
                trend=3,
                backfilled=True,
                measured_s=329999700,
                transmitter_s=2345678,
                rate=2,
                predicted=0x8000 | 75,
            ),
        ),
    ],
)
def test_the_published_records_are_reproduced(identity: str, revision: int, record: Egv) -> None:
    assert record.encode(revision) == frame_of(identity)


def test_the_captured_manufacturing_page_is_reproduced() -> None:
    page = frame_of("dex-page-manufacturing")
    text = page[36:526].rstrip(b"\0").decode()
    system_s, display_s = struct.unpack_from("<II", page, 28)

    assert seconds(datetime(2014, 12, 10, 2, 26)) == system_s  # noqa: DTZ001
    assert page_header(0, 1, 0, 0, 1) + xml_record(system_s, display_s, text) == page


def test_the_beginning_of_a_captured_glucose_page_is_reproduced() -> None:
    page = frame_of("dex-truncated")[4:]
    records = [struct.unpack_from("<IIHB", page, 28 + 13 * place) for place in range(5)]

    encoded = [
        Egv(system_s=s, display_s=d, glucose=g, trend=t & 15, noise=t >> 4).encode(2)
        for s, d, g, t in records
    ]

    assert page_header(4, 2, 312, 312 * 38, 23) + b"".join(encoded) == page[: 28 + 5 * 13]


def test_times_count_from_2009() -> None:
    shown = datetime(2016, 7, 20, 15, 25, 40)  # noqa: DTZ001

    assert seconds(shown).to_bytes(4, "little") == frame_of("dex-time-0e339074")


def test_the_captured_sensor_record_ends_with_the_same_check() -> None:
    record = frame_of("dex-sensor-rec-0")

    assert with_crc(record[:-2]) == record
