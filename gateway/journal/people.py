"""The people who are measured: each under an opaque id, their name sealed."""

from __future__ import annotations

import secrets

from gateway.domain.subject import Subject, SubjectId
from gateway.errors import JournalError, Unreadable
from gateway.journal import audit
from gateway.journal.database import Database
from gateway.journal.keys import Keyring
from gateway.journal.writer import Transaction

_ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # no letter that is read as a digit
_ID_LENGTH = 16
"""80 bits. Destinations know people by hashes of their ids: of 40, as it was once, one could try
all there are, and tell who somebody is at another destination."""


def add_subject(tx: Transaction, label: str) -> Subject:
    """Keep a person under a new opaque id."""
    drawn = "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))
    subject = Subject(id=SubjectId(f"p-{drawn}"), label=label)
    tx.keys.make(subject.id)
    tx.db.run(
        "INSERT INTO subjects (id, name, added_us) VALUES (?, ?, ?)",
        (
            subject.id,
            tx.keys.seal(subject.id, label.encode(), f"subject {subject.id}"),
            tx.now_us,
        ),
    )
    return subject


def exported(tx: Transaction, subject: SubjectId) -> None:
    """Keep in the audit log that all that is here of a person was handed out."""
    require(tx.db, subject)
    audit.append(tx, audit.Audited.EXPORTED, {"subject": subject})


def rename(tx: Transaction, subject: SubjectId, label: str) -> None:
    """Keep another name for a person."""
    tx.db.run(
        "UPDATE subjects SET name = ? WHERE id = ?",
        (tx.keys.seal(subject, label.encode(), f"subject {subject}"), subject),
    )


def subjects(db: Database, keys: Keyring) -> list[Subject]:
    """Return the people that are known, in the order they were added."""
    rows = db.rows("SELECT id, name FROM subjects ORDER BY added_us, id")
    return [opened(keys, subject, name) for subject, name in rows]


def opened(keys: Keyring, subject: str, name: bytes) -> Subject:
    """Make a subject of a row; one whose name is damaged is called "?"."""
    try:
        label = keys.open(subject, name, f"subject {subject}").decode()
    except Unreadable:
        label = "?"
    return Subject(id=SubjectId(subject), label=label)


def require(db: Database, subject: SubjectId) -> None:
    """Raise JournalError if the subject is not known here."""
    if db.row("SELECT 1 FROM subjects WHERE id = ?", (subject,)) is None:
        raise JournalError("the journal does not know that person: they must be added first")
