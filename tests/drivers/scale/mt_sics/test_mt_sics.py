from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given

from gateway.domain.reading import Measure
from gateway.drivers.api import Fit, Reach, Sighting
from gateway.drivers.scale.mt_sics import DRIVER
from gateway.drivers.scale.mt_sics.codec import NoWeight, Weighing, message
from gateway.errors import DecodeError, LinkLost
from gateway.testing.session import RecordingSession
from tests.drivers.serial_lines import Timeline, is_total, mangled, session_with

STABLE = b"S S      72.45 kg\r\n"
MOVING = b"S D      31.20 kg\r\n"
EMPTY = b"S S       0.00 kg\r\n"


def test_weights_are_read() -> None:
    assert message(STABLE) == Weighing(True, Decimal("72.45"), "kg")
    assert message(MOVING) == Weighing(False, Decimal("31.20"), "kg")
    assert message(b"S S      -0.05 lb\r\n") == Weighing(True, Decimal("-0.05"), "lb")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"S I\r\n", "not_executable_or_timeout"),
        (b"S +\r\n", "overload"),
        (b"S -\r\n", "underload"),
        (b"ES\r\n", "syntax"),
        (b"ET\r\n", "transmission"),
        (b"EL\r\n", "logical"),
    ],
)
def test_reasons_for_no_weight_are_events(data: bytes, error: str) -> None:
    assert message(data) == NoWeight(error)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (STABLE.rstrip(), "incomplete"),
        (STABLE[2:], "format"),
        (b"S S      72.45\r\n", "format"),
        (b"S S      2.45 kg\r\n", "format"),  # a digit was lost
        (b"S S     772.45  kg\r\n", "format"),
        (b"S S      772.45 kg\r\n", "format"),  # one came twice
        (b"S S      72.45 ct\r\n", "not_a_weight"),
    ],
)
def test_what_breaks_the_grammar_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        message(data)

    assert caught.value.reason == reason


@given(data=mangled([STABLE, MOVING, EMPTY, b"S +\r\n"]))
def test_decoding_is_total(data: bytes) -> None:
    is_total(DRIVER, data)


LIGHT, HEAVY = b"S S     3450.0 g\r\n", b"S S     250.45 kg\r\n"


async def weighed(*shown: bytes) -> RecordingSession:
    timeline = Timeline(*((float(at), data) for at, data in enumerate(shown, 1)))
    session = session_with(DRIVER, clock=timeline.clock)
    session.link = timeline
    with pytest.raises(LinkLost):
        await DRIVER.converse(session)
    return session


@pytest.mark.parametrize("at", range(6))
async def test_a_unit_that_lost_a_letter_makes_no_other_weight_and_no_second(at: int) -> None:
    shown = [EMPTY, HEAVY, HEAVY, HEAVY, HEAVY, EMPTY]
    shown[at] = shown[at].replace(b"kg", b"g")

    session = await weighed(*shown)

    told = [r.values[Measure.WEIGHT] for r in session.readings]
    assert [(str(it.value), it.original) for it in told] == [("250.45", None)]


async def test_a_baby_is_weighed_in_grams() -> None:
    session = await weighed(b"S S        0.0 g\r\n", LIGHT, LIGHT, LIGHT)

    assert [str(r.values[Measure.WEIGHT].value) for r in session.readings] == ["3.4500"]
    assert session.aside == []


async def test_whoever_chooses_another_unit_is_weighed_in_it() -> None:
    session = await weighed(EMPTY, EMPTY, *[b"S S      159.7 lb\r\n"] * 3)

    (reading,) = session.readings
    assert reading.values[Measure.WEIGHT].original == "159.7 lb"


async def test_a_question_that_was_not_understood_is_no_second_weigh_in() -> None:
    shown = [STABLE, b"ES\r\n", STABLE, b"ET\r\n", STABLE, EMPTY]
    timeline = Timeline(*((float(at), data) for at, data in enumerate(shown, 1)))
    session = session_with(DRIVER, clock=timeline.clock)
    session.link = timeline
    with pytest.raises(LinkLost):
        await DRIVER.converse(session)

    assert [str(r.values[Measure.WEIGHT].value) for r in session.readings] == ["72.45"]
    assert session.remarks == ["device_error syntax", "device_error transmission"]


async def test_the_scale_is_asked_and_one_weigh_in_is_one_reading() -> None:
    shown = [EMPTY, EMPTY, MOVING, STABLE[:5], STABLE[5:], STABLE, MOVING, b"S +\r\n", EMPTY]
    timeline = Timeline(*((float(at), data) for at, data in enumerate(shown, 1)))
    session = session_with(DRIVER, clock=timeline.clock)
    session.link = timeline
    with pytest.raises(LinkLost):
        await DRIVER.converse(session)

    assert set(timeline.written) == {b"SI\r\n"}
    assert [str(r.values[Measure.WEIGHT].value) for r in session.readings] == ["72.45"]
    assert session.remarks == ["device_error overload"]


def test_it_is_chosen_by_its_name_only() -> None:
    assert DRIVER.match(Sighting("/dev/ttyUSB0", Reach.SERIAL)) is Fit.NONE
