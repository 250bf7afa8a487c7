"""A CareSens keeps ketone in tenths of a mmol/L, as it does glucose; its context alone says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.device import DeviceId
from gateway.domain.quantity import Unit
from gateway.domain.reading import Kind, Limit, Measure, Quality, Reading
from gateway.drivers.api import Channel, Frame, Reach, Sighting
from gateway.drivers.glucose_meter.bluetooth_sig import DRIVER, caresens, codec
from gateway.drivers.glucose_meter.bluetooth_sig.readings import Record, reading_of
from gateway.drivers.plausible import doubted
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession
from tests.drivers.glucose_meter.bluetooth_sig.meter import MEASUREMENT, Meter, context, record

NOW = ManualClock().now()
KETONE = bytes.fromhex("02 0400 06")  # captured of a meter: xDrip, ContextRxTest
MOLES = bytes.fromhex("16 0400 ea07 02 0e 08 2d 1e 0ed0 11")  # 14 mmol/L, announcing a context


def made(octets: bytes, around: bytes = KETONE) -> Reading | str:
    frame = Frame(MEASUREMENT, octets, NOW)
    said = Record(frame, codec.decode_measurement(octets), codec.decode_context(around))
    return reading_of(said, DeviceId("ble:C0:FF:EE:00:00:01"), None, tells_ketone=True)


def reading(octets: bytes, around: bytes = KETONE) -> Reading:
    found = made(octets, around)
    assert isinstance(found, Reading)
    return doubted(found)  # as every session judges it


@pytest.mark.parametrize(("tenths", "shown"), [(0, "0.0"), (4, "0.4"), (13, "1.3"), (80, "8.0")])
def test_it_is_in_tenths_of_a_mmol_l(tenths: int, shown: str) -> None:
    found = reading(record(4, tenths, announces=True))

    assert (found.kind, found.quality, found.limit) == (Kind.BLOOD_KETONE, Quality.GOOD, None)
    assert str(found.values[Measure.KETONE].value) == shown
    assert found.values[Measure.KETONE].unit is Unit.MILLIMOLE_PER_LITRE
    assert found.flags == {"capillary_whole_blood"}


@pytest.mark.parametrize(
    ("word", "status"), [("51b0", ""), ("fe07", ""), ("50b0", "2000"), ("51b0", "2000")]
)
def test_more_than_eight_is_hi(word: str, status: str) -> None:
    found = reading(record(4, word=word, status=status, announces=True))

    assert (found.kind, found.limit) == (Kind.BLOOD_KETONE, Limit.ABOVE)
    assert (dict(found.values), found.quality) == ({}, Quality.GOOD)


def test_hi_beside_a_number_that_is_not_high_is_questionable() -> None:
    found = reading(record(4, 13, status="2000", announces=True))

    assert (found.limit, found.quality) == (None, Quality.QUESTIONABLE)


def test_a_number_that_is_no_amount_of_ketone_is_questionable() -> None:
    found = reading(record(4, 1000, announces=True))

    assert (found.kind, found.quality) == (Kind.BLOOD_KETONE, Quality.QUESTIONABLE)
    assert "implausible" in found.flags


@pytest.mark.parametrize("place", ["1a", "41", "a1"])
def test_control_solution_for_it_is_nobodys(place: str) -> None:
    found = reading(record(4, 13, place=place, announces=True))

    assert (found.kind, found.quality) == (Kind.BLOOD_KETONE, Quality.CONTROL)


@pytest.mark.parametrize("word", ["ffff", "ff07", "0008"])
def test_what_is_no_number_is_no_reading(word: str) -> None:
    assert made(record(4, word=word, announces=True)) == "no_value"


def test_what_nobody_has_seen_it_in_is_not_read() -> None:
    assert made(MOLES) == "ketone_record"


@given(octets=st.binary(min_size=10, max_size=20), place=st.integers(0, 255))
def test_no_record_with_its_mark_is_glucose_whatever_else_it_says(
    octets: bytes, place: int
) -> None:
    for flags in (0x12, 0x1A, 0x16):
        found = made(bytes((flags, 4, 0)) + octets[:9] + bytes((place, *octets[9:11], 0)))

        if isinstance(found, Reading):
            assert found.kind is Kind.BLOOD_KETONE
            assert set(found.values) <= {Measure.KETONE}


def session_of(meter: Meter, channel: Channel | None, name: str | None) -> RecordingSession:
    link = meter.link()
    values = {**link.values, **({channel: b""} if channel else {})}
    session = RecordingSession(DRIVER, ScriptedLink(values, link.answers))
    session.sighting = Sighting("x", Reach.BLE, name=name)
    return session


def told() -> Meter:
    return Meter({1: record(1, 13, announces=True), 2: record(2, 120)}, {1: context(1, 6)})


@pytest.mark.parametrize(
    ("channel", "name"),
    [(caresens.CLOCK, None), (None, "CareSens 0123"), (caresens.OLD_CLOCK, "ReliOn 2395")],
)
async def test_it_is_read_of_whoever_is_one_of_these_meters(
    channel: Channel | None, name: str | None
) -> None:
    session = session_of(told(), channel, name)

    await DRIVER.converse(session)

    assert [r.kind for r in session.readings] == [Kind.BLOOD_KETONE, Kind.BLOOD_GLUCOSE]
    assert session.remarks == []


@pytest.mark.parametrize(("channel", "name"), [(None, None), (caresens.OLD_CLOCK, "Somebody's")])
async def test_what_the_mark_means_to_another_maker_nobody_knows(
    channel: Channel | None, name: str | None
) -> None:
    session = session_of(told(), channel, name)

    await DRIVER.converse(session)

    assert [r.kind for r in session.readings] == [Kind.BLOOD_GLUCOSE]
    assert session.remarks == ["ketone_record"]


async def test_a_memory_that_was_read_before_ketone_was_is_read_once_more() -> None:
    meter = told()
    session = session_of(meter, None, "CareSens 0123")
    await DRIVER.converse(session)
    as_before = (await session.bookmark() or "").removeprefix("ketone too ")
    session = session_of(meter, None, "CareSens 0123")
    await session.set_bookmark(as_before)

    await DRIVER.converse(session)
    asked = len(meter.asked)
    session.link = session_of(meter, None, "CareSens 0123").link
    await DRIVER.converse(session)

    assert [r.kind for r in session.readings] == [Kind.BLOOD_KETONE, Kind.BLOOD_GLUCOSE]
    assert meter.asked[asked][:2] == bytes((1, 3))  # from the bookmark on
