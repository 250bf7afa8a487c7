"""What a cuff on a serial line says about a person: two readings, the pressure and the heart rate.

The cuff's doubts about the measurement (the person moved) make both QUESTIONABLE: kept and shown,
not sent. Its findings about the person (irregular beats) are flags on a GOOD reading.
"""

from __future__ import annotations

from collections.abc import Set
from decimal import Decimal

from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Measure, Reading
from gateway.drivers.cable_readings import Origin, reading
from gateway.frozen import frozen


@frozen
class Pressure:
    """What the cuff measured: mmHg, and beats per minute."""

    systolic: int
    diastolic: int
    mean: int | None
    pulse: int | None
    doubts: Set[str] = frozenset()
    findings: Set[str] = frozenset()


def readings(pressure: Pressure, origin: Origin) -> tuple[Reading, ...]:
    """Make the readings of one measurement."""
    values = {
        Measure.SYSTOLIC: _quantity(pressure.systolic, Unit.MMHG),
        Measure.DIASTOLIC: _quantity(pressure.diastolic, Unit.MMHG),
    }
    if pressure.mean is not None:
        values[Measure.MEAN_ARTERIAL] = _quantity(pressure.mean, Unit.MMHG)
    told = [(Kind.BLOOD_PRESSURE, values)]
    if pressure.pulse is not None:
        rate = {Measure.PULSE_RATE: _quantity(pressure.pulse, Unit.PER_MINUTE)}
        told.append((Kind.HEART_RATE, rate))
    return tuple(
        reading(
            kind,
            numbers,
            origin,
            doubts=pressure.doubts,
            findings=pressure.findings,
        )
        for kind, numbers in told
    )


def _quantity(number: int, unit: Unit) -> Quantity:
    return Quantity(value=Decimal(number), unit=unit)
