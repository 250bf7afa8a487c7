from datetime import timedelta
from itertools import pairwise

from firmware_sims.packing.ieee11073 import sfloat
from firmware_sims.packing.weight_scale import mass
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware_sims.people import NOON, body


@given(st.integers(), st.integers(min_value=0, max_value=10_000))
def test_any_pressure_is_plausible_and_fits_its_frame(seed: int, hours: int) -> None:
    pressure = body(seed=seed).pressure(NOON + timedelta(hours=hours))

    assert pressure.diastolic < pressure.mean < pressure.systolic
    assert len(sfloat(pressure.systolic) + sfloat(pressure.pulse)) == 4


@given(st.integers())
def test_any_weighing_is_plausible_and_fits_its_frame(seed: int) -> None:
    weighing = body(seed=seed).weigh()

    assert weighing.body_water_mass < weighing.fat_free_mass < weighing.weight
    assert len(mass(weighing.fat_free_mass, imperial=False)) == 2


def test_the_same_seed_is_the_same_body() -> None:
    first, second = body(seed=3), body(seed=3)

    assert first.pressure(NOON) == second.pressure(NOON)
    assert first.weigh() == second.weigh()
    assert first.glucose(NOON) == second.glucose(NOON)


def test_a_fortnight_of_glucose_is_mostly_in_range_and_sometimes_out_of_the_sensors() -> None:
    wearer = body()

    levels = [wearer.glucose(NOON + sample * timedelta(minutes=5)) for sample in range(4032)]

    in_range = sum(70 <= level <= 180 for level in levels) / len(levels)
    assert 0.6 < in_range < 0.95
    assert min(levels) < 40
    assert max(levels) > 400


def test_glucose_moves_like_glucose() -> None:
    wearer = body()

    levels = [wearer.glucose(NOON + sample * timedelta(minutes=5)) for sample in range(4032)]

    steps = [abs(after - before) for before, after in pairwise(levels)]
    assert max(steps) < 60
