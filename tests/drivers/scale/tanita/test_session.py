from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given

from gateway.domain.identity import identity
from gateway.domain.quantity import Unit
from gateway.domain.reading import Kind, Measure, Quality
from gateway.drivers.scale.tanita import DRIVER
from gateway.errors import LinkLost
from tests.drivers.scale.tanita.test_codec import BC_601, BD_815, PW_650, SC_330, line
from tests.drivers.serial_lines import Timeline, cut, listened, session_with


async def test_a_weighing_is_a_weight_and_a_body_composition_in_one_commit() -> None:
    session = await listened(DRIVER, [SC_330])

    weight, composition = session.readings
    assert weight.values[Measure.WEIGHT].value == Decimal("89.2")
    assert composition.kind is Kind.BODY_COMPOSITION
    assert {m: str(q.value) for m, q in composition.values.items()} == {
        Measure.BODY_FAT: "18.8",
        Measure.BODY_FAT_MASS: "16.8",
        Measure.FAT_FREE_MASS: "72.4",
        Measure.MUSCLE_MASS: "68.8",
        Measure.BONE_MASS: "3.6",
        Measure.BODY_WATER: "53.8",
        Measure.BODY_WATER_MASS: "48.0",
        Measure.BASAL_METABOLISM: "8874",
        Measure.IMPEDANCE: "501.8",
    }
    assert {r.quality for r in session.readings} == {Quality.GOOD}
    assert session.calls == [2]


async def test_the_scale_is_introduced_once() -> None:
    session = await listened(DRIVER, [SC_330, SC_330])

    device = session.device
    assert (device.manufacturer, device.model, device.serial) == ("Tanita", "SC-330", "00000001")


async def test_what_was_typed_in_is_no_reading_and_goes_nowhere() -> None:
    session = await listened(DRIVER, [line(b'MO,"X",ID,"0000012345",AG,34,Hm,191.0,Wk,70.0')])

    (weight,) = session.readings
    assert set(weight.values) == {Measure.WEIGHT}
    assert "12345" not in weight.model_dump_json()


@given(chunks=cut(SC_330[40:] + PW_650 + b"\x00\xff" + PW_650[:30] + SC_330 + BD_815))
async def test_readings_do_not_depend_on_how_the_chunks_fall(chunks: list[bytes]) -> None:
    session = await listened(DRIVER, chunks)

    weights = [r.values[Measure.WEIGHT].value for r in session.readings if r.kind is Kind.WEIGHT]
    assert [str(weight) for weight in weights] == ["58.1", "89.2", "3.972"]
    assert b"".join(frame.data for frame, _ in session.aside) == (
        SC_330[40:-2] + b"\r\n\x00\xff" + PW_650[:30]
    )


async def test_the_end_of_a_line_is_no_garbage() -> None:
    session = await listened(DRIVER, [PW_650, BD_815])

    assert session.aside == []


async def test_a_line_that_never_ends_is_given_up() -> None:
    session = await listened(DRIVER, [b"{" + b"x" * 3000, PW_650])

    assert len(session.readings) == 1


async def test_pounds_and_stones_become_kilograms_and_keep_what_was_said() -> None:
    session = await listened(DRIVER, [line(b'MO,"X",Wp,182.2'), line(b'MO,"X",Ws,13.0')])

    pounds, stones = (r.values[Measure.WEIGHT] for r in session.readings)
    assert (pounds.value, pounds.unit, pounds.original) == (
        Decimal("82.645"),
        Unit.KILOGRAM,
        "182.2 lb",
    )
    assert (str(stones.value), stones.original) == ("82.555", "13.0 st")


async def test_masses_of_a_scale_set_to_pounds_have_no_known_unit_and_are_left_out() -> None:
    session = await listened(DRIVER, [line(b'MO,"X",Wp,182.2,FW,18.8,fW,34.2')])

    _, composition = session.readings
    assert set(composition.values) == {Measure.BODY_FAT}


async def test_kilocalories_become_kilojoules() -> None:
    session = await listened(DRIVER, [line(b'MO,"X",Wk,80.0,rB,2121')])

    energy = session.readings[1].values[Measure.BASAL_METABOLISM]
    assert (energy.value, energy.original) == (Decimal(8874), "2121 kcal")


