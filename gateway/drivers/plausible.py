"""Which numbers a person can have: one table for every driver, with where each limit comes from.

What lies outside stems from another format, a shifted decimal point or a bag on the platform. The
limits are wider than what the devices in scope show and than any person was seen with, so that a
very ill person still counts. They are a flag and never a validator: the reading is QUESTIONABLE
with the flag `implausible`, kept and shown, and not sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Measure, Quality, Reading

IMPLAUSIBLE = "implausible"
"""The flag."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From-to of what is plausible, both inclusive, in the canonical unit; and why."""

    lowest: Decimal
    highest: Decimal
    unit: Unit
    source: str


def _limits(lowest: str, highest: str, unit: Unit, source: str) -> Limits:
    return Limits(Decimal(lowest), Decimal(highest), unit, source)


_CUFF = "automatic cuffs are kept below 300 mmHg (IEC 80601-2-30); those in scope show 0 to 299"
_PART = "a guess: a part of the heaviest weight, or of the smallest"

LIMITS: Mapping[tuple[Kind, Measure], Limits] = MappingProxyType(
    {
        (Kind.BLOOD_PRESSURE, Measure.SYSTOLIC): _limits("30", "300", Unit.MMHG, _CUFF),
        (Kind.BLOOD_PRESSURE, Measure.DIASTOLIC): _limits("20", "250", Unit.MMHG, _CUFF),
        (Kind.BLOOD_PRESSURE, Measure.MEAN_ARTERIAL): _limits("20", "300", Unit.MMHG, _CUFF),
        (Kind.HEART_RATE, Measure.PULSE_RATE): _limits(
            "20",
            "300",
            Unit.PER_MINUTE,
            "a guess: cuffs in scope count 40 to 199, hearts beat slower and faster",
        ),
        (Kind.WEIGHT, Measure.WEIGHT): _limits(
            "0.2",
            "650",
            Unit.KILOGRAM,
            "the smallest newborn who lived had 0.212 kg, the heaviest person 635 kg",
        ),
        (Kind.HEIGHT, Measure.HEIGHT): _limits(
            "20",
            "280",
            Unit.CENTIMETRE,
            "from a newborn of that weight to the tallest person, 272 cm",
        ),
        (Kind.BLOOD_GLUCOSE, Measure.GLUCOSE): _limits(
            "19.8",
            "750",
            Unit.MILLIGRAM_PER_DECILITRE,
            "meters in scope show 20 to 600 mg/dL; 1.1 mmol/L is their lowest, too, and 19.8 mg/dL;"
            " below lies what ketone looks like",
        ),
        (Kind.BLOOD_KETONE, Measure.KETONE): _limits(
            "0",
            "30",
            Unit.MILLIMOLE_PER_LITRE,
            "meters in scope show 0.0 to 8.0; a guess: four times that",
        ),
        (Kind.INTERSTITIAL_GLUCOSE, Measure.GLUCOSE): _limits(
            "20", "600", Unit.MILLIGRAM_PER_DECILITRE, "sensors in scope show 39 to 501 mg/dL"
        ),
        (Kind.BODY_TEMPERATURE, Measure.TEMPERATURE): _limits(
            "10", "47", Unit.CELSIUS, "people lived through 11.8 and through 46.5"
        ),
        (Kind.OXYGEN_SATURATION, Measure.OXYGEN_SATURATION): _limits(
            "30", "100", Unit.PERCENT, "34 was found in the blood of a climber at 8,400 m"
        ),
        (Kind.BODY_COMPOSITION, Measure.BODY_FAT): _limits(
            "1", "75", Unit.PERCENT, "scales show 3 to 75"
        ),
        (Kind.BODY_COMPOSITION, Measure.MUSCLE): _limits("5", "95", Unit.PERCENT, "a guess"),
        (Kind.BODY_COMPOSITION, Measure.BODY_WATER): _limits("10", "90", Unit.PERCENT, "a guess"),
        (Kind.BODY_COMPOSITION, Measure.BODY_FAT_MASS): _limits("0.1", "500", Unit.KILOGRAM, _PART),
        (Kind.BODY_COMPOSITION, Measure.MUSCLE_MASS): _limits("0.1", "200", Unit.KILOGRAM, _PART),
        (Kind.BODY_COMPOSITION, Measure.FAT_FREE_MASS): _limits("0.1", "250", Unit.KILOGRAM, _PART),
        (Kind.BODY_COMPOSITION, Measure.SOFT_LEAN_MASS): _limits(
            "0.1", "250", Unit.KILOGRAM, _PART
        ),
        (Kind.BODY_COMPOSITION, Measure.BONE_MASS): _limits("0.1", "20", Unit.KILOGRAM, _PART),
        (Kind.BODY_COMPOSITION, Measure.BODY_WATER_MASS): _limits(
            "0.1", "200", Unit.KILOGRAM, _PART
        ),
        (Kind.BODY_COMPOSITION, Measure.BASAL_METABOLISM): _limits(
            "400",
            "25000",
            Unit.KILOJOULE,
            "a day; a guess: a tenth of, and three times what an adult needs",
        ),
        (Kind.BODY_COMPOSITION, Measure.IMPEDANCE): _limits(
            "1", "2999", Unit.OHM, "higher ones are a Mi scale's way of saying that it has none"
        ),
    }
)


def is_plausible(kind: Kind, values: Mapping[Measure, Quantity]) -> bool:
    """Say whether a person can have these values of one reading, in canonical units.

    Of a blood pressure the diastolic lies below the systolic, and the mean between or on them. What
    has no limits (a trend, a sensor's quality) is not judged.
    """
    return all(
        (limits := LIMITS.get((kind, measure))) is None
        or limits.lowest <= quantity.value <= limits.highest
        for measure, quantity in values.items()
    ) and _is_in_order(values)


def doubted(reading: Reading) -> Reading:
    """Return the reading; with the flag, and not as GOOD, if it is of what no person can have.

    The session asks this of every reading: a driver asks only if it makes more of the answer.
    """
    if is_plausible(reading.kind, reading.values):
        return reading
    questionable = reading.quality is Quality.GOOD
    quality = Quality.QUESTIONABLE if questionable else reading.quality
    doubt = {"quality": quality, "flags": reading.flags | {IMPLAUSIBLE}}
    return reading.model_copy(update=doubt)


def _is_in_order(values: Mapping[Measure, Quantity]) -> bool:
    systolic, diastolic = values.get(Measure.SYSTOLIC), values.get(Measure.DIASTOLIC)
    if systolic is None or diastolic is None:
        return True
    mean = values.get(Measure.MEAN_ARTERIAL, systolic).value
    return diastolic.value < systolic.value and diastolic.value <= mean <= systolic.value
