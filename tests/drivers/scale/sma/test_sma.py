from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given

from gateway.domain.reading import Measure, Quality, Reading
from gateway.drivers.api import Fit, Reach, Sighting
from gateway.drivers.scale.sma import DRIVER
from gateway.drivers.scale.sma.codec import NoWeight, Printed, Weighing, message
from gateway.errors import DecodeError, LinkLost
from gateway.testing.clock import ManualClock
from gateway.testing.session import RecordingSession
from tests.drivers.serial_lines import Timeline, cut, is_total, listened, mangled, session_with

ZERO = b"\nZ1G       0.000lb \r"
MOVING = b"\n 1GM      7.650kg \r"
STANDING = b"\n 1G       72.45kg \r"
OVER = b"\nO1G       300.5kg \r"
SOLO = b"12:00,08/07/15,21.5,5'03.0\",132.3lb\r"


async def at_times(
    *arrivals: tuple[float, bytes],
) -> RecordingSession:
    timeline = Timeline(*arrivals)
    session = session_with(DRIVER, clock=timeline.clock)
    session.link = timeline
    with pytest.raises(LinkLost):
        await DRIVER.converse(session)
    return session


def test_answers_are_read() -> None:
    assert message(ZERO) == Weighing(Decimal("0.000"), "lb", stable=True, zero=True)
    assert message(MOVING) == Weighing(Decimal("7.650"), "kg", stable=False)
    assert message(STANDING) == Weighing(Decimal("72.45"), "kg", stable=True)


def test_the_prefix_of_a_758c_is_passed_over() -> None:
    assert message(b"\nW01, 1G       72.45kg \r") == message(STANDING)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (OVER, "over_capacity"),
        (b"\nE1G  ----------kg \r", "zero_error"),
        (b"\nI1G  ----------kg \r", "initial_zero_error"),
        (b"\nT1G  ----------kg \r", "tare_error"),
        (b"\nU1G       -20.0kg \r", "under_capacity"),
        (b"\n?\r", "unknown_command"),
    ],
)
def test_reasons_for_no_weight_are_events(data: bytes, error: str) -> None:
    decoded = message(data)

    assert decoded == NoWeight(error, None)
    assert isinstance(decoded, NoWeight)
    assert decoded.event == "device_error"


def test_what_a_solo_prints_is_read() -> None:
    decoded = message(SOLO)

    assert isinstance(decoded, Printed)
    assert str(decoded.device_time) == "2015-08-07T12:00"
    assert (decoded.weight, decoded.unit) == (Decimal("132.3"), "lb")
    assert (decoded.bmi, decoded.height_in) == (Decimal("21.5"), Decimal("63.0"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (STANDING[:-1], "incomplete"),
        (STANDING[4:], "format"),
        (STANDING.replace(b"kg ", b"oz "), "not_a_weight"),
        (STANDING.replace(b"1G", b"1T"), "not_a_weight"),
        (STANDING.replace(b"72.45", b"7..45"), "number"),
        (SOLO.replace(b"08/07", b"13/07"), "timestamp"),
    ],
)
def test_what_breaks_the_grammar_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        message(data)

    assert caught.value.reason == reason


@given(data=mangled([ZERO, MOVING, STANDING, OVER, SOLO]))
def test_decoding_is_total(data: bytes) -> None:
    is_total(DRIVER, data)


@given(
    chunks=cut(STANDING[9:] + MOVING + STANDING + STANDING + OVER + STANDING.replace(b"72", b"80"))
)
async def test_readings_do_not_depend_on_how_the_chunks_fall(chunks: list[bytes]) -> None:
    session = await listened(DRIVER, chunks, {"ask": False})

    assert [str(r.values[Measure.WEIGHT].value) for r in session.readings] == ["72.45", "80.45"]


async def test_the_scale_is_asked_and_one_weigh_in_is_one_reading() -> None:
    session = await at_times(
        *((float(n), ZERO) for n in range(1, 3)),
        (3, MOVING),
        *((float(n), STANDING) for n in (4, 5, 7, 8, 9)),  # one answer is missed
        (10, MOVING),
        *((float(n), ZERO) for n in range(11, 13)),
    )

    assert isinstance(session.link, Timeline)
    assert set(session.link.written) == {b"\nW\r"}
    assert [str(r.values[Measure.WEIGHT].value) for r in session.readings] == ["72.45"]
    assert session.readings[0].quality is Quality.GOOD


async def test_a_question_that_was_not_understood_is_no_second_weigh_in() -> None:
    session = await at_times((1, STANDING), (2, b"\n?\r"), (3, STANDING), (4, ZERO))

    assert [str(r.values[Measure.WEIGHT].value) for r in session.readings] == ["72.45"]


@pytest.mark.parametrize(("away_s", "weights"), [(3, 1), (30, 2)])
async def test_who_still_stands_there_when_the_cable_is_in_again_is_weighed_once(
    away_s: float, weights: int
) -> None:
    clock = ManualClock()
    session = session_with(DRIVER, clock=clock)
    for _ in range(2):
        session.link = Timeline((1, STANDING), (2, STANDING), (3, STANDING), clock=clock)
        with pytest.raises(LinkLost):
            await DRIVER.converse(session)
        clock.advance(away_s)

    assert [str(r.values[Measure.WEIGHT].value) for r in session.readings] == ["72.45"] * weights


async def test_a_scale_that_also_sends_by_itself_is_not_heard_later_and_later() -> None:
    stream = [(n / 10, STANDING if n < 30 else ZERO) for n in range(600)]
    timeline = Timeline(*stream)
    session = session_with(DRIVER, clock=timeline.clock)
    session.link = timeline
    recorded_at: list[float] = []
    record = session.record

    async def note(*readings: Reading, bookmark: str | None = None) -> int:
        recorded_at.append(session.now().monotonic)
        return await record(*readings, bookmark=bookmark)

    session.record = note  # type: ignore[method-assign]
    began = session.now().monotonic
    with pytest.raises(LinkLost):
        await DRIVER.converse(session)

    assert [str(r.values[Measure.WEIGHT].value) for r in session.readings] == ["72.45"]
    assert recorded_at[0] - began < 6


async def test_a_scale_that_falls_silent_ends_the_weigh_in() -> None:
    session = await at_times((1, STANDING), (60, STANDING))

    assert len(session.readings) == 2


def test_it_is_chosen_by_its_name_only() -> None:
    assert DRIVER.match(Sighting("/dev/ttyUSB0", Reach.SERIAL)) is Fit.NONE
