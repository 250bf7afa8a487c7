"""The consent ledger: grants, withdrawals and destinations' own refusals, in order of recording."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.consent.gate import Released
from gateway.consent.grant import ConsentEntry, Grant, Withdrawal
from gateway.domain.reading import Kind
from gateway.domain.subject import SubjectId
from gateway.errors import JournalError
from gateway.journal import audit, outbox, people
from gateway.journal.database import Database
from gateway.journal.instants import to_us
from gateway.journal.writer import Transaction


@dataclass(frozen=True, slots=True)
class Standing:
    """How a subject stands with one destination."""

    entries: tuple[ConsentEntry, ...]
    refused: bool
    """The destination itself refused the person, and they have not granted anew since."""


def record_grant(tx: Transaction, grant: Grant, routes: Mapping[str, frozenset[Kind]]) -> None:
    """Keep the grant, and ask the gate again about what is withheld of the subject there.

    Earlier readings that the grant covers are queued too if they never were. The same grant a
    second time is no news.
    """
    people.require(tx.db, grant.subject)
    if not _append(tx, grant.id, "grant", grant):
        return
    kinds = grant.kinds & routes.get(grant.destination, frozenset())
    _enqueue_earlier(tx, grant, kinds)
    outbox.reconsider(tx, grant.subject, grant.destination)


def record_withdrawal(tx: Transaction, withdrawal: Withdrawal) -> int:
    """Keep the withdrawal and drop what is still owed; return how many deliveries that were.

    The same withdrawal a second time is no news: it says nothing of a grant given in between.
    """
    people.require(tx.db, withdrawal.subject)
    if not _append(tx, withdrawal.id, "withdrawal", withdrawal):
        return 0
    return outbox.drop(tx, withdrawal.subject, withdrawal.destination)


def record_refusal(tx: Transaction, released: Released) -> None:
    """Keep that the destination refuses the subject; nothing goes there until a new grant."""
    destination = released.delivery.destination
    if not standing(tx.db, released.subject, destination).refused:
        tx.db.run(
            "INSERT INTO consent (id, subject, destination, event, recorded_us)"
            " VALUES (?, ?, ?, 'refusal', ?)",
            (f"refusal-{secrets.token_hex(8)}", released.subject, destination, tx.now_us),
        )
    outbox.refuse(tx, released)


def ledger(db: Database, subject: SubjectId) -> tuple[ConsentEntry, ...]:
    """Return the subject's grants and withdrawals, for every destination, in order of recording."""
    rows = db.rows(
        "SELECT event, payload FROM consent WHERE subject = ? AND event <> 'refusal'"
        " ORDER BY number",
        (subject,),
    )
    return tuple(_parse(event, payload) for event, payload in rows)


def standing(db: Database, subject: SubjectId, destination: str) -> Standing:
    """Return how the subject stands with the destination."""
    rows = db.rows(
        "SELECT event, payload FROM consent WHERE subject = ? AND destination = ? ORDER BY number",
        (subject, destination),
    )
    said = [event for event, _ in rows if event != "withdrawal"]
    return Standing(
        entries=tuple(_parse(event, body) for event, body in rows if event != "refusal"),
        refused=bool(said) and said[-1] == "refusal",
    )


def _append(tx: Transaction, entry_id: str, event: str, entry: Grant | Withdrawal) -> bool:
    """Add to the ledger; return False if this very entry is already there."""
    payload = entry.model_dump_json(exclude_none=True).encode()
    there = tx.db.row("SELECT event, payload FROM consent WHERE id = ?", (entry_id,))
    if there is not None:
        if there[0] == event and _parse(*there) == entry:
            return False
        raise JournalError("the consent ledger has another entry of that id: make a new id")
    tx.db.run(
        "INSERT INTO consent (id, subject, destination, event, recorded_us, payload)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (entry_id, entry.subject, entry.destination, event, tx.now_us, payload),
    )
    manifest: audit.Manifest = {
        "id": entry_id,
        "subject": entry.subject,
        "destination": entry.destination,
        "sha256": hashlib.sha256(payload).hexdigest(),
    }
    granted = isinstance(entry, Grant)
    audit.append(tx, audit.Audited.GRANTED if granted else audit.Audited.WITHDRAWN, manifest)
    return True


def _enqueue_earlier(tx: Transaction, grant: Grant, kinds: frozenset[Kind]) -> None:
    for kind in sorted(kinds):
        found = tx.db.rows(
            "SELECT number FROM entries AS e WHERE subject = ? AND kind = ? AND measured_us >= ?"
            " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE entry = number AND destination = ?)",
            (grant.subject, kind, to_us(grant.covers_from), grant.destination),
        )
        outbox.enqueue(
            tx,
            [(number, kind, grant.subject) for (number,) in found],
            {grant.destination: kinds},
        )


def _parse(event: str, payload: bytes) -> ConsentEntry:
    model: type[Grant] | type[Withdrawal] = Grant if event == "grant" else Withdrawal
    return model.model_validate_json(payload)
