from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.quantity import (
    Quantity,
    Unit,
    cm_from_in,
    kg_from_lb,
    mg_dl_from_mmol_l,
    mmhg_from_kpa,
)
from tests.domain.readings import quantities


@pytest.mark.parametrize(
    ("converted", "value", "unit"),
    [
        (mmhg_from_kpa(Decimal("16.0")), "120.0", Unit.MMHG),
        (kg_from_lb(Decimal("154.3")), "69.990", Unit.KILOGRAM),
        (cm_from_in(Decimal("70")), "177.8", Unit.CENTIMETRE),
        (mg_dl_from_mmol_l(Decimal("5.5")), "99.1", Unit.MILLIGRAM_PER_DECILITRE),
    ],
)
def test_conversions_computed_by_hand(converted: Quantity, value: str, unit: Unit) -> None:
    assert (str(converted.value), converted.unit) == (value, unit)
    assert converted.original is not None


@given(quantities())
def test_digits_survive_json(quantity: Quantity) -> None:
    stored = Quantity.model_validate_json(quantity.model_dump_json())

    assert str(stored.value) == str(quantity.value)


@given(st.decimals(0, 400, places=1))
def test_pounds_are_kept_to_within_half_a_step_of_five_grams(lb: Decimal) -> None:
    assert abs(kg_from_lb(lb).value - lb * Decimal("0.45359237")) <= Decimal("0.0025")


@given(st.integers(1, 400), st.integers(1, 400))
def test_what_weighs_more_never_converts_to_less(one: int, two: int) -> None:
    lighter, heavier = sorted((one, two))

    assert kg_from_lb(Decimal(lighter)).value <= kg_from_lb(Decimal(heavier)).value
