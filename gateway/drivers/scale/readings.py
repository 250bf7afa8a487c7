"""What a scale on a serial line says about a person."""

from __future__ import annotations

from collections.abc import Set
from decimal import Decimal

from gateway.domain.quantity import Quantity, Unit, kg_from_lb
from gateway.domain.reading import Kind, Measure, Reading
from gateway.drivers.cable_readings import Origin, reading

_LB_PER_STONE = 14


def kilograms(weight: Decimal, unit: str) -> Quantity:
    """Return a weight in `kg`, `lb`, `st` or `g` as a quantity."""
    match unit:
        case "kg":
            return Quantity(value=weight, unit=Unit.KILOGRAM)
        case "g":
            value, original = weight.scaleb(-3), f"{weight} g"
            return Quantity(value=value, unit=Unit.KILOGRAM, original=original)
        case "lb":
            return kg_from_lb(weight)
        case "st":
            pounds = kg_from_lb(weight * _LB_PER_STONE)
            return pounds.model_copy(update={"original": f"{weight} st"})
    raise ValueError(f"{unit} is no unit of mass here")


def weight(quantity: Quantity, origin: Origin, doubts: Set[str] = frozenset()) -> Reading:
    """Make the reading of a weighing; `doubts` make it QUESTIONABLE, as flags."""
    return reading(Kind.WEIGHT, {Measure.WEIGHT: quantity}, origin, doubts=doubts)
