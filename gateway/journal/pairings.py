"""Pairings: the secrets by which a destination knows a subject. Opaque here, never logged."""

from __future__ import annotations

from gateway.domain.subject import SubjectId
from gateway.errors import Unreadable
from gateway.journal import people
from gateway.journal.database import Database
from gateway.journal.writer import Transaction


def pairing(tx: Transaction, subject: SubjectId, destination: str) -> bytes | None:
    """Return the secret as it was set, or None; also where it is damaged: they pair again then."""
    row = tx.db.row(
        "SELECT secret FROM pairings WHERE subject = ? AND destination = ?",
        (subject, destination),
    )
    if row is None:
        return None
    try:
        return tx.keys.open(subject, row[0], _place(subject, destination))
    except Unreadable:
        return None


def destinations(db: Database, subject: SubjectId) -> list[str]:
    """Return the destinations the subject is paired with."""
    rows = db.rows("SELECT destination FROM pairings WHERE subject = ? ORDER BY 1", (subject,))
    return [str(destination) for (destination,) in rows]


def set_pairing(tx: Transaction, subject: SubjectId, destination: str, secret: bytes) -> None:
    """Keep the secret in place of the one before."""
    people.require(tx.db, subject)
    tx.db.run(
        "INSERT INTO pairings (subject, destination, secret) VALUES (?, ?, ?)"
        " ON CONFLICT (subject, destination) DO UPDATE SET secret = excluded.secret",
        (subject, destination, tx.keys.seal(subject, secret, _place(subject, destination))),
    )


def delete_pairing(tx: Transaction, subject: SubjectId, destination: str) -> None:
    """Forget the secret; harmless if there is none."""
    tx.db.run("DELETE FROM pairings WHERE subject = ? AND destination = ?", (subject, destination))


def _place(subject: SubjectId, destination: str) -> str:
    return f"pairing {subject} {destination}"
