from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given

from gateway.domain.reading import Measure, Quality
from gateway.drivers.api import Fit, Reach, Sighting
from gateway.drivers.bp_monitor.and_tm import DRIVER
from gateway.drivers.bp_monitor.and_tm.codec import Failed, Measured, Request, message
from gateway.errors import DecodeError, LinkLost
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink
from gateway.wire.sums import xor8
from tests.drivers.serial_lines import Timeline, cut, is_total, listened, mangled, session_with

START = b"\x16\x16\x01"


def framed(*fields: bytes) -> bytes:
    text = b"".join(part + b"\x1e" for part in fields)
    return START + b"00\x02" + text + b"\x03" + bytes((xor8(text),))


# A public capture of a TM-2657P: 127/76 mmHg, mean 97, 78 per minute; its BCC is 4A.
TM_2657 = framed(
    *b"TM2657|2411121014|RA|M|E00|S127|M 97|D 76|P 78|I00|L232|p173|i 0|m0|r0|t 35|cN|l  |d"
    b"|h     |s     |w      |f      |e      |b     ".split(b"|")
)
TM_2655 = framed(*b"TM2655|2005110848|RB|M|E00|S107|M 85|D 59|P 88|I16|L 92".split(b"|"))
BPBIO = framed(*b"00000000000000000|RB|00000|S118|M000|D072|P066|O00|0".split(b"|"))
ERROR = framed(*b"TM2657|2411121014|RA|M|E04|S   |M   |D   |P   |I00|L   ".split(b"|"))


def test_a_result_with_all_its_fields_is_read() -> None:
    decoded = message(TM_2657)

    assert TM_2657[-1] == 0x4A
    assert isinstance(decoded, Measured)
    assert (decoded.systolic, decoded.map, decoded.diastolic, decoded.pulse) == (127, 97, 76, 78)
    assert (decoded.model, decoded.record, decoded.error) == ("TM2657", "RA", "00")
    assert (decoded.irregular_beats, decoded.movement, decoded.duration_s) == (0, 0, 35)
    assert decoded.device_time is not None
    assert decoded.device_time.at == datetime(2024, 11, 12, 10, 14)  # noqa: DTZ001


def test_a_short_result_is_read() -> None:
    decoded = message(TM_2655)

    assert isinstance(decoded, Measured)
    assert (decoded.systolic, decoded.record, decoded.movement) == (107, "RB", None)


def test_a_bpbio_sends_no_time_and_may_send_no_mean() -> None:
    decoded = message(BPBIO)

    assert isinstance(decoded, Measured)
    assert (decoded.systolic, decoded.diastolic, decoded.pulse) == (118, 72, 66)
    assert decoded.map is None
    assert decoded.device_time is None
    assert decoded.patient_id is None


def test_a_failed_measurement_is_an_event() -> None:
    decoded = message(ERROR)

    assert isinstance(decoded, Failed)
    assert (decoded.event, decoded.error) == ("device_error", "04")


def test_a_request_of_another_program_is_recognised() -> None:
    assert message(START + b"00\x02RB\x03\x10") == Request("RB", "10")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (TM_2657[:-1] + b"K", "bcc"),
        (TM_2657[:-2], "incomplete"),
        (TM_2657[1:], "start"),
        (START + b"00 RB\x03\x10", "start"),
        (framed(b"TM2657", b"2413121014", b"RA", b"M", b"E00"), "timestamp"),
        (framed(b"TM2657", b"24111210", b"RA", b"M", b"E00"), "timestamp"),
        (framed(b"TM2657", b"2411121014", b"RX", b"M", b"E00"), "format"),
        (framed(b"TM2657", b"2411121014", b"RA", b"M", b"E??"), "format"),
        (framed(b"TM2657", b"2411121014", b"RA", b"M", b"E00", b"S12", b"P 7"), "format"),
        (framed(b"TM2657", b"2411121014", b"RA", b"M", b"E00", b"S12x", b"D 7"), "format"),
    ],
)
def test_what_breaks_the_rules_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        message(data)

    assert caught.value.reason == reason


