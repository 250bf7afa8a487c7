"""What comes out of a meter's memory: one reading for each record.

Control solution is read with quality CONTROL: it is nobody's blood. What the meter shows as LO or
HI is a limit in place of a number; 0 is none, and no person's.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from decimal import Decimal

from gateway.clock import Instant
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import ClockSample, Kind, Limit, Measure, Quality, Reading
from gateway.drivers.api import Session
from gateway.wire.stamp import Stamp

LOWEST_MG_DL, HIGHEST_MG_DL = 20, 600
"""What the meters show as a number, by their manuals. One keeps 65535 for HI."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A record of the memory."""

    at: Stamp
    glucose_mg_dl: int
    received: Instant
    control: bool = False
    doubts: Set[str] = frozenset()
    findings: Set[str] = frozenset()
    record: str | None = None
    """The meter's own key of the record, where its stamp does not name it."""


def reading(session: Session, stored: Stored, clock: ClockSample | None) -> Reading:
    """Make the reading of a record; `clock` is what the meter's clock showed."""
    flags = {*stored.doubts, *stored.findings}
    quality = Quality.QUESTIONABLE if stored.doubts else Quality.GOOD
    limit = _limit(stored.glucose_mg_dl)
    mg_dl = Quantity(value=Decimal(stored.glucose_mg_dl), unit=Unit.MILLIGRAM_PER_DECILITRE)
    values = {} if limit is not None else {Measure.GLUCOSE: mg_dl}
    if stored.control:
        flags.add("control_solution")
        quality = Quality.CONTROL
    return Reading(
        device=session.device.id,
        kind=Kind.BLOOD_GLUCOSE,
        values=values,
        received=stored.received,
        device_time=stored.at.device_time(clock),
        record=stored.record,
        live=False,
        quality=quality,
        flags=frozenset(flags),
        limit=limit,
    )


def _limit(mg_dl: int) -> Limit | None:
    if 0 < mg_dl < LOWEST_MG_DL:
        return Limit.BELOW
    return Limit.ABOVE if mg_dl > HIGHEST_MG_DL else None
