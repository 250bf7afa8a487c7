from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given

from gateway.drivers.bp_monitor.omron_hbp import DRIVER
from gateway.drivers.bp_monitor.omron_hbp.codec import Failed, Measured, message
from gateway.errors import DecodeError
from tests.drivers.serial_lines import is_total, mangled

# The example of the maker's manual: 120/80 mmHg, 72 per minute.
GOOD = b"2026,07,11,09,05,12345678901234567890,0,120,080,072,0\r\n"
FAILED = b"2026,07,11,09,05,                    ,7,   ,   ,   ,2\r\n"
NINETY_TWENTY = b"bp,0000000000000000ab12,2019/03/02,10:31,128,097,082,084,3\r"
OLD = b"\x02 150502 0943 125 075 099\x03"


def test_format_5_is_read() -> None:
    decoded = message(GOOD)

    assert isinstance(decoded, Measured)
    assert (decoded.systolic, decoded.diastolic, decoded.pulse) == (120, 80, 72)
    assert decoded.device_time.at == datetime(2026, 7, 11, 9, 5)  # noqa: DTZ001
    assert str(decoded.device_time) == "2026-07-11T09:05"
    assert decoded.patient_id == "12345678901234567890"
    assert decoded.movement == 0


@pytest.mark.parametrize("typed", [b" " * 20, b"0" * 20])
def test_blanks_and_zeros_are_nobodys_id(typed: bytes) -> None:
    decoded = message(GOOD.replace(b"12345678901234567890", typed))

    assert decoded.patient_id is None


def test_an_id_may_hold_commas() -> None:
    decoded = message(GOOD.replace(b"12345678901234567890", b"a,b,0,120,080,072,0 "))

    assert decoded.patient_id == "a,b,0,120,080,072,0"


def test_a_failed_measurement_is_an_event() -> None:
    decoded = message(FAILED)

    assert isinstance(decoded, Failed)
    assert (decoded.event, decoded.error, decoded.movement) == ("device_error", 7, 2)


def test_the_csv_of_the_9020_is_read() -> None:
    decoded = message(NINETY_TWENTY)

    assert isinstance(decoded, Measured)
    assert (decoded.systolic, decoded.map, decoded.diastolic, decoded.pulse) == (128, 97, 82, 84)
    assert decoded.status == 3
    assert decoded.experimental


def test_the_older_format_of_the_9020_is_read() -> None:
    decoded = message(OLD)

    assert isinstance(decoded, Measured)
    assert (decoded.systolic, decoded.diastolic, decoded.pulse) == (125, 75, 99)
    assert str(decoded.device_time) == "2015-05-02T09:43"


@pytest.mark.parametrize("data", [b"MMBP203N\r", b"ID99999999B26/07/11/09:05 120 080 072 "])
def test_other_output_formats_say_how_to_set_the_monitor(data: bytes) -> None:
    with pytest.raises(DecodeError, match="set function item 32 of the monitor to 5"):
        message(data)


@pytest.mark.parametrize(
    ("data", "reason", "offset"),
    [
        (GOOD.replace(b"2026,07,11", b"2025,02,29"), "timestamp", 0),
        (GOOD.replace(b",09,05,", b",24,00,"), "timestamp", 0),
        (GOOD.replace(b",120,", b",261,"), "range", 40),
        (GOOD.replace(b",080,", b",029,"), "range", 44),
        (GOOD.replace(b",072,", b",039,"), "range", 48),
        (GOOD.replace(b",0,120,", b",7,120,"), "format", 38),
        (GOOD.replace(b",120,", b",   ,"), "format", 38),
        (FAILED.replace(b",7,", b",0,"), "format", 38),
        (GOOD.rstrip(), "incomplete", 53),
        (GOOD[1:], "format", 0),
        (b"x" + GOOD, "format", 0),
        (b"\r\n", "format", 0),
    ],
)
def test_what_breaks_the_grammar_is_refused(data: bytes, reason: str, offset: int) -> None:
    with pytest.raises(DecodeError) as caught:
        message(data)

    assert (caught.value.reason, caught.value.offset) == (reason, offset)
    assert caught.value.payload == data


@given(data=mangled([GOOD, FAILED, NINETY_TWENTY, OLD]))
def test_decoding_is_total(data: bytes) -> None:
    is_total(DRIVER, data)
