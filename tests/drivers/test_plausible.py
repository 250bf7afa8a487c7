from __future__ import annotations

import ast
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Measure, Quality
from gateway.drivers.plausible import LIMITS, doubted, is_plausible
from gateway.drivers.registry import installed
from tests.collect.fakes import a_reading

GATEWAY = Path(__file__).parents[2] / "gateway"
OF_GUESTS = {
    (Kind.BODY_TEMPERATURE, Measure.TEMPERATURE),
    (Kind.OXYGEN_SATURATION, Measure.OXYGEN_SATURATION),
}
"""What no built-in driver brings, and destinations take."""
NO_LIMITS = {Measure.GLUCOSE_TREND, Measure.SENSOR_QUALITY}


def mmhg(number: Decimal | int) -> Quantity:
    return Quantity(value=Decimal(number), unit=Unit.MMHG)


def pressure(systolic: Decimal | int, diastolic: Decimal | int, mean: int | None) -> bool:
    values = {Measure.SYSTOLIC: mmhg(systolic), Measure.DIASTOLIC: mmhg(diastolic)}
    if mean is not None:
        values[Measure.MEAN_ARTERIAL] = mmhg(mean)
    return is_plausible(Kind.BLOOD_PRESSURE, values)


@pytest.mark.parametrize(
    ("systolic", "diastolic", "mean"),
    [(120, 80, 93), (300, 250, None), (30, 20, 20), (Decimal("120.4"), Decimal("80.2"), None)],
)
def test_a_persons_pressures_are_plausible(
    systolic: Decimal | int, diastolic: Decimal | int, mean: int | None
) -> None:
    assert pressure(systolic, diastolic, mean)


@pytest.mark.parametrize(
    ("systolic", "diastolic", "mean"),
    [(301, 80, None), (29, 20, None), (120, 19, None), (290, 251, None), (80, 80, None)],
)
def test_pressures_outside_of_the_limits_or_the_wrong_way_round_are_not(
    systolic: int, diastolic: int, mean: int | None
) -> None:
    assert not pressure(systolic, diastolic, mean)


@pytest.mark.parametrize("mean", [79, 121])
def test_a_mean_that_does_not_lie_between_is_not_plausible(mean: int) -> None:
    assert not pressure(120, 80, mean)


@pytest.mark.parametrize(("kind", "measure"), LIMITS)
def test_limits_belong_to_what_is_plausible_and_what_is_beyond_does_not(
    kind: Kind, measure: Measure
) -> None:
    limits = LIMITS[kind, measure]
    step = Decimal("0.01")
    tried = [limits.lowest - step, limits.lowest, limits.highest, limits.highest + step]

    found = [
        is_plausible(kind, {measure: Quantity(value=number, unit=Unit.KILOGRAM)})
        for number in tried
    ]

    assert found == [False, True, True, False]
    assert limits.source


@given(st.sampled_from(Kind), st.sampled_from(Measure), st.decimals(-100_000, 100_000))
def test_any_number_is_judged_and_none_raises(
    kind: Kind, measure: Measure, number: Decimal
) -> None:
    values = {measure: Quantity(value=number, unit=Unit.KILOGRAM)}

    assert is_plausible(kind, values) in {True, False}
    assert is_plausible(kind, values) or (kind, measure) in LIMITS


def test_every_kind_that_a_driver_emits_has_limits_and_every_other_that_a_guest_may() -> None:
    emitted = {kind for driver in installed() for kind in driver.manifest.emits}

    assert {kind for kind, _ in LIMITS} == emitted | {kind for kind, _ in OF_GUESTS}


def test_a_temperature_in_fahrenheit_is_no_persons_in_celsius() -> None:
    told = Quantity(value=Decimal("98.6"), unit=Unit.CELSIUS)

    assert not is_plausible(Kind.BODY_TEMPERATURE, {Measure.TEMPERATURE: told})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Quality.GOOD, Quality.QUESTIONABLE),
        (Quality.QUESTIONABLE, Quality.QUESTIONABLE),
        (Quality.CONTROL, Quality.CONTROL),
    ],
)
def test_what_no_person_has_is_flagged_whatever_the_driver_made_of_it(
    before: Quality, after: Quality
) -> None:
    told = a_reading(systolic=700).model_copy(
        update={"quality": before, "flags": frozenset({"body_movement"})}
    )

    found = doubted(told)

    assert (found.quality, found.flags) == (after, {"body_movement", "implausible"})


def test_every_measure_that_a_driver_names_has_limits() -> None:
    named = {
        node.attr
        for path in (GATEWAY / "drivers").rglob("*.py")
        if path.name != "plausible.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "Measure"
    }

    limited = {measure for kind, measure in LIMITS if (kind, measure) not in OF_GUESTS}
    assert {Measure[name] for name in named} - NO_LIMITS == limited
