"""What comes out of the memory of a cuff on a cable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.clock import Instant
from gateway.domain.reading import ClockSample, Reading
from gateway.drivers.api import Session
from gateway.drivers.bp_monitor.readings import Pressure, readings
from gateway.drivers.cable_readings import Origin
from gateway.wire.stamp import Stamp


@dataclass(frozen=True, slots=True)
class Stored:
    """A measurement out of a memory."""

    at: Stamp
    pressure: Pressure
    received: Instant
    slot: str | None = None
    """The device's own number of the user, where the record says whose it is."""


def made(
    session: Session, stored: Iterable[Stored], clock: ClockSample | None = None
) -> list[Reading]:
    """Make the readings of a memory, oldest first; it may come in any order."""
    return [
        reading
        for record in sorted(stored, key=lambda record: record.at.at)
        for reading in readings(record.pressure, _origin(session, record, clock))
    ]


def _origin(session: Session, record: Stored, clock: ClockSample | None) -> Origin:
    pressure = record.pressure
    return Origin(
        device=session.device.id,
        received=record.received,
        device_time=record.at.device_time(clock),
        record=f"{record.at} {pressure.systolic}/{pressure.diastolic} {pressure.pulse}",
        live=False,
        slot=record.slot,
    )
