"""Measured numbers with their units."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import PlainSerializer

from gateway.domain.value import Value

ExactDecimal = Annotated[Decimal, PlainSerializer(str, return_type=str, when_used="json")]
"""A Decimal that keeps its digits through JSON: `2.0` stays `2.0` (precision is meaningful)."""


class Unit(StrEnum):
    """The canonical units, by their UCUM codes."""

    MMHG = "mm[Hg]"
    PER_MINUTE = "/min"
    KILOGRAM = "kg"
    CENTIMETRE = "cm"
    MILLIGRAM_PER_DECILITRE = "mg/dL"
    MILLIMOLE_PER_LITRE = "mmol/L"
    MILLIGRAM_PER_DECILITRE_PER_MINUTE = "mg/dL/min"
    PERCENT = "%"
    KILOJOULE = "kJ"
    OHM = "Ohm"
    CELSIUS = "Cel"
    COUNT = "{count}"


class Quantity(Value):
    """A number as precise as the device gave it, in a canonical unit.

    `original` is what the device said, as "number unit", where a conversion was needed.
    """

    value: ExactDecimal
    unit: Unit
    original: str | None = None


_MMHG_PER_KPA = Decimal("7.50062")  # NIST SP 811, conventional millimetre of mercury
_KG_PER_LB = Decimal("0.45359237")  # exact, international avoirdupois pound
_CM_PER_IN = Decimal("2.54")  # exact
MG_DL_PER_MMOL_L = Decimal("18.0182")  # Continua; MES digest 1.5


def mmhg_from_kpa(kpa: Decimal) -> Quantity:
    """Convert a pressure in kPa; 0.1 kPa is 0.75 mmHg, so one decimal loses nothing."""
    value = (kpa * _MMHG_PER_KPA).quantize(Decimal("0.1"))
    return Quantity(value=value, unit=Unit.MMHG, original=f"{kpa} kPa")


def kg_from_lb(lb: Decimal) -> Quantity:
    """Convert a mass in pounds; rounded to 5 g, below what any scale in scope resolves."""
    value = (lb * _KG_PER_LB / 5).quantize(Decimal("0.001")) * 5
    return Quantity(value=value, unit=Unit.KILOGRAM, original=f"{lb} lb")


def cm_from_in(inches: Decimal) -> Quantity:
    """Convert a length in inches, to a millimetre."""
    value = (inches * _CM_PER_IN).quantize(Decimal("0.1"))
    return Quantity(value=value, unit=Unit.CENTIMETRE, original=f"{inches} in")


def mg_dl_from_mmol_l(mmol_l: Decimal) -> Quantity:
    """Convert a glucose concentration, to a tenth of a mg/dL."""
    value = (mmol_l * MG_DL_PER_MMOL_L).quantize(Decimal("0.1"))
    return Quantity(value=value, unit=Unit.MILLIGRAM_PER_DECILITRE, original=f"{mmol_l} mmol/L")
