"""What a cuff on a serial line says about a person: two readings, the pressure and the heart rate.

The cuff's doubts about the measurement (the person moved) make both QUESTIONABLE: kept and shown,
not sent. Its findings about the person (irregular beats) are flags on a GOOD reading. Pressures
that no living person has are QUESTIONABLE with the flag `implausible`.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from gateway.clock import Instant
from gateway.domain.device import DeviceId
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import DeviceTime, Kind, Measure, Quality, Reading
from gateway.drivers.bp_monitor.plausible import pressure_is_plausible, pulse_is_plausible

_ON_A_CABLE = timedelta(seconds=15)  # what is sent as soon as it is measured comes within this


@dataclass(frozen=True, slots=True)
class Pressure:
    """What the cuff measured: mmHg, and beats per minute."""

    systolic: int
    diastolic: int
    mean: int | None
    pulse: int | None
    doubts: Set[str] = frozenset()
    findings: Set[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where and when it came from; the fields of a reading of the same names."""

    device: DeviceId
    received: Instant
    device_time: DeviceTime | None
    record: str | None = None
    live: bool = True


def readings(pressure: Pressure, origin: Origin) -> tuple[Reading, ...]:
    """Make the readings of one measurement."""
    values = {
        Measure.SYSTOLIC: _quantity(pressure.systolic, Unit.MMHG),
        Measure.DIASTOLIC: _quantity(pressure.diastolic, Unit.MMHG),
    }
    if pressure.mean is not None:
        values[Measure.MEAN_ARTERIAL] = _quantity(pressure.mean, Unit.MMHG)
    plausible = pressure_is_plausible(pressure.systolic, pressure.diastolic, pressure.mean)
    made = [_reading(Kind.BLOOD_PRESSURE, values, pressure, origin, plausible)]
    if pressure.pulse is not None:
        rate = {Measure.PULSE_RATE: _quantity(pressure.pulse, Unit.PER_MINUTE)}
        plausible = pulse_is_plausible(pressure.pulse)
        made.append(_reading(Kind.HEART_RATE, rate, pressure, origin, plausible))
    return tuple(made)


def _reading(
    kind: Kind,
    values: dict[Measure, Quantity],
    pressure: Pressure,
    origin: Origin,
    plausible: bool,
) -> Reading:
    odd = frozenset() if plausible else frozenset({"implausible"})
    return Reading(
        device=origin.device,
        kind=kind,
        values=values,
        received=origin.received,
        device_time=origin.device_time,
        record=origin.record,
        live=origin.live,
        taken_within=_ON_A_CABLE,
        quality=Quality.QUESTIONABLE if pressure.doubts or odd else Quality.GOOD,
        flags=odd | pressure.doubts | pressure.findings,
    )


def _quantity(number: int, unit: Unit) -> Quantity:
    return Quantity(value=Decimal(number), unit=unit)