@pytest.mark.parametrize("body", [b"Wk,80.0,FW,120.0", b"Wk,80.0,fW,90.0", b"Wk,80.0,FW,10,ZF,-5"])
async def test_a_part_that_is_more_than_the_whole_is_implausible(body: bytes) -> None:
    session = await listened(DRIVER, [line(b'MO,"X",' + body)])

    weight, composition = session.readings
    assert weight.quality is Quality.GOOD
    assert composition.quality is Quality.QUESTIONABLE
    assert composition.flags == {"implausible"}


@pytest.mark.parametrize("weight", [b"0.0", b"-3.0", b"900.0"])
async def test_a_weight_nobody_has_is_implausible(weight: bytes) -> None:
    session = await listened(DRIVER, [line(b'MO,"X",Wk,' + weight)])

    assert session.readings[0].flags == {"implausible"}


async def test_an_error_of_a_segment_makes_it_questionable() -> None:
    session = await listened(DRIVER, [line(b'MO,"X",St,1,Wk,80.0,FW,20.0')])

    assert {r.quality for r in session.readings} == {Quality.QUESTIONABLE}


async def test_the_same_line_again_is_the_same_weighing() -> None:
    session = await listened(DRIVER, [SC_330, SC_330])

    assert len(session.readings) == 2
    assert len({identity(r) for r in session.readings}) == 2


async def test_two_people_of_one_weight_within_a_minute_are_two_weighings() -> None:
    timeline = Timeline((0, SC_330), (2, SC_330), (20, SC_330))
    session = session_with(DRIVER, clock=timeline.clock)
    session.link = timeline
    with pytest.raises(LinkLost):
        await DRIVER.converse(session)

    assert len(session.readings) == 4


async def test_a_line_repeated_by_a_scale_without_a_clock_is_one_weighing() -> None:
    timeline = Timeline((0, BD_815), (2, BD_815), (9, BD_815), (40, BD_815))
    session = session_with(DRIVER, clock=timeline.clock)
    session.link = timeline
    with pytest.raises(LinkLost):
        await DRIVER.converse(session)

    at = [r.received.monotonic for r in session.readings]
    assert len(at) == 2
    assert at[1] - at[0] == 40


SWAPPED = SC_330.replace(b"Wk,89.2", b"Wk,98.2")


@pytest.mark.parametrize(
    "data",
    [
        SWAPPED,
        line(b'MO,"X",Hm,191.0,Wk,98.2,MI,24.5'),
        line(b'MO,"X",Wk,98.2,FW,18.8,fW,16.8'),
        line(b'MO,"X",Wk,98.2,fW,16.8,MW,72.4'),
    ],
)
async def test_digits_that_changed_places_are_seen_by_what_else_the_line_says(data: bytes) -> None:
    session = await listened(DRIVER, [data])

    assert {r.quality for r in session.readings} == {Quality.QUESTIONABLE}
    assert all("inconsistent" in r.flags for r in session.readings)


@pytest.mark.parametrize("data", [SC_330, BC_601, PW_650, BD_815])
async def test_published_lines_agree_with_themselves(data: bytes) -> None:
    session = await listened(DRIVER, [data])

    assert {r.quality for r in session.readings} == {Quality.GOOD}


async def test_what_was_measured_of_nobody_s_height_is_not_compared() -> None:
    session = await listened(DRIVER, [line(b'MO,"X",Hm,0.0,Wk,98.2,MI,0.0,FW,0.0,fW,0.0,MW,0.0')])

    assert {r.quality for r in session.readings} == {Quality.GOOD}


NEVER_SET = line(b'MO,"X",Da,"01/01/2000",TI,"00:03",Wk,70.0')
DAY_S = 86_400.0


async def test_each_morning_is_a_weighing_though_the_clock_begins_anew_with_the_scale() -> None:
    other = NEVER_SET.replace(b"00:03", b"00:30")  # the sum does not see it
    timeline = Timeline((0, NEVER_SET), (2, NEVER_SET), (1620, other), (DAY_S, NEVER_SET))
    session = session_with(DRIVER, clock=timeline.clock)
    session.link = timeline
    with pytest.raises(LinkLost):
        await DRIVER.converse(session)

    at = [r.received.monotonic for r in session.readings]
    assert [moment - at[0] for moment in at] == [0, 1620, DAY_S]
