"""Says readings and moments the way people do: decimal comma, 24 hours, words for every state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal

from gateway.domain.device_time import Timing
from gateway.domain.quantity import MG_DL_PER_MMOL_L, Unit
from gateway.domain.reading import Kind, Measure, Quality, Reading
from gateway.journal.views import DeliveryView
from gateway.language.moments import moment
from gateway.language.words import Words
from gateway.web.standing import Whereabouts, standing

_FIRST = {
    Kind.BLOOD_PRESSURE: (Measure.SYSTOLIC, Measure.DIASTOLIC),
    Kind.HEART_RATE: (Measure.PULSE_RATE,),
    Kind.WEIGHT: (Measure.WEIGHT,),
    Kind.HEIGHT: (Measure.HEIGHT,),
    Kind.BODY_COMPOSITION: (Measure.BODY_FAT,),
    Kind.BLOOD_GLUCOSE: (Measure.GLUCOSE,),
    Kind.BLOOD_KETONE: (Measure.KETONE,),
    Kind.INTERSTITIAL_GLUCOSE: (Measure.GLUCOSE,),
    Kind.MEAN_INTERSTITIAL_GLUCOSE: (Measure.GLUCOSE,),
    Kind.GLUCOSE_MANAGEMENT_INDICATOR: (Measure.GLUCOSE_MANAGEMENT_INDICATOR,),
    Kind.BODY_TEMPERATURE: (Measure.TEMPERATURE,),
    Kind.OXYGEN_SATURATION: (Measure.OXYGEN_SATURATION,),
}
"""What is written large; the rest follows in small lines."""
_UNSAID = frozenset({Measure.IMPEDANCE, Measure.SENSOR_QUALITY, Measure.SAMPLES})
"""Numbers that say nothing to the person."""


@dataclass(frozen=True, slots=True)
class Said:
    """A reading in words."""

    title: str
    figure: str
    unit: str
    lines: Sequence[str]
    warning: str | None


def said(reading: Reading, words: Words) -> Said:
    """Say what was measured."""
    first = [m for m in _FIRST.get(reading.kind, ()) if m in reading.values]
    rest = [m for m in reading.values if m not in first and m not in _UNSAID]
    figure = "\N{NO-BREAK SPACE}/\N{NO-BREAK SPACE}".join(
        words.number(reading.values[m].value) for m in first
    )
    unit = words(f"unit.{reading.values[first[0]].unit.name.lower()}") if first else ""
    if reading.document is not None:
        figure = words("document")
    elif not first:
        figure = words(f"limit.{reading.limit}") if reading.limit is not None else "–"
    lines = [*_in_other_units(reading, words)]
    if len(first) > 1:
        lines += [_line(reading, m, words) for m in first]
    lines += [_line(reading, m, words) for m in rest]
    warning = None
    if reading.quality is not Quality.GOOD:
        warning = words(f"quality.{reading.quality}")
    return Said(words(f"kind.{reading.kind}"), figure, unit, lines, warning)


def measured(timing: Timing, now: datetime, zone: tzinfo, words: Words) -> str:
    """Say when a reading was taken, or that nobody knows."""
    if timing.uncertainty is None:
        return words("time.unknown")
    return moment(timing.measured_at, now, zone, words)


def whereabouts(delivery: DeliveryView, title: str, words: Words) -> Whereabouts:
    """Say how a reading stands with a destination."""
    uncertain = delivery.may_have_arrived
    return standing(delivery.state, delivery.reason, title, words, may_have_arrived=uncertain)


def _line(reading: Reading, measure: Measure, words: Words) -> str:
    quantity = reading.values[measure]
    unit = words(f"unit.{quantity.unit.name.lower()}")
    value = words.number(quantity.value)
    return words(
        "line", name=words(f"measure.{measure}"), value=f"{value}\N{NO-BREAK SPACE}{unit}".strip()
    )


def _in_other_units(reading: Reading, words: Words) -> list[str]:
    """Say a glucose value in the units that laboratories and other meters show."""
    quantity = reading.values.get(Measure.GLUCOSE)
    if quantity is None or quantity.unit is not Unit.MILLIGRAM_PER_DECILITRE:
        return []
    grams = words.number((quantity.value / 100).quantize(Decimal("0.01")))
    millimoles = words.number((quantity.value / MG_DL_PER_MMOL_L).quantize(Decimal("0.1")))
    return [words("glucose_otherwise", grams=grams, millimoles=millimoles)]
