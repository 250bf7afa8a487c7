"""What comes out of the memory of a glucose meter on a cable: one reading for each record.

Control solution is read with quality CONTROL: it is nobody's blood. A value that no living person
has is QUESTIONABLE with the flag `implausible`.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from decimal import Decimal

from gateway.clock import Instant
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import ClockSample, Kind, Measure, Quality, Reading
from gateway.drivers.api import Session
from gateway.drivers.plausible import IMPLAUSIBLE, is_plausible
from gateway.wire.stamp import Stamp


@dataclass(frozen=True, slots=True)
class Stored:
    """A record of the memory."""

    at: Stamp
    glucose_mg_dl: int
    received: Instant
    control: bool = False
    doubts: Set[str] = frozenset()
    findings: Set[str] = frozenset()


def reading(session: Session, stored: Stored, clock: ClockSample | None) -> Reading:
    """Make the reading of a record; `clock` is what the meter's clock showed."""
    flags = {*stored.doubts, *stored.findings}
    quality = Quality.QUESTIONABLE if stored.doubts else Quality.GOOD
    mg_dl = Quantity(value=Decimal(stored.glucose_mg_dl), unit=Unit.MILLIGRAM_PER_DECILITRE)
    values = {Measure.GLUCOSE: mg_dl}
    if not is_plausible(Kind.BLOOD_GLUCOSE, values):
        flags.add(IMPLAUSIBLE)
        quality = Quality.QUESTIONABLE
    if stored.control:
        flags.add("control_solution")
        quality = Quality.CONTROL
    return Reading(
        device=session.device.id,
        kind=Kind.BLOOD_GLUCOSE,
        values=values,
        received=stored.received,
        device_time=stored.at.device_time(clock),
        live=False,
        quality=quality,
        flags=frozenset(flags),
    )
