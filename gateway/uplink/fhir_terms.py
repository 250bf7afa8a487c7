"""The codes of the HL7 Personal Health Device guide 2.0: MDC first, LOINC beside it.

MDC codes are those of IEEE 11073-10101 as decimal numbers; single sensor values and the summaries
of continuous glucose take their LOINC codes from the HL7 guide for CGM 1.0. Ketone has no MDC code;
its LOINC code, of "Beta hydroxybutyrate [Moles/volume] in Blood by Test strip", is explained in
docs/decisions/0014.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.domain.quantity import Unit
from gateway.domain.reading import Kind, Measure
from gateway.errors import UplinkRejected

PHD = "http://hl7.org/fhir/uv/phd"
"""The guide."""


@dataclass(frozen=True, slots=True)
class Codes:
    """What one thing is called; `mdc` is None where the guide has no code for it."""

    mdc: str | None
    loinc: str


@dataclass(frozen=True, slots=True)
class Part:
    """One number; with `codes` it is a component, without it is the value itself."""

    measure: Measure
    unit: Unit
    codes: Codes | None = None
    mandatory: bool = True


@dataclass(frozen=True, slots=True)
class Coded:
    """How a kind of reading is told."""

    codes: Codes
    parts: tuple[Part, ...]


CODES: Mapping[Kind, Coded] = {
    Kind.BLOOD_PRESSURE: Coded(
        Codes("150020", "85354-9"),
        (
            Part(Measure.SYSTOLIC, Unit.MMHG, Codes("150021", "8480-6")),
            Part(Measure.DIASTOLIC, Unit.MMHG, Codes("150022", "8462-4")),
            Part(Measure.MEAN_ARTERIAL, Unit.MMHG, Codes("150023", "8478-0"), mandatory=False),
        ),
    ),
    Kind.HEART_RATE: Coded(Codes("149546", "8867-4"), (Part(Measure.PULSE_RATE, Unit.PER_MINUTE),)),
    Kind.WEIGHT: Coded(Codes("188736", "29463-7"), (Part(Measure.WEIGHT, Unit.KILOGRAM),)),
    Kind.HEIGHT: Coded(Codes("188740", "8302-2"), (Part(Measure.HEIGHT, Unit.CENTIMETRE),)),
    Kind.BLOOD_GLUCOSE: Coded(
        Codes("160368", "2345-7"), (Part(Measure.GLUCOSE, Unit.MILLIGRAM_PER_DECILITRE),)
    ),
    Kind.BLOOD_KETONE: Coded(
        Codes(None, "66441-7"), (Part(Measure.KETONE, Unit.MILLIMOLE_PER_LITRE),)
    ),
    Kind.INTERSTITIAL_GLUCOSE: Coded(
        Codes("160212", "99504-3"), (Part(Measure.GLUCOSE, Unit.MILLIGRAM_PER_DECILITRE),)
    ),
    Kind.MEAN_INTERSTITIAL_GLUCOSE: Coded(
        Codes(None, "97507-8"), (Part(Measure.GLUCOSE, Unit.MILLIGRAM_PER_DECILITRE),)
    ),
    Kind.GLUCOSE_MANAGEMENT_INDICATOR: Coded(
        Codes(None, "97506-0"), (Part(Measure.GLUCOSE_MANAGEMENT_INDICATOR, Unit.PERCENT),)
    ),
    Kind.BODY_TEMPERATURE: Coded(
        Codes("150364", "8310-5"), (Part(Measure.TEMPERATURE, Unit.CELSIUS),)
    ),
    Kind.OXYGEN_SATURATION: Coded(
        Codes("150456", "2708-6"), (Part(Measure.OXYGEN_SATURATION, Unit.PERCENT),)
    ),
}
"""Body composition has no place: the guide has a code for body fat alone."""

MEAL = "8417864"
"""MDC_CTXT_GLU_MEAL: when, relative to meals, blood glucose was measured."""
MEALS: Mapping[str, str] = {
    "fasting": "8417876",
    "preprandial": "8417868",
    "postprandial": "8417872",
    "casual": "8417880",
}
"""Its values, by what a meter remarks, in order of precedence."""

VITAL_SIGNS = frozenset(
    {
        Kind.BLOOD_PRESSURE,
        Kind.HEART_RATE,
        Kind.WEIGHT,
        Kind.HEIGHT,
        Kind.BODY_TEMPERATURE,
        Kind.OXYGEN_SATURATION,
    }
)
"""Kinds for which FHIR R4 demands a profile of its own, and the guide that it be kept."""


def codes_of(kind: Kind) -> Coded:
    """Return the codes of a kind. Raises UplinkRejected if it has none."""
    found = CODES.get(kind)
    if found is None:
        raise UplinkRejected(
            f"There are no codes for the kind {kind}: take it out of the destination's kinds in the"
            " configuration."
        )
    return found
