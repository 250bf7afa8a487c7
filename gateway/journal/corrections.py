"""Corrections owed: what a destination was sent and has turned out wrong there.

No destination in scope takes a correction by itself, so each is a task for a person: see it, mend
it there (or have it mended), and say that it is done.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.errors import JournalError
from gateway.journal import audit
from gateway.journal.writer import Transaction


class Wrong(StrEnum):
    """What is wrong with what was sent."""

    TIME = "time"
    PERSON = "person"


def owe(tx: Transaction, entry: int, wrong: Wrong) -> None:
    """Take down a task for each destination that has the entry, or may have it."""
    tx.db.run(
        "INSERT INTO corrections_owed (entry, destination, subject, wrong, reference, since_us)"
        " SELECT entry, destination, subject, ?, reference, ? FROM deliveries AS d"
        " WHERE entry = ? AND (state = 'settled' OR may_have_arrived)"
        " AND NOT EXISTS (SELECT 1 FROM corrections_owed AS c WHERE c.entry = d.entry"
        " AND c.destination = d.destination AND c.subject IS d.subject AND c.wrong = ?1"
        " AND c.done_us IS NULL)",
        (wrong, tx.now_us, entry),
    )


def done(tx: Transaction, number: int) -> None:
    """Take down that a correction was made; repeating it is no news."""
    changed = tx.db.run(
        "UPDATE corrections_owed SET done_us = ifnull(done_us, ?) WHERE number = ?",
        (tx.now_us, number),
    )
    if not changed:
        raise JournalError("there is no such correction owed")
    audit.append(tx, audit.Audited.CORRECTED_THERE, {"correction": number})
