from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers.scale.weigh_in import (
    LIVE_DIFFERS_BY,
    LOCKED_DIFFERS_BY,
    SILENCE_S,
    Packet,
    Weighed,
    WeighIn,
)
from gateway.testing.clock import ManualClock

NOW = ManualClock().now()


def packet(second: float, weight: str, person: str | None = None, unit: str = "kg") -> Packet:
    at = replace(NOW, monotonic=NOW.monotonic + second)
    return Packet(at, Decimal(weight), unit, person)


def weighed(*packets: Packet) -> list[tuple[str, bool]]:
    weigh_in = WeighIn(LOCKED_DIFFERS_BY)
    done = [each for one in packets for each in weigh_in.add(one)]
    done += weigh_in.silence()
    return [(str(one.weight), one.steady) for one in done]


def test_a_weight_shown_many_times_is_one_measurement() -> None:
    assert weighed(*(packet(n, "70.1") for n in range(5))) == [("70.1", True)]


def test_a_weight_that_was_shown_twice_on_its_way_is_not_the_one_that_stands() -> None:
    moving = [replace(packet(second, "70.0"), stable=False) for second in (0, 1)]

    assert weighed(*moving, replace(packet(2, "70.1"), stable=True)) == [("70.1", True)]


def test_its_time_is_when_the_run_began() -> None:
    weigh_in = WeighIn(LOCKED_DIFFERS_BY)
    weigh_in.add(packet(3, "70.1"))
    weigh_in.add(packet(4, "70.1"))

    done = weigh_in.silence()

    assert done == [Weighed(packet(3, "0").received, Decimal("70.1"), "kg", steady=True)]


@pytest.mark.parametrize(
    "next_one",
    [
        packet(2, "82.0"),
        packet(2, "70.1", person="0000000007"),
        packet(2, "70.1", unit="lb"),
        packet(9, "70.1"),
    ],
)
def test_another_weight_person_unit_or_a_pause_is_the_next_weigh_in(next_one: Packet) -> None:
    after = replace(next_one.received, monotonic=next_one.received.monotonic + 1)

    done = weighed(
        packet(0, "70.1"), packet(1, "70.1"), next_one, replace(next_one, received=after)
    )

    assert [steady for _, steady in done] == [True, True]


def test_swaying_is_no_second_weigh_in() -> None:
    assert weighed(packet(0, "70.1"), packet(1, "70.1"), packet(2, "70.2")) == [("70.1", True)]


def test_a_scale_that_shows_whatever_is_on_it_is_given_more_room() -> None:
    weigh_in = WeighIn(LIVE_DIFFERS_BY)

    done = [
        weigh_in.add(packet(n, weight))
        for n, weight in enumerate(["71.4", "71.4", "71.9", "71.8", "71.8", "0"])
    ]

    assert [(str(one.weight), one.steady) for each in done for one in each] == [("71.8", True)]


def test_a_weight_that_the_scale_calls_stable_needs_no_second() -> None:
    moving, stable = (replace(packet(n, "70.1"), stable=n == 1) for n in range(2))

    assert weighed(moving, stable) == [("70.1", True)]
    assert weighed(moving, replace(moving, received=stable.received)) == []


def test_moving_about_is_no_second_weigh_in() -> None:
    first, second = (replace(packet(n, "70.1"), stable=True) for n in (0, 2))
    about = replace(packet(1, "64.0"), stable=False)

    assert weighed(first, about, second) == [("70.1", True)]


def test_an_empty_platform_ends_a_weigh_in_and_is_none() -> None:
    assert weighed(packet(0, "70.1"), packet(1, "70.1"), packet(2, "0.0"), packet(3, "-1")) == [
        ("70.1", True)
    ]


def test_a_platform_still_moving_is_nothing() -> None:
    assert weighed(packet(0, "20"), packet(1, "50"), packet(2, "70"), packet(3, "70")) == [
        ("70", True)
    ]


def test_a_single_packet_before_silence_is_kept_as_unsteady() -> None:
    assert weighed(packet(0, "70.1")) == [("70.1", False)]
    assert weighed(packet(0, "70.1"), packet(9, "80"), packet(10, "80")) == [
        ("70.1", False),
        ("80", True),
    ]


def test_a_scale_that_never_stops_is_recorded_once() -> None:
    weigh_in = WeighIn(LOCKED_DIFFERS_BY)

    done = [weigh_in.add(packet(n, "70.1")) for n in range(60)]

    assert [at for at, each in enumerate(done) for _ in each] == [10]
    assert weigh_in.silence() == []


