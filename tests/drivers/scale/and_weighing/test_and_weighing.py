from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given

from gateway.domain.reading import Measure, Quality
from gateway.drivers.api import Fit, Reach, Sighting
from gateway.drivers.scale.and_weighing import DRIVER
from gateway.drivers.scale.and_weighing.codec import OutOfRange, User, Weighing, message
from gateway.errors import DecodeError, LinkLost
from tests.drivers.serial_lines import Timeline, cut, is_total, listened, mangled, session_with

STABLE = b"ST,+00072.45 kg\r\n"
UNSTABLE = b"US,+00031.20 kg\r\n"
INDICATOR = b"ST,GS,+  4.876kg\r\n"
OVER = b"OL,+9999999E+19\r\n"


@pytest.mark.parametrize(
    ("line", "stable", "weight", "unit"),
    [
        (STABLE, True, "72.45", "kg"),
        (UNSTABLE, False, "31.20", "kg"),
        (INDICATOR, True, "4.876", "kg"),
        (b"ST,+077.45kg\r\n", True, "77.45", "kg"),
        (b"ST,NT,-  0.5lb\r\n", True, "-0.5", "lb"),
        (b"ST,+00072,45 kg\r\n", True, "72.45", "kg"),
        (b"ST,OK,+0001234  g\r\n", True, "1234", "g"),
    ],
)
def test_a_weight_is_read(line: bytes, stable: bool, weight: str, unit: str) -> None:
    assert message(line) == Weighing(stable, Decimal(weight), unit)


def test_an_overload_is_an_event_and_a_user_is_a_number() -> None:
    assert message(OVER) == OutOfRange()
    assert message(b"ID,01\r\n") == User(1)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"XX,+00072.45 kg\r\n", "header"),
        (b"0072.45 kg\r\n", "header"),
        (b"ST,+00072.45\r\n", "format"),
        (b"ST,+0002.45 kg\r\n", "format"),  # a digit was lost
        (b"ST,+00072.45kg\r\n", "format"),
        (b"ST,+000772.45 kg\r\n", "format"),  # one came twice
        (b"ST,GS,+ 4.876kg\r\n", "format"),
        (b"ST,00072.45 kg\r\n", "format"),
        (b"QT,+00012345 PC\r\n", "not_a_weight"),
        (b"ST,TR,+00001.00 kg\r\n", "not_a_weight"),
        (b"ST,+00072.45 oz\r\n", "not_a_weight"),
        (STABLE.rstrip(), "incomplete"),
    ],
)
def test_what_is_no_weight_is_refused(line: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        message(line)

    assert caught.value.reason == reason


@given(data=mangled([STABLE, UNSTABLE, INDICATOR, OVER]))
def test_decoding_is_total(data: bytes) -> None:
    is_total(DRIVER, data)


@given(chunks=cut(STABLE[7:] + UNSTABLE + STABLE + STABLE + OVER + UNSTABLE + INDICATOR))
async def test_readings_do_not_depend_on_how_the_chunks_fall(chunks: list[bytes]) -> None:
    session = await listened(DRIVER, chunks)

    assert [str(r.values[Measure.WEIGHT].value) for r in session.readings] == ["72.45", "4.876"]
    assert session.remarks == ["device_error out_of_range"]


async def test_a_single_stable_weight_is_good() -> None:
    session = await listened(DRIVER, [UNSTABLE, STABLE])

    assert [r.quality for r in session.readings] == [Quality.GOOD]


async def test_a_trouble_that_goes_on_is_remarked_once() -> None:
    session = await listened(DRIVER, [OVER, OVER, OVER, UNSTABLE, OVER])

    assert len(session.remarks) == 2


async def test_it_only_listens_unless_told_to_ask() -> None:
    for settings, written in ((None, set()), ({"ask": True}, {b"Q\r\n"})):
        timeline = Timeline((1, STABLE), (2, STABLE))
        session = session_with(DRIVER, settings=settings, clock=timeline.clock)  # type: ignore[arg-type]
        session.link = timeline
        with pytest.raises(LinkLost):
            await DRIVER.converse(session)

        assert set(timeline.written) == written
        assert len(session.readings) == 1


def test_it_is_chosen_by_its_name_only() -> None:
    assert DRIVER.match(Sighting("/dev/ttyUSB0", Reach.SERIAL)) is Fit.NONE


async def test_a_weight_is_that_of_the_user_the_scale_names_before_it() -> None:
    timeline = Timeline(
        (0.0, b"ID,01\r\n"),
        *((0.5 + n, STABLE) for n in range(20)),  # some stand for long
        (30.0, b"ID,02\r\n"),
        (30.5, STABLE),
        (31.5, STABLE),
        (90.0, STABLE),
        (91.0, STABLE),
    )
    session = session_with(DRIVER, clock=timeline.clock)
    session.link = timeline
    with pytest.raises(LinkLost):
        await DRIVER.converse(session)

    assert [reading.slot for reading in session.readings] == ["1", "2", None]
