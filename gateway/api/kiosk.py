"""Routes of the kiosk: one person's turn at the counter's devices."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from gateway.api.context import Body, HubHere
from gateway.api.destination_pairing import end_all
from gateway.api.hub import Hub, counted
from gateway.api.people import LONGEST_LABEL, Label, is_same_name
from gateway.domain.device import OVER_THE_AIR, DeviceId
from gateway.domain.kiosk import LONGEST, USUAL, ClosedBy, KioskEnded, KioskSession, OpenedBy
from gateway.domain.subject import SubjectId
from gateway.errors import JournalError

router = APIRouter(prefix="/kiosk", tags=["kiosk"])

Minutes = Annotated[int, Field(ge=1, le=LONGEST // timedelta(minutes=1))]
_USUAL = USUAL // timedelta(minutes=1)
_REVOKED_WITHIN_S = 3.0
"""For a destination to take credentials back, while somebody waits for the screen to be empty."""


class Opening(Body):
    """The devices of the counter, by id or address; without a subject a guest sits down."""

    devices: list[str] = Field(min_length=1)
    subject: SubjectId | None = None
    opened_by: OpenedBy = OpenedBy.PERSON
    minutes: Minutes = _USUAL


class Prolonging(Body):
    """How long the turn lasts from now on."""

    minutes: Minutes = _USUAL


class Staying(Body):
    """The name by which a guest chose to stay known here."""

    label: Label


@router.get("")
async def present(hub: HubHere) -> dict[str, Any] | None:
    """Return the session that is open; nothing of the one before."""
    session = hub.reader.kiosk()
    return None if session is None else _shown(session)


@router.post("/open", status_code=201)
async def open_session(hub: HubHere, opening: Opening) -> dict[str, Any]:
    """Begin a person's turn; whoever had theirs before has no longer."""
    if not hub.clock.now().trusted:
        raise JournalError("the hub does not know the time yet: a session could not be told apart")
    devices = [hub.resolve(device) for device in opening.devices]
    await close_session(hub, ClosedBy.NEXT)
    session = await hub.journal.open_kiosk(
        devices,
        subject=opening.subject,
        opened_by=opening.opened_by,
        lasts=timedelta(minutes=opening.minutes),
        attended=_attended(hub),
    )
    hub.sat_down.set()
    return _shown(session)


def at_counter(hub: Hub) -> tuple[list[DeviceId], list[DeviceId]]:
    """Part the counter's devices into those that are read here, and those that are not adopted."""
    known = {
        each.device.id
        for each in hub.reader.devices()
        if each.adopted or not each.device.id.startswith(OVER_THE_AIR)
    }
    named = counted(hub)
    return [it for it in named if it in known], [it for it in named if it not in known]


@router.post("/prolong", status_code=201)
async def prolong(hub: HubHere, prolonging: Prolonging) -> dict[str, Any]:
    """Give the person whose turn it is more time, from now on."""
    lasts = timedelta(minutes=prolonging.minutes)
    return _shown(await hub.journal.prolong_kiosk(lasts, _attended(hub)))


@router.post("/keep", status_code=201)
async def keep(hub: HubHere, staying: Staying) -> dict[str, Any]:
    """Let the guest stay in the journal after the session.

    A name that somebody here has already gets a number: nobody is to be given another's readings
    for having typed their name. It is not refused, which would tell who is known here.
    """
    return _shown(await keep_guest(hub, staying.label))


async def keep_guest(hub: Hub, label: str, number: int | None = None) -> KioskSession:
    """Let the guest at the kiosk stay known here by this name, with `number` that of this session.

    A name that is taken gets a number. Raises JournalError where no such session is open.
    """
    return await hub.journal.keep_kiosk(_told_apart(hub, label), number)


def _told_apart(hub: Hub, label: str) -> str:
    known = [each.label for each in hub.reader.subjects()]
    cut, number = label[: LONGEST_LABEL - 5], 1
    told = label
    while any(is_same_name(told, each) for each in known):
        number += 1
        told = f"{cut} ({number})"
    return told


@router.post("/close", status_code=201)
async def close(hub: HubHere) -> dict[str, Any] | None:
    """End the turn; says what was erased, and what had not been sent."""
    ended = await close_session(hub, ClosedBy.PERSON)
    if ended is None:
        return None
    return {"session": ended.session.number, "erased": ended.erased, "unsent": ended.unsent}


async def close_session(hub: Hub, by: ClosedBy, number: int | None = None) -> KioskEnded | None:
    """End the open session, if there is one; nothing of a guest is on its way once this returns.

    With `number`, only if it is that one. That takes seconds: one that begins meanwhile, after
    another call has ended this, goes on.
    """
    session = hub.reader.kiosk()
    if session is None or number not in (None, session.number):
        return None
    guest = None if session.keep else session.subject
    if guest is not None:
        await _stop(hub, guest)  # what is on its way may arrive, and is counted so
    until_s = asyncio.get_running_loop().time() + _REVOKED_WITHIN_S
    if guest is not None:
        await _end_pairings(hub, guest, until_s)
    ended = await hub.journal.close_kiosk(by, session.number)
    if ended is not None and ended.erased is not None:
        guest = ended.session.subject
        await _end_pairings(hub, guest, until_s)  # what they were given meanwhile
        await _stop(hub, guest)  # what set out meanwhile; nothing sets out any more
    return ended


async def _end_pairings(hub: Hub, guest: SubjectId, until_s: float) -> None:
    """Revoke what the guest was given; a destination that is silent keeps nobody waiting."""
    with suppress(TimeoutError):
        async with asyncio.timeout_at(until_s):
            await end_all(hub, guest)


async def _stop(hub: Hub, guest: SubjectId) -> None:
    await asyncio.gather(*(hub.quiesce(guest, destination) for destination in hub.routes))


def _attended(hub: Hub) -> timedelta | None:
    """Return how long somebody is taken to be there; until the end where no screen asks them."""
    return None if hub.counter is None else hub.counter.unattended


def _shown(session: KioskSession) -> dict[str, Any]:
    return {
        "session": session.number,
        "subject": session.subject,
        "opened_by": session.opened_by,
        "opened_at": session.opened_at.isoformat(),
        "until": session.until.isoformat(),
        "attended_until": session.attended_until.isoformat(),
        "keep": session.keep,
    }
