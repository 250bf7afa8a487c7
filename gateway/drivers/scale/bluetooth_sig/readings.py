"""What a scale's messages say about a person: readings in canonical units.

A weighing gives a weight, and a height if the scale sent the one it was told. A body composition
gives one reading of all it measured; a 0 in it stands for "not measured" (seen on Beurer BF788:
stubs of its history), and what was not measured makes no reading. The BMI is never kept: it follows
from the other two.

A mass that is no part of a body that heavy is questionable: a client reads those of a Beurer BF450
in 0.1 kg, so that 40 kg of water would come as 2 kg by the specification.
"""

from __future__ import annotations

from collections.abc import Set
from decimal import Decimal

from gateway.clock import Instant
from gateway.domain.device import DeviceId
from gateway.domain.quantity import Quantity, Unit, cm_from_in, kg_from_lb
from gateway.domain.reading import Kind, Measure, Quality, Reading
from gateway.drivers.episodic import Timed
from gateway.drivers.scale.bluetooth_sig.codec import UNKNOWN_USER, BodyComposition, Weight
from gateway.drivers.scale.bluetooth_sig.pairing import Paired
from gateway.frozen import frozen

_LEAST_PART = Decimal("0.05")
"""Of the weight: less than anybody's muscle, water or lean mass, more than a twentieth of it."""


@frozen
class Occasion:
    """When, where and on whose behalf the scale measured: what its readings have in common."""

    device: DeviceId
    received: Instant
    timed: Timed
    slot: str | None
    garbled: bool = False
    """The message has a time that no clock shows: it was changed on its way."""


def weight_readings(message: Weight | BodyComposition, occasion: Occasion) -> list[Reading]:
    """Make the readings of weight and height, of those that the message has."""
    made = []
    if message.weight is not None:
        weight = _mass(message.weight, message.unit)
        made.append(_reading(Kind.WEIGHT, {Measure.WEIGHT: weight}, occasion))
    if message.height:
        height = _length(message.height, message.height_unit)
        made.append(_reading(Kind.HEIGHT, {Measure.HEIGHT: height}, occasion))
    return made


def composition_readings(message: BodyComposition, occasion: Occasion) -> list[Reading]:
    """Make the one reading of a body composition; none if nothing of it was measured."""
    values = _composition(message)
    doubts = set() if _are_parts(values, message) else {"inconsistent"}
    return [_reading(Kind.BODY_COMPOSITION, values, occasion, doubts)] if values else []


def slot_of(user_id: int | None) -> str | None:
    """Return the user as text; None if the scale names none or does not know them."""
    return None if user_id in {None, UNKNOWN_USER} else str(user_id)


def _composition(message: BodyComposition) -> dict[Measure, Quantity]:
    kilojoule = message.basal_metabolism_kj
    plain = {
        Measure.BODY_FAT: (message.body_fat_percent, Unit.PERCENT),
        Measure.MUSCLE: (message.muscle_percent, Unit.PERCENT),
        Measure.IMPEDANCE: (message.impedance_ohm, Unit.OHM),
        Measure.BASAL_METABOLISM: (kilojoule and Decimal(kilojoule), Unit.KILOJOULE),
    }
    masses = {
        Measure.MUSCLE_MASS: message.muscle_mass,
        Measure.FAT_FREE_MASS: message.fat_free_mass,
        Measure.SOFT_LEAN_MASS: message.soft_lean_mass,
        Measure.BODY_WATER_MASS: message.body_water_mass,
    }
    return {
        **{
            name: Quantity(value=value, unit=unit) for name, (value, unit) in plain.items() if value
        },
        **{name: _mass(value, message.unit) for name, value in masses.items() if value},
    }


def _are_parts(values: dict[Measure, Quantity], message: BodyComposition) -> bool:
    """Say whether each mass is a part of the weight, as far as that is known."""
    weighed = message.body if isinstance(message, Paired) else message
    if not weighed.weight:
        return True
    whole = _mass(weighed.weight, weighed.unit).value
    parts = [quantity.value for quantity in values.values() if quantity.unit is Unit.KILOGRAM]
    return all(whole * _LEAST_PART < part <= whole for part in parts)


def _reading(
    kind: Kind, values: dict[Measure, Quantity], occasion: Occasion, doubts: Set[str] = frozenset()
) -> Reading:
    flags = {*doubts, "garbled"} if occasion.garbled else {*doubts}
    return Reading(
        device=occasion.device,
        kind=kind,
        values=values,
        received=occasion.received,
        device_time=occasion.timed.device_time,
        record=occasion.timed.record,
        slot=occasion.slot,
        live=occasion.timed.live,
        quality=Quality.QUESTIONABLE if flags else Quality.GOOD,
        flags=frozenset(flags),
    )


def _mass(value: Decimal, unit: str) -> Quantity:
    return kg_from_lb(value) if unit == "lb" else Quantity(value=value, unit=Unit.KILOGRAM)


def _length(value: Decimal, unit: str | None) -> Quantity:
    if unit == "in":
        return cm_from_in(value)
    return Quantity(value=value.scaleb(2), unit=Unit.CENTIMETRE)
