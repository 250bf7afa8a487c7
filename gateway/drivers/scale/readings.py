"""What a scale on a serial line says about a person.

A weight that no living person has (a bag on the platform, a shifted decimal point) is QUESTIONABLE
with the flag `implausible`: kept and shown, not sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from gateway.clock import Instant
from gateway.domain.device import DeviceId
from gateway.domain.quantity import Quantity, Unit, kg_from_lb
from gateway.domain.reading import DeviceTime, Kind, Measure, Quality, Reading

_LIGHTEST_KG = Decimal("0.3")  # the smallest newborns
_HEAVIEST_KG = Decimal(650)  # above anyone ever weighed

_LB_PER_STONE = 14
_ON_A_CABLE = timedelta(seconds=15)  # what is sent as soon as it is measured comes within this


@dataclass(frozen=True, slots=True)
class Origin:
    """Where and when it came from; the fields of a reading of the same names."""

    device: DeviceId
    received: Instant
    device_time: DeviceTime | None = None
    record: str | None = None
    doubts: Set[str] = frozenset()
    """What makes the reading QUESTIONABLE, as flags."""


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


def weight(quantity: Quantity, origin: Origin) -> Reading:
    """Make the reading of a weighing."""
    plausible = _LIGHTEST_KG <= quantity.value <= _HEAVIEST_KG
    return reading(Kind.WEIGHT, {Measure.WEIGHT: quantity}, origin, plausible=plausible)


def reading(
    kind: Kind, values: Mapping[Measure, Quantity], origin: Origin, *, plausible: bool
) -> Reading:
    """Make a reading of any kind."""
    odd = frozenset() if plausible else frozenset({"implausible"})
    return Reading(
        device=origin.device,
        kind=kind,
        values=values,
        received=origin.received,
        device_time=origin.device_time,
        record=origin.record,
        taken_within=_ON_A_CABLE,
        quality=Quality.QUESTIONABLE if origin.doubts or odd else Quality.GOOD,
        flags=odd | origin.doubts,
    )
