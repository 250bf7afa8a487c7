"""Routes about people and whose device is whose."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, StringConstraints

from gateway.api.context import HubHere, person
from gateway.api.destination_pairing import end_all
from gateway.api.hub import Hub, Sighted, counted
from gateway.consent.grant import Withdrawal
from gateway.domain.device import OVER_THE_AIR, DeviceId, device_named
from gateway.domain.subject import Assignment, Subject, SubjectId
from gateway.errors import ConfigError, JournalError
from gateway.language.plain import without_steering

router = APIRouter(tags=["people"])

_STRICT = ConfigDict(extra="forbid", hide_input_in_errors=True)
_TODAY = timedelta(hours=25)  # from its midnight on, in the longest of days
LONGEST_LABEL = 80
Label = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_LABEL),
    BeforeValidator(lambda typed: without_steering(typed) if isinstance(typed, str) else typed),
]
"""What a person is called here. Without one they would pass for a guest of the kiosk."""


class NewPerson(BaseModel):
    """What the household calls them; it never leaves this machine."""

    model_config = _STRICT

    label: Label


class NewAssignment(BaseModel):
    """Whom a device measures; `device` is its id, or its address as last seen."""

    model_config = _STRICT

    device: str
    subject: SubjectId
    slot: str | None = None
    since: AwareDatetime


class AssignmentEnd(BaseModel):
    """Whom a device measures no more, from when on."""

    model_config = _STRICT

    device: str
    subject: SubjectId
    slot: str | None = None
    until: AwareDatetime


class Adoption(BaseModel):
    """A device the gateway may talk with."""

    model_config = _STRICT

    device: str
    driver: str | None = None


class Forgetting(BaseModel):
    """A device whose bond is dropped; it stays ours."""

    model_config = _STRICT

    device: str


class Disowning(BaseModel):
    """A device that was sold, lent or thrown away."""

    model_config = _STRICT

    device: str


class ReadingNow(BaseModel):
    """A device that is not to be left alone any longer."""

    model_config = _STRICT

    device: str


class Claim(BaseModel):
    """Whose an unclaimed reading is."""

    model_config = _STRICT

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
    device = await _adopt(hub, new.device, None)
    return await hub.journal.assign(device, new.slot, new.subject, new.since)


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


@router.get("/devices")
async def devices(hub: HubHere) -> list[dict[str, Any]]:
    """List the devices that are known, with their last reading and their last trouble."""
    problems = hub.status().problems
    return [
        {
            "number": known.number,
            **known.device.model_dump(mode="json"),
            "adopted": known.adopted,
            "set_aside": known.set_aside,
            "last_aside": known.last_aside,
            "last_remark": known.last_remark,
            "last_reading_at": _iso(known.last_reading_at),
            "problem": problems.get(known.device.id),
        }
        for known in hub.reader.devices()
    ]


@router.post("/devices/adopt", status_code=201)
async def adopt(hub: HubHere, adoption: Adoption) -> dict[str, str]:
    """Let the gateway talk with a device."""
    return {"id": await _adopt(hub, adoption.device, adoption.driver)}


@router.post("/devices/disown", status_code=201)
async def disown(hub: HubHere, disowning: Disowning) -> dict[str, str]:
    """Talk with a device no more; it measures nobody here from now on. What it gave stays."""
    device, now = _known(hub, disowning.device), hub.clock.now().utc
    if not device.startswith(OVER_THE_AIR):
        raise ConfigError(
            f"{device} is on a cable: it is read as long as it is plugged in. Unplug it, or take it"
            " out of the configuration."
        )
    told_in_time(hub, now)
    for made in hub.reader.assignments():
        if (made.device, made.until) == (device, None) and made.since < now:
            await hub.journal.end_assignment(made, now)
    await hub.disown(device)
    return {"id": device}


async def leave_if_nobodys(
    hub: Hub, devices: Collection[DeviceId], but: SubjectId | None = None
) -> None:
    """Leave those alone that measure nobody here any more, or nobody `but` who is leaving.

    Only what is read for having been adopted, and nothing of a counter, whoever comes there.
    """
    known = {each.device.id for each in hub.reader.devices() if each.adopted}
    held = {
        each.device
        for each in hub.reader.assignments()
        if each.until is None and each.subject != but
    }
    for device in sorted(known.intersection(devices) - held - {*counted(hub)}):
        if device.startswith(OVER_THE_AIR):
            await hub.disown(device)


@router.post("/devices/forget", status_code=201)
async def forget(hub: HubHere, forgetting: Forgetting) -> dict[str, str | bool]:
    """Drop the bond with a device, which may have lost its own: it can then be paired anew."""
    device = _known(hub, forgetting.device)
    return {"id": device, "was_bonded": await hub.forget(device)}


@router.post("/devices/read", status_code=201)
async def read_now(hub: HubHere, reading: ReadingNow) -> dict[str, str]:
    """Talk with a device as soon as it is seen, however long it was to be left alone."""
    device = _known(hub, reading.device)
    hub.read_now(device)
    return {"id": device}


@router.get("/sightings")
async def sightings(hub: HubHere) -> list[Sighted]:
    """List the devices in reach now, also those nobody adopted."""
    return list(hub.sightings())


def told_in_time(hub: Hub, at: datetime) -> None:
    """Refuse what is to be from today on while nobody knows what day it is."""
    now = hub.clock.now()
    if not now.trusted and abs(at - now.utc) < _TODAY:
        raise JournalError(
            "the hub does not know the time yet: whose a device is from now on cannot be said"
        )


def _known(hub: Hub, said: str) -> DeviceId:
    device = hub.resolve(said)
    if device not in {known.device.id for known in hub.reader.devices()}:
        raise HTTPException(404, "There is no such device here: see 'devices'.")
    return device


async def _adopt(hub: HubHere, device: str, driver: str | None) -> DeviceId:
    """Adopt a device by its id or address, with the named driver or the one that fits."""
    known = {k.device.id: k for k in hub.reader.devices()}
    named = hub.resolve(device)
    if named in known and known[named].adopted and driver is None:
        return named
    before = known[named].device.driver if named in known else None
    fitting = driver or hub.driver_for(named) or before
    if fitting is None:
        raise ConfigError(
            f"{device} is not in reach, so no driver could be chosen: switch it on and look with"
            " 'scan', or name the driver."
        )
    if named not in known and hub.driver_for(named) is None and device_named(named) is None:
        raise ConfigError(
            f"{device} is not in reach, and no device is called that: switch it on and look with"
            " 'scan', or give the Bluetooth address that is printed on it, with its colons."
        )
    await hub.adopt(named, fitting)
    return named


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
