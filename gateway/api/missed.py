"""What has stopped coming, of what usually comes over the air.

What is on a cable is silent most of the time, and nobody wonders.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from fastapi import APIRouter
from pydantic import BaseModel

from gateway.api.context import HubHere
from gateway.api.hub import Hub
from gateway.domain.device import OVER_THE_AIR, DeviceId
from gateway.domain.reading import Kind
from gateway.domain.silence import LOOKED_AT, silence
from gateway.domain.subject import SubjectId

router = APIRouter(tags=["health"])

WATCHED = (Kind.BLOOD_PRESSURE, Kind.WEIGHT, Kind.BLOOD_GLUCOSE, Kind.INTERSTITIAL_GLUCOSE)
"""The others come with one of these, or seldom."""
_DAY = timedelta(days=1)


class Missed(BaseModel):
    """Readings of a person that have stopped coming."""

    subject: SubjectId
    kind: Kind
    device: DeviceId
    """That gave the last one."""
    since: datetime
    """When the last one was measured."""
    usual_days: int | None
    """In so many days one came at least; None for a sensor, which measures all the time."""


@router.get("/missed")
async def missed(hub: HubHere) -> list[Missed]:
    """List whose readings have stopped coming. Empty while the hub does not know the time."""
    return list(missing(hub))


def missing(hub: Hub) -> Iterator[Missed]:
    """Yield whose readings have stopped coming, from devices that still are theirs."""
    now = hub.clock.now()
    if not now.trusted:
        return
    talking = set(hub.status().sessions)  # it may be giving what it has kept
    theirs = {(it.subject, it.device) for it in hub.reader.assignments() if it.until is None}
    for subject in hub.reader.subjects():
        for kind in WATCHED:
            found = silence(hub.reader.moments(subject.id, kind, LOOKED_AT), now.utc)
            last = hub.reader.entries(limit=1, subject=subject.id, kind=kind) if found else []
            if found is None or not last:
                continue
            device = last[0].entry.device.id
            if device in talking or not device.startswith(OVER_THE_AIR):
                continue
            if (subject.id, device) in theirs:
                days = None if found.usual is None else -(-found.usual // _DAY)
                yield Missed(
                    subject=subject.id, kind=kind, device=device, since=found.since, usual_days=days
                )
