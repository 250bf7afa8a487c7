"""The deliveries of one entry: where it is, and what they become once more is known of it."""

from __future__ import annotations

from gateway.domain.subject import SubjectId
from gateway.errors import JournalError
from gateway.journal import audit
from gateway.journal.database import Database
from gateway.journal.moving import Owed, audit_moved, move, owed_where, read, to_be_asked
from gateway.journal.states import Event, State
from gateway.journal.writer import Transaction

REPLACED = "replaced"
"""The reason of a delivery that was dropped because its entry was computed anew."""


def attributed(tx: Transaction, entry: int, subject: SubjectId) -> None:
    """Take down whose the entry is now, and ask the gate again about its deliveries."""
    tx.db.run("UPDATE deliveries SET subject = ? WHERE entry = ?", (subject, entry))
    for owed in _doubted_of(tx.db, entry, subject):
        if owed.may_have_arrived:
            move(tx, owed, Event.REASSIGNED)
    timed(tx, entry)


def reassigned(tx: Transaction, entry: int, subject: SubjectId | None) -> None:
    """Begin the entry's deliveries anew, for another person or nobody.

    What the person before was sent is not what this one was: no doubt of it is carried over. What
    this one was, while it counted as theirs, may still be there. Raises JournalError while the
    entry is on its way.
    """
    if is_leaving(tx.db, entry):
        raise JournalError("that reading is being sent right now: try again in a minute")
    for owed in _doubted_of(tx.db, entry, subject):
        move(tx, owed, Event.REASSIGNED)
    tx.db.run(
        "UPDATE deliveries SET subject = ?, reference = NULL WHERE entry = ?", (subject, entry)
    )


def _doubted_of(db: Database, entry: int, subject: SubjectId | None) -> list[Owed]:
    """Return the entry's deliveries; each may have arrived if a correction is or was owed there.

    That is, if the subject had it there, or may have had it, before it became another's.
    """
    return read(
        db,
        "SELECT d.entry, id, d.destination, state, EXISTS (SELECT 1 FROM corrections_owed AS c"
        " WHERE c.entry = d.entry AND c.destination = d.destination AND c.subject = ?"
        " AND wrong = 'person') FROM deliveries AS d JOIN entries AS e ON e.number = d.entry"
        " WHERE d.entry = ?",
        (subject, entry),
    )


def is_leaving(db: Database, entry: int) -> bool:
    """Tell whether the entry is on its way somewhere."""
    sql = "SELECT 1 FROM deliveries WHERE entry = ? AND state = 'sending'"
    return db.row(sql, (entry,)) is not None


def may_be_at(db: Database, entry: int) -> list[str]:
    """Return the destinations that have the entry, or may have it."""
    rows = db.rows(
        "SELECT destination FROM deliveries WHERE entry = ?"
        " AND (state = 'settled' OR may_have_arrived)",
        (entry,),
    )
    return [destination for (destination,) in rows]


def has_left(db: Database, entry: int) -> bool:
    """Tell whether some destination has the entry, or may have it."""
    return bool(may_be_at(db, entry))


def replaced(tx: Transaction, entry: int) -> None:
    """Drop the deliveries of an entry that was computed anew and never left."""
    queued = owed_where(tx.db, "entry = ?", (entry,))
    for owed in queued:
        move(tx, owed, Event.REPLACED, reason=REPLACED)
    audit_moved(tx, audit.Audited.REPLACED, queued)


def timed(tx: Transaction, entry: int) -> None:
    """Ask the gate again about the entry's deliveries: more is known of it."""
    for owed in owed_where(tx.db, "entry = ?", (entry,)):
        if owed.state is State.WITHHELD:
            move(tx, owed, Event.RECONSIDERED)
        to_be_asked(tx, owed.destination, [entry])
