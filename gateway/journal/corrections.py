"""Corrections owed: what a destination was sent and has turned out wrong there.

Where the destination takes corrections the hub makes them itself, if the person whose record is
concerned consents; the rest are tasks for a person: see it, mend it there (or have it mended), and
say that it is done.
"""

from __future__ import annotations

from datetime import datetime

from gateway.consent.gate import Reason
from gateway.domain.correction import Wrong
from gateway.domain.subject import SubjectId
from gateway.errors import JournalError
from gateway.journal import audit, entry_rows
from gateway.journal.database import Database
from gateway.journal.instants import from_us, to_us
from gateway.journal.outbox import LONGEST_WAIT
from gateway.journal.views import CorrectionOwed
from gateway.journal.writer import Transaction

_NEVER_US = 2**63 - 1
OURS = (
    " FROM corrections_owed AS c LEFT JOIN corrections_tried AS t USING (number)"
    " WHERE destination = ? AND done_us IS NULL AND problem IS NULL AND wrong IN ('time', 'person')"
)
"""Those that the hub can make itself: for a summary that lacks something it has no better."""
STANDS = "done_us IS NULL AND NOT (wrong = 'person' AND c.subject IS e.subject)"
"""Whether `c`, owed of the entry `e`, is still to be told: not what is theirs after all."""


def owe(
    tx: Transaction,
    entry: int,
    wrong: Wrong,
    since_us: int = _NEVER_US,
    *,
    at: str | None = None,
) -> None:
    """Take down a task for each destination (or the one named) that has the entry, or may.

    One that is open already is enough; so is one that was done, if it was owed after `since_us`.
    """
    tx.db.run(
        "INSERT INTO corrections_owed (entry, destination, subject, wrong, reference, since_us)"
        " SELECT entry, destination, subject, ?, reference, ? FROM deliveries AS d"
        " WHERE entry = ? AND (state = 'settled' OR may_have_arrived)"
        " AND NOT EXISTS (SELECT 1 FROM corrections_owed AS c WHERE c.entry = d.entry"
        " AND c.destination = d.destination AND c.subject IS d.subject AND c.wrong = ?1"
        " AND (c.done_us IS NULL OR c.since_us >= ?4)) AND (?5 IS NULL OR destination = ?5)",
        (wrong, tx.now_us, entry, since_us, at),
    )
    for (destination,) in tx.db.rows(
        "SELECT destination FROM corrections_owed WHERE entry = ? AND done_us IS NULL", (entry,)
    ):
        tx.due.add(destination)


def owed(db: Database) -> list[CorrectionOwed]:
    """Return what still is to be put right, the oldest first; not what is theirs after all."""
    return [
        CorrectionOwed(
            number,
            entry_rows.from_blob(stored),
            destination,
            subject,
            Wrong(wrong),
            reference,
            from_us(since_us),
            problem,
        )
        for number, stored, destination, subject, wrong, reference, since_us, problem in db.rows(
            "SELECT c.number, e.id, destination, c.subject, wrong, reference, since_us, problem"  # noqa: S608
            " FROM corrections_owed AS c JOIN entries AS e ON e.number = c.entry"
            " LEFT JOIN corrections_tried AS t ON t.number = c.number"
            f" WHERE {STANDS} ORDER BY c.number"
        )
    ]


def next_due(db: Database, destination: str) -> datetime | None:
    """Return when the next correction there is due, perhaps long ago; None if none is."""
    (due_us,) = db.one("SELECT min(ifnull(due_us, 0))" + OURS, (destination,))
    return None if due_us is None else from_us(due_us)


def retry_at(tx: Transaction, number: int, due_at: datetime) -> None:
    """Take down that this attempt came to nothing: to be tried then."""
    tried(tx, number, _attempts(tx.db, number), due_us=to_us(due_at))


def bring_back(tx: Transaction, now: datetime) -> None:
    """Let none wait for a moment that a clock set that was far ahead; `now` is trusted."""
    tx.db.run(
        "UPDATE corrections_tried SET due_us = 0 WHERE due_us > ?",
        (to_us(now + LONGEST_WAIT),),
    )


def leave(tx: Transaction, number: int, problem: str) -> None:
    """Take down that a person has to see to it, and why: a reason of the gate, or a sentence."""
    tried(tx, number, _attempts(tx.db, number), due_us=0, problem=problem)


def reconsider(tx: Transaction, subject: SubjectId, destination: str) -> None:
    """Have the hub try again what is left to a person: the subject has consented anew."""
    tx.db.run(
        "UPDATE corrections_tried SET problem = NULL, due_us = 0 WHERE number IN"
        " (SELECT number FROM corrections_owed WHERE subject = ? AND destination = ?"
        " AND done_us IS NULL)",
        (subject, destination),
    )
    tx.due.add(destination)


def reconsider_left_for(tx: Transaction, reason: Reason) -> None:
    """Have the hub try again what it left to a person for this reason of the gate."""
    tx.db.run(
        "UPDATE corrections_tried SET problem = NULL, due_us = 0 WHERE problem = ?", (reason,)
    )


def done(tx: Transaction, *numbers: int) -> None:
    """Take down that corrections were made; repeating it is no news."""
    for number in numbers:
        _done(tx, number)


def _done(tx: Transaction, number: int) -> None:
    row = tx.db.row(
        "SELECT c.destination, e.id, done_us FROM corrections_owed AS c"
        " JOIN entries AS e ON e.number = c.entry WHERE c.number = ?",
        (number,),
    )
    if row is None:
        raise JournalError("there is no such correction owed")
    destination, stored, done_us = row
    if done_us is not None:
        return
    tx.db.run("UPDATE corrections_owed SET done_us = ? WHERE number = ?", (tx.now_us, number))
    manifest: audit.Manifest = {
        "destination": destination,
        "correction": number,
        "entries": [entry_rows.from_blob(stored)],
    }
    audit.append(tx, audit.Audited.CORRECTED_THERE, manifest)


def _attempts(db: Database, number: int) -> int:
    row = db.row("SELECT attempts FROM corrections_tried WHERE number = ?", (number,))
    return 0 if row is None else int(row[0])


def tried(
    tx: Transaction, number: int, attempts: int, *, due_us: int, problem: str | None = None
) -> None:
    """Keep how often the hub has tried, and when it does so next or why it does so no more."""
    tx.db.run(
        "INSERT INTO corrections_tried (number, due_us, attempts, problem) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (number) DO UPDATE SET due_us = ?2, attempts = ?3, problem = ?4",
        (number, due_us, attempts, problem),
    )