@given(data=mangled([TM_2657, TM_2655, BPBIO, ERROR]))
def test_decoding_is_total(data: bytes) -> None:
    is_total(DRIVER, data)


@given(data=mangled([TM_2657, BPBIO]).map(lambda raw: framed(*raw[6:-2].split(b"\x1e"))))
def test_decoding_is_total_behind_a_right_check_character_too(data: bytes) -> None:
    is_total(DRIVER, data)


@given(chunks=cut(TM_2657[60:] + b"\x16" + TM_2657 + b"\x06" + TM_2655[:30] + TM_2655 + BPBIO))
async def test_readings_do_not_depend_on_how_the_chunks_fall(chunks: list[bytes]) -> None:
    session = await listened(DRIVER, chunks)

    systolic = [r.values[Measure.SYSTOLIC].value for r in session.readings[::2]]
    assert systolic == [127, 107, 118]


async def test_a_frame_with_a_wrong_check_character_is_set_aside_at_once() -> None:
    session = await listened(DRIVER, [TM_2657[:-1] + b"K", TM_2655])

    assert [error.reason for _, error in session.aside] == ["bcc"]
    assert session.events[0] == "set_aside"
    assert len(session.readings) == 2


async def test_nothing_is_ever_written() -> None:
    session = await listened(DRIVER, [TM_2657, ERROR, BPBIO])

    assert isinstance(session.link, ScriptedLink)
    assert session.link.written == []


async def test_the_findings_are_flags_and_the_doubts_make_it_questionable() -> None:
    irregular = framed(*TM_2657[6:-3].replace(b"i 0", b"i 2").split(b"\x1e"))
    moved = framed(*TM_2657[6:-3].replace(b"m0", b"m1").replace(b"S127", b"S128").split(b"\x1e"))

    session = await listened(DRIVER, [irregular, moved])

    first, _, second, _ = session.readings
    assert first.quality is Quality.GOOD
    assert first.flags == {"irregular_pulse"}
    assert second.quality is Quality.QUESTIONABLE
    assert second.flags == {"body_movement"}


async def test_a_result_without_a_time_that_is_sent_again_is_no_news() -> None:
    clock = ManualClock()
    other = framed(*b"00000000000000000|RB|00000|S118|M000|D072|P077|O00|0".split(b"|"))
    timeline = Timeline((0, BPBIO), (5, BPBIO), (9, other), (45, other), clock=clock)
    session = session_with(DRIVER, clock=clock)
    session.link = timeline

    with pytest.raises(LinkLost):
        await DRIVER.converse(session)

    rates = [r.values[Measure.PULSE_RATE].value for r in session.readings if r.kind == "heart_rate"]
    assert rates == [66, 77, 77]


async def test_an_error_is_remarked_and_the_monitor_introduced() -> None:
    session = await listened(DRIVER, [ERROR, TM_2657])

    assert session.remarks == ["device_error 04"]
    assert (session.device.manufacturer, session.device.model) == ("A&D", "TM2657")
    assert session.readings[0].values[Measure.MEAN_ARTERIAL].value == Decimal(97)


def test_it_is_chosen_by_its_name_only() -> None:
    assert DRIVER.match(Sighting("/dev/ttyUSB0", Reach.SERIAL)) is Fit.NONE


async def test_two_people_in_one_minute_with_the_same_numbers_are_two_measurements() -> None:
    timeline = Timeline((0, TM_2657), (2, TM_2657), (33, TM_2657))
    session = session_with(DRIVER, clock=timeline.clock)
    session.link = timeline

    with pytest.raises(LinkLost):
        await DRIVER.converse(session)

    assert len(session.readings) == 4


async def test_the_next_persons_measurement_in_the_minute_of_a_restart_is_kept() -> None:
    clock = ManualClock()
    session = session_with(DRIVER, clock=clock)
    for _ in range(2):
        session.link = Timeline((31, TM_2657), clock=clock)
        with pytest.raises(LinkLost):
            await DRIVER.converse(session)

    assert len(session.readings) == 4
