"""Whose could this weighing be? A suggestion for a person to accept; it decides nothing.

A suggestion is made only where one person's last weight is near and everybody else's is clearly
further: two people of nearly one weight, a guest, a child or a pet get none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from gateway.domain.subject import SubjectId

NEAR_KG = Decimal("2.5")
"""What a person's weight moves by within days, clothes and meals included. Guess."""
APART_KG = Decimal("3")
"""How much further everybody else must be, so that clothes could not explain the difference."""
RECENT = timedelta(days=60)
"""A last weight older than this suggests nothing."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Perhaps it is the subject's: their last weight differs by `differs_kg`.

    `margin_kg` is how much further the next person's is; None if there is no other.
    """

    subject: SubjectId
    differs_kg: Decimal
    margin_kg: Decimal | None


def suggest(weight_kg: Decimal, last_kg: Mapping[SubjectId, Decimal]) -> Suggestion | None:
    """Suggest a person by their last weights, each no older than RECENT; None is an answer."""
    by_distance = sorted((abs(kg - weight_kg), subject) for subject, kg in last_kg.items())
    if not by_distance or by_distance[0][0] > NEAR_KG:
        return None
    differs, subject = by_distance[0]
    if len(by_distance) == 1:
        return Suggestion(subject, differs, None)
    margin = by_distance[1][0] - differs
    return Suggestion(subject, differs, margin) if margin >= APART_KG else None
