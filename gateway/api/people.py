"""Routes about people and whose device is whose."""

from __future__ import annotations

import secrets
import unicodedata
from typing import Annotated

from fastapi import APIRouter, HTTPException
from pydantic import BeforeValidator, StringConstraints

from gateway.api.context import Body, HubHere, person
from gateway.api.destination_pairing import end_all
from gateway.api.devices import adopted, leave_if_nobodys, told_in_time
from gateway.api.moments import Moment
from gateway.consent.grant import Withdrawal
from gateway.domain.subject import Assignment, Subject, SubjectId
from gateway.language.plain import without_steering

router = APIRouter(tags=["people"])

LONGEST_LABEL = 80
Label = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_LABEL),
    BeforeValidator(lambda typed: without_steering(typed) if isinstance(typed, str) else typed),
]
"""What a person is called here. Without one they would pass for a guest of the kiosk."""


class NewPerson(Body):
    """What the household calls them; it never leaves this machine."""

    label: Label


class NewAssignment(Body):
    """Whom a device measures; `device` is its id, or its address as last seen."""

    device: str
    subject: SubjectId
    slot: str | None = None
    since: Moment


class AssignmentEnd(Body):
    """Whom a device measures no more, from when on."""

    device: str
    subject: SubjectId
    slot: str | None = None
    until: Moment


class Claim(Body):
    """Whose an unclaimed reading is."""

    subject: SubjectId


@router.get("/people")
async def people(hub: HubHere) -> list[Subject]:
    """List the people this hub measures."""
    return list(hub.reader.subjects())


@router.post("/people", status_code=201)
async def add_person(hub: HubHere, new: NewPerson) -> Subject:
    """Add a person under a new opaque id; refused for a name that somebody here has already."""
    if any(is_same_name(new.label, known.label) for known in hub.reader.subjects()):
        raise HTTPException(
            409, "Somebody here is called that already: give a name that tells them apart."
        )
    return await hub.journal.add_subject(new.label)


def is_same_name(name: str, other: str) -> bool:
    """Whether two names are alike: a telephone writes a capital where nobody meant one.

    An accent may be a letter's own or a sign after it (Unicode TR15): nobody sees a difference.
    """
    one, two = (unicodedata.normalize("NFC", each).casefold() for each in (name, other))
    return one == two


@router.post("/people/{subject}/erase", status_code=201)
async def erase(hub: HubHere, subject: SubjectId) -> dict[str, int]:
    """Erase a person and all that is about them, for good. Nothing of theirs leaves meanwhile."""
    if person(hub, subject) is None:
        raise HTTPException(404, "There is no such person here: see 'people list'.")
    left = 0
    given = {entry.destination for entry in hub.reader.ledger(subject)}
    for destination in sorted(given | set(hub.routes)):
        made = Withdrawal(
            id=f"withdrawal-{secrets.token_hex(8)}",
            subject=subject,
            destination=destination,
            at=hub.clock.now().utc,
            withdrawn_by="erasure",
        )
        await hub.journal.record_withdrawal(made)
        left += await hub.quiesce(subject, destination)
    await end_all(hub, subject)
    theirs = {
        each.device
        for each in hub.reader.assignments()
        if (each.subject, each.until, each.session) == (subject, None, None)
    }
    await leave_if_nobodys(hub, theirs, but=subject)
    erased = await hub.journal.erase(subject)
    await end_all(hub, subject)
    return {"erased": erased, "left": left}


@router.get("/assignments")
async def assignments(hub: HubHere) -> list[Assignment]:
    """List whom which device measures, past ones too."""
    return list(hub.reader.assignments())


@router.post("/assignments", status_code=201)
async def assign(hub: HubHere, new: NewAssignment) -> Assignment:
    """Say whom a device measures, and adopt it.

    While the hub does not know the time, not from today on: that would be since 1970, perhaps.
    """
    told_in_time(hub, new.since)
    device = await adopted(hub, new.device, None)
    made = await hub.journal.assign(device, new.slot, new.subject, new.since)
    await adopted(hub, device, None)  # perhaps it was left meanwhile, as nobody's
    return made


@router.post("/assignments/end", status_code=201)
async def end_assignment(hub: HubHere, end: AssignmentEnd) -> Assignment:
    """Say that a device measures somebody no more; whose later readings are is said anew.

    However often it was said that it does: from now on, say, and then of what it still held.
    """
    told_in_time(hub, end.until)
    device = hub.resolve(end.device)
    found = [
        made
        for made in hub.reader.assignments()
        if (made.device, made.slot, made.subject) == (device, end.slot, end.subject)
        and made.until is None
        and made.since < end.until
    ]
    if not found:
        raise HTTPException(
            404, "The device does not measure them, or not with that user number: see 'devices'."
        )
    return [await hub.journal.end_assignment(made, end.until) for made in found][-1]
