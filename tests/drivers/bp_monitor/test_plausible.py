from __future__ import annotations

from decimal import Decimal

import pytest

from gateway.drivers.bp_monitor.plausible import pressure_is_plausible, pulse_is_plausible


@pytest.mark.parametrize(
    ("systolic", "diastolic", "mean"),
    [(120, 80, 93), (300, 250, None), (30, 20, 20), (Decimal("120.4"), Decimal("80.2"), None)],
)
def test_a_persons_pressures_are_plausible(
    systolic: Decimal | int, diastolic: Decimal | int, mean: int | None
) -> None:
    assert pressure_is_plausible(systolic, diastolic, mean)


@pytest.mark.parametrize(
    ("systolic", "diastolic", "mean"),
    [(301, 80, None), (29, 20, None), (120, 19, None), (290, 251, None), (80, 80, None)],
)
def test_pressures_outside_of_the_limits_or_the_wrong_way_round_are_not(
    systolic: int, diastolic: int, mean: int | None
) -> None:
    assert not pressure_is_plausible(systolic, diastolic, mean)


@pytest.mark.parametrize("mean", [79, 121])
def test_a_mean_that_does_not_lie_between_is_not_plausible(mean: int) -> None:
    assert not pressure_is_plausible(120, 80, mean)


def test_a_pulse_is_plausible_within_its_limits() -> None:
    assert [pulse_is_plausible(pulse) for pulse in (19, 20, 300, 301)] == [False, True, True, False]
