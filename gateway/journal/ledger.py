"""The consent ledger: grants, withdrawals and destinations' own refusals, in order of recording."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from gateway.consent.gate import OF_A_GRANT, Reason, Released
from gateway.consent.grant import ConsentEntry, Grant, Withdrawal, in_force
from gateway.domain.reading import Kind
from gateway.domain.subject import SubjectId
from gateway.errors import JournalError, Unreadable
from gateway.journal import audit, corrections, moving, outbox, people
from gateway.journal.database import Database, Row
from gateway.journal.instants import from_us, to_us
from gateway.journal.keys import Keyring
from gateway.journal.writer import Transaction

Addresses = Mapping[str, tuple[str, ...]]
"""Where each destination is, and after that where it was before."""
NOWHERE: Addresses = MappingProxyType({})

_COLUMNS = "event, id, subject, destination, recorded_us, payload"
_AT_ONCE = 1000  # entries queued at a time: years of them would not fit into memory


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
    if not append(tx, grant):
        return
    kinds = grant.kinds & routes.get(grant.destination, frozenset())
    _enqueue_earlier(tx, grant, kinds)
    outbox.reconsider(tx, grant.subject, grant.destination)
    corrections.reconsider(tx, grant.subject, grant.destination)


def record_withdrawal(tx: Transaction, withdrawal: Withdrawal) -> int:
    """Keep the withdrawal and drop what is still owed; return how many deliveries that were.

    The same withdrawal a second time is no news: it says nothing of a grant given in between.
    """
    people.require(tx.db, withdrawal.subject)
    if not append(tx, withdrawal):
        return 0
    return outbox.drop(tx, withdrawal.subject, withdrawal.destination)


def record_refusal(tx: Transaction, released: Released) -> None:
    """Keep that the destination refuses the subject; nothing goes there until a new grant."""
    destination = released.delivery.destination
    if not standing(tx.db, tx.keys, released.subject, destination).refused:
        tx.db.run(
            "INSERT INTO consent (id, subject, destination, event, recorded_us)"
            " VALUES (?, ?, ?, 'refusal', ?)",
            (f"refusal-{secrets.token_hex(8)}", released.subject, destination, tx.now_us),
        )
    outbox.refuse(tx, released)


def moved_back(tx: Transaction) -> None:
    """Ask the gate again about what it withheld because a destination was elsewhere.

    For when the gateway starts: it may have another configuration, and the destination be back.
    """
    for subject, destination in tx.db.rows("SELECT DISTINCT subject, destination FROM consent"):
        outbox.reconsider_held_for(tx, Reason.ADDRESS_CHANGED, subject, destination)
    corrections.reconsider_left_for(tx, Reason.ADDRESS_CHANGED)


def clock_was_set(tx: Transaction, now: datetime) -> None:
    """Ask the gate again about what it withheld by a clock that was ahead, where a consent lives.

    `now` is trusted. If one of several consents had ended by that clock, the reason that is told is
    why another does not cover it.
    """
    for subject, destination in tx.db.rows("SELECT DISTINCT subject, destination FROM consent"):
        if in_force(standing(tx.db, tx.keys, subject, destination).entries, now):
            outbox.reconsider_held_for(tx, Reason.EXPIRED, subject, destination, now)
    for reason in OF_A_GRANT:
        corrections.reconsider_left_for(tx, reason)


def number_of(db: Database, entry_id: str) -> int:
    """Return where in the ledger an entry is."""
    (number,) = db.one("SELECT number FROM consent WHERE id = ?", (entry_id,))
    return int(number)


def grants_of(db: Database, subject: str, destination: str) -> tuple[str, ...]:
    """Return the ids of all that the person ever granted the destination."""
    rows = db.rows(
        "SELECT id FROM consent WHERE subject = ? AND destination = ? AND event = 'grant'"
        " ORDER BY number",
        (subject, destination),
    )
    return tuple(entry_id for (entry_id,) in rows)


def numbered(
    db: Database, keys: Keyring, subject: SubjectId, destination: str
) -> list[tuple[int, ConsentEntry]]:
    """Return the subject's grants and withdrawals for one destination, with their places."""
    rows = db.rows(
        f"SELECT number, {_COLUMNS} FROM consent WHERE subject = ? AND destination = ?"  # noqa: S608
        " AND event <> 'refusal' ORDER BY number",
        (subject, destination),
    )
    return [(row[0], entry) for row in rows for entry in _entries(keys, [row[1:]])]


def ledger(db: Database, keys: Keyring, subject: SubjectId) -> tuple[ConsentEntry, ...]:
    """Return the subject's grants and withdrawals, for every destination, in order of recording."""
    rows = db.rows(
        f"SELECT {_COLUMNS} FROM consent WHERE subject = ? AND event <> 'refusal'"  # noqa: S608
        " ORDER BY number",
        (subject,),
    )
    return _entries(keys, rows)


