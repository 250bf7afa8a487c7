from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.subject import SubjectId
from gateway.domain.suggestion import APART_KG, NEAR_KG, Suggestion, suggest

ADA, BO = SubjectId("p-ada"), SubjectId("p-bo")
WEIGHTS = st.decimals(min_value=2, max_value=200, places=2)


def _kg(text: str) -> Decimal:
    return Decimal(text)


def test_the_only_person_of_about_that_weight_is_suggested() -> None:
    suggestion = suggest(_kg("70.6"), {ADA: _kg("70.2"), BO: _kg("84")})

    assert suggestion == Suggestion(ADA, _kg("0.4"), _kg("13.0"))


def test_two_people_half_a_kilogram_apart_are_not_told_apart() -> None:
    assert suggest(_kg("70.0"), {ADA: _kg("70.0"), BO: _kg("70.5")}) is None


@pytest.mark.parametrize("kg", ["4.2", "15", "95"])
def test_a_pet_a_child_and_a_guest_are_nobody_we_know(kg: str) -> None:
    assert suggest(_kg(kg), {ADA: _kg("70.0"), BO: _kg("84")}) is None


def test_nobody_is_suggested_where_nobody_has_weighed_in() -> None:
    assert suggest(_kg("70"), {}) is None


@given(WEIGHTS, st.dictionaries(st.sampled_from([ADA, BO, SubjectId("p-cy")]), WEIGHTS))
def test_whoever_is_suggested_is_near_and_nobody_else_is(
    kg: Decimal, last: dict[SubjectId, Decimal]
) -> None:
    suggestion = suggest(kg, last)

    if suggestion is not None:
        distances = {subject: abs(kg - theirs) for subject, theirs in last.items()}
        nearest = distances.pop(suggestion.subject)
        assert nearest == suggestion.differs_kg <= NEAR_KG
        assert all(other - nearest >= APART_KG for other in distances.values())
