"""Cuffs that keep a memory and are asked for it over a cable, again and again while it is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from gateway.clock import Instant
from gateway.domain.reading import ClockSample, Reading
from gateway.drivers.api import Session
from gateway.drivers.bp_monitor.readings import Origin, Pressure, readings
from gateway.errors import LinkTimeout
from gateway.wire.stamp import Stamp

POLL_S = 60.0
"""How long a cuff whose memory was read is left alone; a person waits about as long."""

_WAKE_S = 2.0  # a cuff answers only once a person has switched it to its memory


@dataclass(frozen=True, slots=True)
class Stored:
    """A measurement out of a memory."""

    at: Stamp
    pressure: Pressure
    received: Instant


async def read_again_and_again(
    session: Session, is_there: Callable[[], Awaitable[bool]], read: Callable[[], Awaitable[None]]
) -> None:
    """Ask every two seconds whether the cuff is there, and read its memory whenever it is.

    A cuff that falls silent while it is read is waited for like one that is not there. Ends with
    LinkLost.
    """
    while True:
        if not await is_there():
            await session.pause(_WAKE_S)
            continue
        try:
            await read()
        except LinkTimeout:
            continue
        await session.pause(POLL_S)


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
        record=f"{record.at} {pressure.systolic}/{pressure.diastolic}",
        live=False,
    )
