"""The person who drives a device: figures that vary as a body's do, the same for a seed."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

GLUCOSE_LOWEST_MG_DL = 40
GLUCOSE_HIGHEST_MG_DL = 400
_MEALS = ((7.5, 60.0), (12.5, 75.0), (19.5, 85.0))  # hour of the day, typical rise in mg/dL
_HALF_STEP_KG = Decimal("0.05")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Someone invented, and the figures that they vary around."""

    name: str
    systolic_mmhg: int = 124
    diastolic_mmhg: int = 79
    pulse_per_min: int = 68
    weight_kg: Decimal = Decimal("72.0")
    height_m: Decimal = Decimal("1.70")
    body_fat_percent: Decimal = Decimal("24.0")
    glucose_mg_dl: int = 105


@dataclass(frozen=True, slots=True)
class Pressure:
    """One blood pressure, mmHg, and the pulse per minute."""

    systolic: Decimal
    diastolic: Decimal
    mean: Decimal
    pulse: Decimal
    irregular: bool


@dataclass(frozen=True, slots=True)
class Mass:
    """One weighing, kg, percent, kJ and ohm, in steps that a scale can show."""

    weight: Decimal
    bmi: Decimal
    body_fat_percent: Decimal
    muscle_percent: Decimal
    fat_free_mass: Decimal
    body_water_mass: Decimal
    basal_metabolism_kj: int
    impedance_ohm: Decimal


class Body:
    """Draws figures for one person. The order of the questions decides the answers."""

    def __init__(self, person: Person, seed: int | str) -> None:
        self.person = person
        self._random = random.Random(f"{seed}/{person.name}")  # noqa: S311 - not a secret
        self._meals = self._random.getrandbits(64)

    def pressure(self, at: datetime) -> Pressure:
        """Take a blood pressure: higher in the morning, a little different each time."""
        person, draw = self.person, self._random.gauss
        daily = 4 * math.cos((_hour(at) - 10) / 24 * 2 * math.pi)
        systolic = round(person.systolic_mmhg + daily + draw(0, 4))
        diastolic = min(round(person.diastolic_mmhg + daily / 2 + draw(0, 3)), systolic - 15)
        mean = diastolic + (systolic - diastolic) // 3
        pulse = round(person.pulse_per_min + draw(0, 4))
        return Pressure(
            systolic=Decimal(systolic),
            diastolic=Decimal(diastolic),
            mean=Decimal(mean),
            pulse=Decimal(pulse),
            irregular=self._random.random() < 0.04,
        )

    def weigh(self) -> Mass:
        """Step on a scale: steps of 50 g, and a composition that agrees with the weight."""
        person = self.person
        weight = stepped(person.weight_kg + Decimal(self._random.gauss(0, 0.3)), _HALF_STEP_KG)
        fat = stepped(person.body_fat_percent + Decimal(self._random.gauss(0, 0.4)), "0.1")
        lean = stepped(weight * (100 - fat) / 100, _HALF_STEP_KG)
        return Mass(
            weight=weight,
            bmi=stepped(weight / (person.height_m * person.height_m), "0.1"),
            body_fat_percent=fat,
            muscle_percent=stepped((100 - fat) * Decimal("0.55"), "0.1"),
            fat_free_mass=lean,
            body_water_mass=stepped(lean * Decimal("0.73"), _HALF_STEP_KG),
            basal_metabolism_kj=round(370 * 4.184 + 21.6 * 4.184 * float(lean)),
            impedance_ohm=Decimal(round(500 + self._random.gauss(0, 8))),
        )

    def glucose(self, at: datetime) -> int:
        """Return interstitial glucose at a time, mg/dL: a rise after each meal, a dip at night.

        It depends on the time alone, so that a history and what follows it join smoothly. One night
        and one evening in eight days leave the range that a sensor can tell.
        """
        hour, level = _hour(at), float(self.person.glucose_mg_dl)
        level += 12 * math.cos((hour - 15) / 24 * 2 * math.pi)
        for days_ago in (0, 1):
            day = random.Random(self._meals ^ (at.toordinal() - days_ago))  # noqa: S311
            rises = [rise * day.uniform(0.5, 1.5) for _, rise in _MEALS]
            level += _meals_of_a_day(rises, hour + 24 * days_ago)
        level += _excursion(at.toordinal() % 8, hour)
        minute = random.Random(self._meals ^ int(at.timestamp() // 60))  # noqa: S311
        return round(level + minute.gauss(0, 3))


def _meals_of_a_day(rises: Sequence[float], hour: float) -> float:
    level = 0.0
    for (eaten_at, _), rise in zip(_MEALS, rises, strict=True):
        since = hour - eaten_at
        if since > 0:
            # Peaks an hour after the meal, gone after about five.
            level += rise * since * math.exp(1 - since)
    return level


def _excursion(day_of_eight: int, hour: float) -> float:
    """Return what one night and one evening in eight days add: enough to leave the range."""
    if day_of_eight == 2:
        return -130 * math.exp(-(((hour - 3.5) / 0.7) ** 2))
    if day_of_eight == 6:
        return 340 * math.exp(-(((hour - 21.0) / 0.8) ** 2))
    return 0.0


def _hour(at: datetime) -> float:
    return at.hour + at.minute / 60 + at.second / 3600


def stepped(value: Decimal, step: Decimal | str) -> Decimal:
    """Return the nearest multiple of a step, as a device with that resolution shows it."""
    size = Decimal(step)
    return (value / size).to_integral_value(ROUND_HALF_EVEN) * size
