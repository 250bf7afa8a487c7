"""Listening to a Tanita scale: it prints one line after each weighing and is never asked.

The stamp is what the scale's clock shows as the line comes, so that a clock that was never set does
no harm. The typed id, sex and age go no further than the codec, the height no further than here: it
and the parts tell a weight whose digits changed places, which the sum does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Measure, Reading
from gateway.drivers.api import Frame, Session
from gateway.drivers.cable_readings import Origin, reading
from gateway.drivers.framing import framed
from gateway.drivers.plausible import IMPLAUSIBLE
from gateway.drivers.repeats import Repeats
from gateway.drivers.scale.readings import kilograms, weight
from gateway.drivers.scale.tanita import codec
from gateway.drivers.scale.tanita.codec import Weighing

_SAME_WITHIN_S = 10.0
"""The next person takes longer than this."""

_AGREES_TO_KG = 1  # parts and the BMI are rounded to 0.1; less than any two digits differ by

_KJ_PER_KCAL = Decimal("4.184")

_PERCENTS = {Measure.BODY_FAT: "body_fat_pct", Measure.BODY_WATER: "body_water_pct"}
_MASSES = {
    Measure.BODY_FAT_MASS: "body_fat_mass",
    Measure.FAT_FREE_MASS: "fat_free_mass",
    Measure.MUSCLE_MASS: "muscle_mass",
    Measure.BONE_MASS: "bone_mass",
    Measure.BODY_WATER_MASS: "body_water_mass",
}


async def converse(session: Session) -> None:
    """Record what the scale prints until the link is gone."""
    repeats = await Repeats.resumed(session, _SAME_WITHIN_S)
    inbox = await framed(session, codec.frames)
    async for frame, weighing in inbox.messages(lambda frame: codec.weighing(frame.data)):
        await _introduce(session, weighing)
        made = _readings(session, frame, weighing, repeats)
        await session.record(*made, bookmark=repeats.bookmark)


async def _introduce(session: Session, weighing: Weighing) -> None:
    known = session.device
    update = {
        "manufacturer": "Tanita",
        "model": weighing.model or known.model,
        "serial": weighing.serial or known.serial,
    }
    await session.describe(known.model_copy(update=update))


def _readings(
    session: Session, frame: Frame, weighing: Weighing, repeats: Repeats
) -> list[Reading]:
    at = weighing.device_time
    if at is None:
        repeats.place(frame, None, weighing.weight)
    origin = Origin(
        device=session.device.id,
        received=frame.received if at is not None else repeats.since or frame.received,
        device_time=at.just_taken(frame.received) if at is not None else None,
        record=repeats.key(frame, at, str(weighing.weight)) if at is not None else None,
    )
    doubts = {"segment_error"} if weighing.segment_error else set[str]()
    if not _agrees(weighing):
        doubts.add("inconsistent")
    mass = kilograms(weighing.weight, weighing.unit)
    made = [weight(mass, origin, doubts)]
    parts = _composition(weighing)
    if parts:
        if not all(_is_a_part(quantity, mass) for quantity in parts.values()):
            doubts = doubts | {IMPLAUSIBLE}
        made.append(reading(Kind.BODY_COMPOSITION, parts, origin, doubts=doubts))
    return made


def _agrees(weighing: Weighing) -> bool:
    """Say whether the weight is what the BMI, the share and the mass of the fat make it; in kg."""
    if weighing.unit != "kg":
        return True
    made = []
    if weighing.bmi and weighing.height_cm:
        made.append(weighing.bmi * (weighing.height_cm / 100) ** 2)
    if weighing.body_fat_mass and weighing.fat_free_mass:
        made.append(weighing.body_fat_mass + weighing.fat_free_mass)
    if weighing.body_fat_mass and weighing.body_fat_pct:
        fat = weighing.weight * weighing.body_fat_pct / 100
        made.append(weighing.weight + weighing.body_fat_mass - fat)
    return all(abs(it - weighing.weight) <= _AGREES_TO_KG for it in made)


def _composition(weighing: Weighing) -> dict[Measure, Quantity]:
    """Return what was measured of the body; a 0 stands for "not measured"."""
    told = _quantities(weighing, _PERCENTS, Unit.PERCENT)
    if weighing.unit == "kg":  # else no manual says what the masses are in
        told |= _quantities(weighing, _MASSES, Unit.KILOGRAM)
    if weighing.impedance_ohm:
        told[Measure.IMPEDANCE] = Quantity(value=weighing.impedance_ohm, unit=Unit.OHM)
    if weighing.basal_metabolism_kj:
        energy = Quantity(value=weighing.basal_metabolism_kj, unit=Unit.KILOJOULE)
        told[Measure.BASAL_METABOLISM] = energy
    elif weighing.basal_metabolism_kcal:
        told[Measure.BASAL_METABOLISM] = _kj_from_kcal(weighing.basal_metabolism_kcal)
    return told


def _quantities(
    weighing: Weighing, fields: Mapping[Measure, str], unit: Unit
) -> dict[Measure, Quantity]:
    told = {measure: getattr(weighing, name) for measure, name in fields.items()}
    return {measure: Quantity(value=value, unit=unit) for measure, value in told.items() if value}


def _kj_from_kcal(kcal: Decimal) -> Quantity:
    value = (kcal * _KJ_PER_KCAL).quantize(Decimal(1))
    return Quantity(value=value, unit=Unit.KILOJOULE, original=f"{kcal} kcal")


def _is_a_part(quantity: Quantity, whole: Quantity) -> bool:
    if quantity.unit is Unit.PERCENT:
        return 0 < quantity.value < 100
    if quantity.unit is Unit.KILOGRAM:
        return 0 < quantity.value <= whole.value
    return quantity.value > 0
