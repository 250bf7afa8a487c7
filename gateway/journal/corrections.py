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
    VALUE = "value"
    """It was computed here, and readings that it should have counted came after it was sent."""


_NEVER_US = 2**63 - 1


def owe(tx: Transaction, entry: int, wrong: Wrong, since_us: int = _NEVER_US) -> None:
    """Take down a task for each destination that has the entry, or may have it.

    One that is open already is enough; so is one that was done, if it was owed after `since_us`.
    """
    tx.db.run(
        "INSERT INTO corrections_owed (entry, destination, subject, wrong, reference, since_us)"
        " SELECT entry, destination, subject, ?, reference, ? FROM deliveries AS d"
        " WHERE entry = ? AND (state = 'settled' OR may_have_arrived)"
        " AND NOT EXISTS (SELECT 1 FROM corrections_owed AS c WHERE c.entry = d.entry"
        " AND c.destination = d.destination AND c.subject IS d.subject AND c.wrong = ?1"
        " AND (c.done_us IS NULL OR c.since_us >= ?4))",
        (wrong, tx.now_us, entry, since_us),
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
