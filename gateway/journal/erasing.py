"""Erasing a person: their key first, then all that it sealed, in one transaction.

Without the key what is left of the rows anywhere (a log, a freed page, a backup of which the hub
key is kept) cannot be read. The audit chain names ids alone and stays whole. That somebody was
erased, and when, is kept; who they were is not.
"""

from __future__ import annotations

from gateway.domain.subject import SubjectId
from gateway.journal import audit, people
from gateway.journal.writer import Transaction

_THEIR_DEVICES = (
    "SELECT device FROM assignments WHERE subject = ?1"
    " UNION SELECT device FROM entries WHERE subject = ?1"
)
_ROWS = (
    # Not to come back when a device is read again; entries_erased of schema/0004.sql sees to it.
    "INSERT OR IGNORE INTO erased SELECT substr(id, 5) FROM entries WHERE subject = ?",
    "DELETE FROM corrections_owed WHERE subject = ?",
    # Of every device that measured them, whoever said so: what it sent and nobody could read may be
    # theirs.
    f"DELETE FROM aside WHERE device IN ({_THEIR_DEVICES})",  # noqa: S608
    f"DELETE FROM remarks WHERE device IN ({_THEIR_DEVICES})",  # noqa: S608
    "DELETE FROM pairings WHERE subject = ?",
    "DELETE FROM entries WHERE subject = ?",  # their timings and deliveries go with them
    "DELETE FROM assignments WHERE subject = ?",
    "DELETE FROM kiosk_sessions WHERE subject = ?",
    "DELETE FROM subjects WHERE id = ?",
    "DELETE FROM consent WHERE subject = ?",  # append-only for as long as the person is known
)


def erase(tx: Transaction, subject: SubjectId) -> int:
    """Erase all that is about the person; return how many readings that were."""
    people.require(tx.db, subject)
    (entries,) = tx.db.one("SELECT count(*) FROM entries WHERE subject = ?", (subject,))
    tx.keys.destroy(subject)
    for statement in _ROWS:
        tx.db.run(statement, (subject,))
    tx.memory.assignments.clear()
    tx.fold = True
    audit.append(tx, audit.Audited.ERASED, {"subject": subject, "entries": entries})
    return int(entries)
