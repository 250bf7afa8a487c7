"""What belongs together: a weight and its body composition, two packets of one composition."""

from __future__ import annotations

from dataclasses import replace

from gateway.drivers.scale.bluetooth_sig.codec import UNKNOWN_USER, BodyComposition, Weight

_PARTS = (
    "basal_metabolism_kj",
    "muscle_percent",
    "muscle_mass",
    "fat_free_mass",
    "soft_lean_mass",
    "body_water_mass",
    "impedance_ohm",
    "weight",
    "height",
)


def same_weighing(one: Weight | BodyComposition, other: Weight | BodyComposition) -> bool:
    """Whether user and time agree, as far as both messages have them."""
    users = {one.user_id, other.user_id} - {None, UNKNOWN_USER}
    times = {one.timestamp, other.timestamp} - {None}
    return len(users) <= 1 and len(times) <= 1


def joined(first: BodyComposition, second: BodyComposition) -> BodyComposition | None:
    """Put two packets of one measurement together; None if the second is not the other half.

    The second brings what had no room in the first. Body fat is in both: the first one's counts.
    """
    told = {name: getattr(second, name) for name in _PARTS if getattr(second, name) is not None}
    repeated = any(getattr(first, name) is not None for name in told)
    if repeated or not same_weighing(first, second):
        return None
    return replace(first, **told, height_unit=first.height_unit or second.height_unit)


def completed(composition: BodyComposition, weight: Weight) -> BodyComposition:
    """Give a composition the time and user of its weight, where it has none of its own.

    Weight and height are taken out of it: they have been told.
    """
    known = composition.user_id not in {None, UNKNOWN_USER}
    return replace(
        composition,
        timestamp=weight.timestamp if composition.timestamp is None else composition.timestamp,
        user_id=composition.user_id if known else weight.user_id,
        weight=None,
        height=None,
    )