def standing(db: Database, keys: Keyring, subject: SubjectId, destination: str) -> Standing:
    """Return how the subject stands with the destination; every grant has its address."""
    rows = db.rows(
        f"SELECT {_COLUMNS} FROM consent WHERE subject = ? AND destination = ?"  # noqa: S608
        " ORDER BY number",
        (subject, destination),
    )
    said = [row[0] for row in rows if row[0] != "withdrawal"]
    entries = _entries(keys, [row for row in rows if row[0] != "refusal"])
    return Standing(
        entries=tuple(_addressed(db, entry) for entry in entries),
        refused=bool(said) and said[-1] == "refusal",
    )


def address_of(db: Database, grant: Grant) -> str | None:
    """Return where the destination of a grant was when it was given, or as far back as is known.

    One of before addresses were recorded has that of the moment they began to be.
    """
    if grant.address is not None:
        return grant.address
    if not db.rows("SELECT 1 FROM sqlite_schema WHERE name = 'unnamed_addresses'"):
        return None  # a reader may come before who takes the schema's step
    row = db.row(
        "SELECT address FROM unnamed_addresses WHERE destination = ?", (grant.destination,)
    )
    return None if row is None else bytes(row[0]).decode()


def _addressed(db: Database, entry: ConsentEntry) -> ConsentEntry:
    if isinstance(entry, Withdrawal) or entry.address is not None:
        return entry
    return entry.model_copy(update={"address": address_of(db, entry)})


def append(tx: Transaction, entry: ConsentEntry, number: int | None = None) -> bool:
    """Add to the ledger; return False if this very entry is already there.

    `number` is its place; the next one, if none is given.
    """
    entry_id, event = entry.id, "grant" if isinstance(entry, Grant) else "withdrawal"
    payload = entry.model_dump_json(exclude_none=True).encode()
    there = tx.db.rows(f"SELECT {_COLUMNS} FROM consent WHERE id = ?", (entry_id,))  # noqa: S608
    if there:
        if _entries(tx.keys, there) == (entry,):
            return False
        raise JournalError("the consent ledger has another entry of that id: make a new id")
    tx.db.run(
        "INSERT INTO consent (number, id, subject, destination, event, recorded_us, payload)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            number,
            entry_id,
            entry.subject,
            entry.destination,
            event,
            tx.now_us,
            tx.keys.seal(
                entry.subject, payload, _place(entry_id, entry.subject, entry.destination, event)
            ),
        ),
    )
    manifest: audit.Manifest = {
        "id": entry_id,
        "subject": entry.subject,
        "destination": entry.destination,
        "fingerprint": tx.keys.fingerprint(entry.subject, payload),
    }
    granted = isinstance(entry, Grant)
    audit.append(tx, audit.Audited.GRANTED if granted else audit.Audited.WITHDRAWN, manifest)
    return True


def _enqueue_earlier(tx: Transaction, grant: Grant, kinds: frozenset[Kind]) -> None:
    for kind in sorted(kinds):
        last = (0, to_us(grant.covers_from))
        while found := tx.db.rows(
            "SELECT number, measured_us FROM entries AS e"
            " WHERE subject = ? AND kind = ? AND (measured_us, number) > (?, ?)"
            " AND attribution != 'replaced'"
            " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE entry = number AND destination = ?)"
            " ORDER BY measured_us, number LIMIT ?",
            (grant.subject, kind, last[1], last[0], grant.destination, _AT_ONCE),
        ):
            outbox.enqueue(
                tx,
                grant.destination,
                [(number, grant.subject, at_us, None) for number, at_us in found],
            )
            moving.to_be_asked(tx, grant.destination, [number for number, _ in found])
            last = found[-1]


def _place(entry_id: str, subject: str, destination: str, event: str) -> str:
    return f"consent {entry_id} {subject} {destination} {event}"


def _entries(keys: Keyring, rows: Sequence[Row]) -> tuple[ConsentEntry, ...]:
    """Make entries of rows. Of what cannot be read, all but a grant count, as withdrawals.

    What was damaged cannot, nor what a later gateway wrote that was put back since.
    """
    entries: list[ConsentEntry] = []
    for event, entry_id, subject, destination, recorded_us, sealed in rows:
        model: type[Grant] | type[Withdrawal] = Grant if event == "grant" else Withdrawal
        try:
            payload = keys.open(subject, sealed, _place(entry_id, subject, destination, event))
            entries.append(model.model_validate_json(payload))
        except (Unreadable, ValueError):
            if event != "grant":
                entries.append(
                    Withdrawal(
                        id=entry_id,
                        subject=subject,
                        destination=destination,
                        at=from_us(recorded_us),
                        withdrawn_by="?",
                    )
                )
    return tuple(entries)
