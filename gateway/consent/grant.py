"""A subject's recorded consent, and its withdrawal. Both are entries; neither is edited."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from gateway.domain.reading import Kind
from gateway.domain.subject import SubjectId


class Capacity(StrEnum):
    """In what capacity the giver acts."""

    SELF = "self"
    PARENT = "parent"
    LEGAL_REPRESENTATIVE = "legal_representative"


class Purpose(StrEnum):
    """What the destination may use the readings for."""

    HEALTH_RECORD = "health_record"
    """Filing of readings in the person's own health record."""
    DOCUMENTS = "documents"
    """Filing of documents made here, each a whole page, in the person's own health record."""


class ConsentText(BaseModel):
    """Which text the person was shown: its version, its language and the SHA-256 of its bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    language: str
    sha256: str


class Grant(BaseModel):
    """Consent of one subject for one destination.

    It is good for the destination at `address` alone: its name may be given to another one later.
    `covers_from` and `covers_until` bound the time of *measurement*: by default readings from the
    grant on; earlier ones only where the person chose so. `expires` ends the grant itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    subject: SubjectId
    destination: str
    address: str | None = None
    """Where the destination was when it was consented to, as the person was shown. Those recorded
    before addresses were have none."""
    kinds: frozenset[Kind]
    purpose: Purpose
    given_at: datetime
    covers_from: datetime
    covers_until: datetime | None = None
    expires: datetime | None = None
    given_by: str
    """Who gave it: the subject's label, or that of the parent or representative. Never sent."""
    capacity: Capacity = Capacity.SELF
    method: str = "screen"
    """How it was given: `screen`, `paper`."""
    text: ConsentText


BY_RESTORING = "restore-"
"""How the id of a withdrawal begins that nobody asked for: the hub took over another's backup."""


class Withdrawal(BaseModel):
    """The end of every grant that `subject` gave for `destination` up to this moment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    subject: SubjectId
    destination: str
    at: datetime
    withdrawn_by: str
    capacity: Capacity = Capacity.SELF

    @property
    def is_to_be_asked_about(self) -> bool:
        """Whether it ended a consent only because nobody knew whether it still stood."""
        return self.id.startswith(BY_RESTORING)


ConsentEntry = Grant | Withdrawal
"""One entry of a subject's consent ledger; its order is the order of recording."""


def withdrawal_of(grant: Grant, ledger: tuple[ConsentEntry, ...]) -> Withdrawal | None:
    """Return the withdrawal that ended the grant, if one did."""
    after = ledger[ledger.index(grant) + 1 :]
    return next(
        (
            entry
            for entry in after
            if isinstance(entry, Withdrawal)
            and (entry.subject, entry.destination) == (grant.subject, grant.destination)
        ),
        None,
    )


def living(ledger: tuple[ConsentEntry, ...]) -> tuple[Grant, ...]:
    """Return the grants that no later withdrawal ended. Order of the ledger counts, not clocks."""
    grants: list[Grant] = []
    for entry in ledger:
        if isinstance(entry, Grant):
            grants.append(entry)
        else:
            grants = [
                g
                for g in grants
                if (g.subject, g.destination) != (entry.subject, entry.destination)
            ]
    return tuple(grants)


def in_force(ledger: tuple[ConsentEntry, ...], now: datetime) -> tuple[Grant, ...]:
    """Return the living grants that have not come to their own end either."""
    return tuple(each for each in living(ledger) if each.expires is None or now < each.expires)
