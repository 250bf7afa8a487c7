"""Routes that put right what was said of a reading: whose it is, and what was sent meanwhile."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path

from gateway.api.context import Body, HubHere
from gateway.api.devices import told_in_time
from gateway.api.hub import Hub, counted
from gateway.api.moments import Moment
from gateway.api.people import Claim
from gateway.domain.correction import Wrong
from gateway.domain.identity import ReadingId
from gateway.domain.subject import Assignment, SubjectId
from gateway.journal.views import CorrectionOwed, Handover

router = APIRouter(tags=["corrections"])

_LARGEST = 2**63 - 1  # a number that the journal can look for


@router.post("/readings/{reading}/reassign", status_code=201)
async def reassign(hub: HubHere, reading: ReadingId, claim: Claim) -> dict[str, Any]:
    """Say whose a reading is that is someone else's so far; what was sent becomes a task."""
    await hub.journal.reassign(reading, claim.subject)
    return {"id": reading, "subject": claim.subject}


class Past(Body):
    """Whom a device measured in a period that is over, whatever was said of it before."""

    device: str
    subject: SubjectId
    slot: str | None = None
    """The device's own number of the person; none for all that it gave."""
    since: Moment
    until: Moment
    """When the period ended, itself not in it; now at the latest."""
    only_look: bool = False
    """Say what it would do, and do nothing."""


@router.post("/assignments/past", status_code=201)
async def hand_over(hub: HubHere, past: Past) -> Handover:
    """Say whom a device measured from when to when; what was sent meanwhile is put right.

    `readings` become the person's, `unsure` are nobody's until somebody says whose, `standing` are
    left because it was said of each whose it is, and `there` counts what destinations already have.
    """
    told_in_time(hub, past.until)
    device = hub.resolve(past.device)
    if not past.since < past.until <= hub.clock.now().utc:
        raise HTTPException(
            422, "That is no period that is over: say from when to when, now at the latest."
        )
    if device in counted(hub):
        raise HTTPException(
            409, "The device is the counter's: say of each reading whose it is, with 'reassign'."
        )
    period = Assignment(
        device=device, slot=past.slot, subject=past.subject, since=past.since, until=past.until
    )
    return await hub.journal.hand_over(period, only_look=past.only_look)


@router.post("/readings/{reading}/dismiss", status_code=201)
async def dismiss(hub: HubHere, reading: ReadingId) -> dict[str, Any]:
    """Say that a reading is nobody's here: a guest's, a pet's, a test."""
    await hub.journal.dismiss(reading)
    return {"id": reading, "subject": None}


@router.get("/corrections")
async def corrections(hub: HubHere) -> list[dict[str, Any]]:
    """List what destinations were sent and is wrong there, until it has been put right.

    `by` says who does it: the hub, where the destination takes corrections and the person consents,
    or a person. `problem` is why the hub does not: a reason of the gate, or a sentence.
    """
    return [
        {
            "number": owed.number,
            "reading": owed.entry,
            "destination": owed.destination,
            "subject": owed.subject,
            "wrong": owed.wrong,
            "reference": owed.reference,
            "since": owed.since.isoformat(),
            "by": "hub" if _is_ours(hub, owed) else "person",
            "problem": owed.problem,
        }
        for owed in hub.reader.corrections_owed()
    ]


def left_to_people(hub: Hub) -> list[CorrectionOwed]:
    """Return what the hub does not put right by itself."""
    return [owed for owed in hub.reader.corrections_owed() if not _is_ours(hub, owed)]


def _is_ours(hub: Hub, owed: CorrectionOwed) -> bool:
    possible = owed.destination in hub.correcting and owed.wrong is not Wrong.VALUE
    return possible and owed.problem is None


@router.post("/corrections/{number}/done", status_code=201)
async def done(hub: HubHere, number: Annotated[int, Path(ge=1, le=_LARGEST)]) -> dict[str, int]:
    """Say that it was put right there."""
    await hub.journal.correction_done(number)
    return {"number": number}