def asked(*shown: tuple[float, str]) -> list[str]:
    """What a scale that is asked weighed, whose answers to some questions were lost."""
    weigh_in = WeighIn(LIVE_DIFFERS_BY, asked=True)
    done = [weigh_in.add(replace(packet(at, weight), stable=True)) for at, weight in shown]
    return [str(one.weight) for each in (*done, weigh_in.silence()) for one in each]


def test_answers_that_are_lost_do_not_end_the_weigh_in_of_a_scale_that_is_asked() -> None:
    assert asked((0, "70.1"), (4, "70.1"), (9, "70.05")) == ["70.1"]
    assert asked((0, "70.1"), (4, "70.1"), (15, "70.1")) == ["70.1", "70.1"]
    assert asked((0, "70.1"), (1, "0"), (4, "70.1")) == ["70.1", "70.1"]
    assert asked((0, "70.1"), (4, "71.0")) == ["70.1", "71.0"]


@pytest.mark.parametrize("stable", [None, True])
@pytest.mark.parametrize(
    "damaged",
    [
        packet(3, "7.1"),
        packet(3, "170.1"),
        packet(3, "70.1", "0000000007"),
        packet(3, "70.1", unit="lb"),
    ],
)
@pytest.mark.parametrize("at", range(1, 5))
def test_one_packet_that_was_damaged_is_nothing(
    damaged: Packet, at: int, stable: bool | None
) -> None:
    run = [replace(packet(n, "70.1"), stable=stable) for n in range(7)]
    run[at] = replace(damaged, stable=stable, received=run[at].received)

    assert weighed(*run) == [("70.1", True)]


@pytest.mark.parametrize("stable", [None, True])
def test_one_packet_that_was_damaged_at_the_beginning_is_nothing(stable: bool | None) -> None:
    run = [replace(packet(n, w), stable=stable) for n, w in enumerate(["7.1", "70.1", "70.1"])]

    assert weighed(*run) == [("70.1", True)]


@pytest.mark.parametrize("stable", [None, True])
def test_one_packet_that_departs_before_silence_is_kept_as_unsteady(stable: bool | None) -> None:
    shown = ["70.1", "70.1", "82.0"]
    run = [replace(packet(n, w), stable=stable) for n, w in enumerate(shown)]

    assert weighed(*run) == [("70.1", True), ("82.0", False)]
    assert weighed(*run, packet(9, "0")) == [("70.1", True), ("82.0", False)]
    assert weighed(*run, packet(3, "0")) == [("70.1", True)]


def test_one_that_moves_and_departs_before_silence_is_nothing() -> None:
    run = [replace(packet(n, "70.1"), stable=True) for n in range(2)]
    moving = replace(packet(2, "70.1", unit="lb"), stable=False)

    assert weighed(*run, moving) == [("70.1", True)]


@given(st.lists(st.tuples(st.floats(0, 20), st.sampled_from(["0", "70.1", "70.2", "80"]))))
def test_no_more_is_weighed_than_was_shown(shown: list[tuple[float, str]]) -> None:
    moments = sorted(second for second, _ in shown)

    done = weighed(*(packet(at, w) for at, (_, w) in zip(moments, shown, strict=True)))

    assert {weight for weight, _ in done} <= {w for _, w in shown} - {"0"}
    assert len(done) <= len(shown)


@dataclass(frozen=True)
class Stands:
    """Somebody on the scale, what one line of theirs became on its way, and how they leave."""

    weight: str
    lines: int
    damaged: int
    as_: str
    silently: bool


STANDS = st.builds(
    Stands,
    weight=st.sampled_from(["50.0", "60.0", "80.5"]),
    lines=st.integers(5, 14),
    damaged=st.integers(0, 14),
    as_=st.sampled_from(["7.0", "170.0", "51.0"]),
    silently=st.booleans(),
)


@given(st.lists(STANDS, max_size=6), st.sampled_from([None, True]), st.booleans())
def test_each_person_is_weighed_once_whatever_one_of_their_lines_became(
    people: list[Stands], stable: bool | None, is_asked: bool
) -> None:
    weigh_in = WeighIn(LIVE_DIFFERS_BY if is_asked else LOCKED_DIFFERS_BY, asked=is_asked)
    done: list[Weighed] = []
    expected: list[str] = []
    second = 0.0
    before: Stands | None = None
    for one in people:
        still_there = is_asked and before and before.silently and before.weight == one.weight
        expected += [] if still_there else [one.weight]
        shown = [one.as_ if at == one.damaged else one.weight for at in range(one.lines)]
        for weight in [*shown, *([] if one.silently else ["0"])]:
            second += 1
            done += weigh_in.add(replace(packet(second, weight), stable=stable))
        if one.silently:
            second += SILENCE_S
            done += weigh_in.silence()
        before = one
    done += weigh_in.silence()

    assert [str(each.weight) for each in done if each.steady] == expected
