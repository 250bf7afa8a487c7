"""Routes about what happened: the audit chain, a person's account, a reading's timeline."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel

from gateway.api.context import Body, HubHere, aside
from gateway.api.readings import LARGEST_PAGE, position, position_of
from gateway.api.timeline import sentences
from gateway.domain.identity import ReadingId
from gateway.domain.subject import SubjectId
from gateway.errors import ConfigError
from gateway.journal.reader import Reader
from gateway.journal.retention import Expired
from gateway.journal.signing import Checkpoint, Finding
from gateway.journal.views import EntryView, Salvage

router = APIRouter(tags=["audit"])


class Step(BaseModel):
    """One thing that happened to a reading, in a sentence."""

    at: datetime
    event: str
    sentence: str


class Against(Body):
    """A checkpoint that was kept elsewhere, if there is one."""

    checkpoint: Checkpoint | None = None


@router.get("/audit/checkpoint")
async def checkpoint(hub: HubHere) -> Checkpoint:
    """Sign the head of the audit chain; keep it somewhere else, to verify the chain against."""
    made = hub.reader.checkpoint(hub.clock.now().utc)
    if made is None:
        raise ConfigError("Nothing has happened yet: there is nothing to sign.")
    return made


@router.post("/audit/verify")
async def verify(hub: HubHere, against: Against) -> Finding:
    """Verify the audit chain, and that it goes on from a checkpoint kept elsewhere."""
    return await aside(hub, lambda reader: reader.verify_against(against.checkpoint))


class Damage(BaseModel):
    """What damage to the disk has cost here, by name."""

    unreadable: list[ReadingId]
    """Readings that are there and cannot be read."""
    salvaged: list[Salvage]
    """Damaged journals that this one goes on from; each lies in its folder beside the journal."""


@router.get("/audit/damage")
async def damage(hub: HubHere) -> Damage:
    """Look at every reading, and name those that damage cost. Takes a while in a large journal."""
    unreadable, salvaged = await aside(hub, lambda reader: (reader.damaged(), reader.salvaged()))
    return Damage(unreadable=unreadable, salvaged=salvaged)


@router.get("/people/{subject}/account")
async def account(
    hub: HubHere,
    subject: SubjectId,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = LARGEST_PAGE,
    before: str | None = None,
) -> list[dict[str, Any]]:
    """Tell a person what was measured, what left, when, to whom, and under which consent.

    The latest measured first; go on with `before`, the last one's `position`. The first page also
    tells what is kept no longer: when it expired, and whether it had been delivered.
    """
    lines: list[dict[str, Any]] = []
    start = position(before) if before is not None else None

    def read(
        reader: Reader,
    ) -> tuple[list[EntryView], dict[ReadingId, dict[str, str]], list[Expired]]:
        page = reader.entries(limit=limit, before=start, subject=subject)
        gone = reader.expired(subject) if before is None else []
        return page, reader.released_under(page), gone

    page, released, expired = await aside(hub, read)
    for view in page:
        grants = released[view.entry.id]
        lines.append(
            {
                "reading": view.entry.id,
                "kind": view.entry.reading.kind,
                "measured_at": view.entry.timing.measured_at.isoformat(),
                "recorded_at": view.recorded_at.isoformat(),
                "deliveries": [
                    {
                        "destination": delivery.destination,
                        "state": delivery.state,
                        "reason": delivery.reason,
                        "may_have_arrived": delivery.may_have_arrived,
                        "at": delivery.changed_at.isoformat(),
                        "grant": grants.get(delivery.destination),
                    }
                    for delivery in view.deliveries
                ],
                "expired": None,
                "position": position_of(view),
            }
        )
    lines += [
        {
            "reading": gone.entry,
            "deliveries": [],
            "expired": {"at": gone.at.isoformat(), "why": gone.why},
        }
        for gone in expired
    ]
    return lines


@router.get("/readings/{reading}/trace")
async def trace(hub: HubHere, reading: ReadingId, language: str | None = None) -> list[Step]:
    """Tell what happened to one reading, in order, in plain French or English."""
    view = hub.reader.entry(reading)
    story = await aside(hub, lambda reader: reader.story(reading))
    if view is None and not any(event.name == "expired" for event in story):
        raise HTTPException(404, "There is no reading of that id: see 'journal'.")
    told = sentences(view, story, language or hub.language, hub.title)
    return [Step(at=at, event=event, sentence=sentence) for at, event, sentence in told]
