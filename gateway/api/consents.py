"""Routes about consent: the text, grants, withdrawals."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from gateway.api.context import Body, HubHere, destination, person
from gateway.api.hub import Hub
from gateway.api.moments import Moment
from gateway.api.qr_code import printed
from gateway.consent.grant import (
    Capacity,
    ConsentEntry,
    Grant,
    Purpose,
    Withdrawal,
    in_force,
    withdrawal_of,
)
from gateway.consent.receipt import facts, receipt
from gateway.consent.texts import CURRENT, shown
from gateway.domain.reading import DOCUMENTS, Kind
from gateway.domain.subject import SubjectId
from gateway.errors import ConfigError, JournalError
from gateway.journal.signing import Checkpoint

router = APIRouter(tags=["consent"])

_NOW = timedelta(hours=1)  # to read a text and agree takes less


class Text(BaseModel):
    """What is shown before consent is asked for."""

    version: str
    language: str
    sha256: str
    text: str
    purpose: Purpose
    title: str | None = None
    """What people call the destination."""
    address: str | None = None
    """Where it is: consent is good for this address."""
    kinds: list[Kind] = []
    """What it takes, and is consented to unless less is chosen."""


class NewGrant(Body):
    """Consent as given; without `kinds`, everything that the destination takes.

    `purpose` is that of the text shown: documents are consented to by a text of their own. So is
    `address`; without it, that of the destination as it is now.
    """

    subject: SubjectId
    destination: str
    address: str | None = None
    kinds: Annotated[frozenset[Kind], Field(min_length=1)] | None = None
    covers_from: Moment
    covers_until: Moment | None = None
    expires: Moment | None = None
    given_by: str
    capacity: Capacity = Capacity.SELF
    method: Literal["screen", "paper"] = "screen"
    language: str
    version: str = CURRENT
    purpose: Purpose = Purpose.HEALTH_RECORD


class NewWithdrawal(Body):
    """Consent taken back."""

    subject: SubjectId
    destination: str
    withdrawn_by: str
    capacity: Capacity = Capacity.SELF


class Withdrawn(BaseModel):
    """What the withdrawal did, and what it could not undo."""

    id: str
    dropped: int
    """Readings that were waiting and never leave now."""
    left: int
    """Readings that were on their way at that moment and had left."""


@router.get("/consents/text")
async def text(hub: HubHere, language: str | None = None, to: str | None = None) -> Text:
    """Return the text to show, in the given language or the hub's, for a destination."""
    takes = frozenset[Kind]() if to is None else destination(hub, to)
    purpose = Purpose.HEALTH_RECORD if to is None else purpose_of(takes)
    try:
        content, record = shown(purpose, language or hub.language)
    except KeyError:
        raise ConfigError(f"There is no consent text in {language!r}: fr and en exist.") from None
    title = None if to is None else hub.title(to)
    return Text(
        **record.model_dump(),
        text=content,
        purpose=purpose,
        title=title,
        address=None if to is None else address(hub, to),
        kinds=sorted(takes),
    )


@router.get("/consents")
async def consents(hub: HubHere, subject: SubjectId | None = None) -> list[dict[str, Any]]:
    """List the ledger of grants and withdrawals, oldest first."""
    subjects = [subject] if subject is not None else [s.id for s in hub.reader.subjects()]
    return [line for each in subjects for line in _lines(hub, hub.reader.ledger(each))]


@router.get("/consents/{grant}/receipt")
async def receipt_of(hub: HubHere, grant: str, subject: SubjectId) -> dict[str, str]:
    """Return the receipt that the person keeps, with the text that they agreed to."""
    found, ended, to, head = _to_keep(hub, grant, subject)
    content, _ = shown(found.purpose, found.text.language, found.text.version)
    scanned = json.dumps({"grant": grant, "checkpoint": head.model_dump(mode="json")})
    text = receipt(found, ended, to, hub.zone, content, _told(head), printed(scanned))
    return {"text": text}


def short_receipt(hub: Hub, grant: str, subject: SubjectId) -> str:
    """Return the receipt without the text that was agreed to, which it names: for a QR code.

    Raises ConfigError where they gave no such grant.
    """
    found, ended, to, head = _to_keep(hub, grant, subject)
    return facts(found, ended, to, hub.zone, _told(head))


def _to_keep(
    hub: Hub, grant: str, subject: SubjectId
) -> tuple[Grant, Withdrawal | None, str, Checkpoint]:
    """Return a grant, its withdrawal, where it is to, and the head of the audit log."""
    ledger = hub.reader.ledger(subject)
    found = next((entry for entry in ledger if entry.id == grant), None)
    if not isinstance(found, Grant):
        raise ConfigError("There is no such grant of theirs: see 'consent show'.")
    head = hub.reader.checkpoint(hub.clock.now().utc)
    if head is None:
        raise ConfigError("The audit log is empty, although a grant is recorded: verify it.")
    to = hub.title(found.destination)
    if found.address is not None:
        to = f"{to} ({found.address})"
    return found, withdrawal_of(found, ledger), to, head


