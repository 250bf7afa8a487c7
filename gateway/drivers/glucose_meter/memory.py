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
from gateway.wire.stamp import Stamp

_PLAUSIBLE_MG_DL = range(10, 751)  # wider than what any meter in scope shows, 20 to 600


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
    if stored.glucose_mg_dl not in _PLAUSIBLE_MG_DL:
        flags.add("implausible")
        quality = Quality.QUESTIONABLE
    if stored.control:
        flags.add("control_solution")
        quality = Quality.CONTROL
    glucose = Quantity(value=Decimal(stored.glucose_mg_dl), unit=Unit.MILLIGRAM_PER_DECILITRE)
    return Reading(
        device=session.device.id,
        kind=Kind.BLOOD_GLUCOSE,
        values={Measure.GLUCOSE: glucose},
        received=stored.received,
        device_time=stored.at.device_time(clock),
        live=False,
        quality=quality,
        flags=frozenset(flags),
    )