def _told(head: Checkpoint) -> str:
    return f"{head.number} {head.hash} {head.signature}"


@router.post("/consents/grant", status_code=201)
async def grant(hub: HubHere, new: NewGrant) -> Grant:
    """Record consent; what it covers and was held back becomes due.

    While the hub does not know the time, not from now on: that would be since 1970, or not for
    years. One that could never release anything is refused.
    """
    whose = person(hub, new.subject)
    nameless = {"", "" if whose is None else whose.label}
    if new.capacity is not Capacity.SELF and new.given_by.strip() in nameless:
        raise ConfigError("A parent or representative gives their own name: say who, with 'by'.")
    return await recorded(hub, new)


async def recorded(hub: Hub, new: NewGrant) -> Grant:
    """Record consent as `grant` does, given by whom it names: nobody else is asked who that is.

    So what is answered at a counter does not depend on what its person is called here.
    """
    now = hub.clock.now()
    if not now.trusted and abs(new.covers_from - now.utc) < _NOW:
        raise JournalError(
            "the hub does not know the time yet: consent from now on cannot be given"
        )
    if new.covers_until is not None and new.covers_until <= new.covers_from:
        raise ConfigError(
            "These readings would end before they begin: give a later 'until', or an earlier"
            " 'since'."
        )
    if new.expires is not None and now.trusted and new.expires <= now.utc:
        raise ConfigError("This consent would be over already: give a later 'expires'.")
    takes = destination(hub, new.destination)
    if new.purpose is not purpose_of(takes):
        raise ConfigError(
            f"{new.destination} is consented to by another text: show that of /consents/text with "
            f"to={new.destination}, and say its purpose."
        )
    here = address(hub, new.destination)
    if new.address not in (None, here):
        raise ConfigError(
            f"{new.destination} is at another address by now: show the text again, and ask again."
        )
    try:
        _, record = shown(new.purpose, new.language, new.version)
    except KeyError:
        raise ConfigError(f"There is no consent text {new.version} in {new.language}.") from None
    made = Grant(
        id=f"grant-{secrets.token_hex(8)}",
        subject=new.subject,
        destination=new.destination,
        address=here,
        kinds=new.kinds if new.kinds is not None else takes,
        purpose=new.purpose,
        given_at=hub.clock.now().utc,
        covers_from=new.covers_from,
        covers_until=new.covers_until,
        expires=new.expires,
        given_by=new.given_by,
        capacity=new.capacity,
        method=new.method,
        text=record,
    )
    await hub.journal.record_grant(made)
    return made


@router.post("/consents/withdraw", status_code=201)
async def withdraw(hub: HubHere, new: NewWithdrawal) -> Withdrawn:
    """Take consent back. When this answers, nothing of theirs leaves for there any more.

    Also from a destination that is in the configuration no longer; not from one that never was, for
    that is a typing mistake, and the consent it meant would live on.
    """
    if new.destination not in {entry.destination for entry in hub.reader.ledger(new.subject)}:
        destination(hub, new.destination)
    made = Withdrawal(
        id=f"withdrawal-{secrets.token_hex(8)}",
        subject=new.subject,
        destination=new.destination,
        at=hub.clock.now().utc,
        withdrawn_by=new.withdrawn_by,
        capacity=new.capacity,
    )
    dropped = await hub.journal.record_withdrawal(made)
    left = await hub.quiesce(new.subject, new.destination)
    return Withdrawn(id=made.id, dropped=dropped, left=left)


def purpose_of(takes: frozenset[Kind]) -> Purpose:
    """Say what a destination is consented to for: documents alone, or readings."""
    return Purpose.DOCUMENTS if takes <= DOCUMENTS else Purpose.HEALTH_RECORD


def address(hub: Hub, destination: str) -> str | None:
    """Return where a destination of the configuration is."""
    return next(iter(hub.addresses.get(destination, ())), None)


def is_elsewhere(hub: Hub, grant: Grant) -> bool:
    """Tell whether a destination is elsewhere by now than where it was consented to."""
    here = hub.addresses.get(grant.destination)
    return here is not None and hub.reader.address_of(grant) not in here


def good(hub: Hub, ledger: tuple[ConsentEntry, ...]) -> list[Grant]:
    """Return the grants in force whose destination is where it was consented to."""
    current = in_force(ledger, hub.clock.now().utc)
    return [grant for grant in current if not is_elsewhere(hub, grant)]


def _lines(hub: Hub, ledger: tuple[ConsentEntry, ...]) -> list[dict[str, Any]]:
    alive = {grant.id for grant in good(hub, ledger)}
    return [
        {
            **entry.model_dump(mode="json"),
            "entry": "grant" if isinstance(entry, Grant) else "withdrawal",
            "at": (entry.given_at if isinstance(entry, Grant) else entry.at).isoformat(),
            "by": entry.given_by if isinstance(entry, Grant) else entry.withdrawn_by,
            "living": entry.id in alive,
            "title": hub.title(entry.destination),
        }
        for entry in ledger
    ]
