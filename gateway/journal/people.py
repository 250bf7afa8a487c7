"""People: subjects, which device measures whom, and whose the readings are."""

from __future__ import annotations

import secrets
from collections import defaultdict
from datetime import datetime

from gateway.domain.device import DeviceId
from gateway.domain.device_time import Correction
from gateway.domain.identity import ReadingId
from gateway.domain.subject import Assignment, Attribution, Subject, SubjectId, attribute
from gateway.errors import JournalError
from gateway.journal import audit, devices, entry_rows, outbox
from gateway.journal.database import Database, Row
from gateway.journal.instants import from_us, to_us
from gateway.journal.writer import Transaction

_ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # no letter that is read as a digit
_ID_LENGTH = 8  # 40 bits: ids of one hub never meet, and nobody guesses one


def add_subject(tx: Transaction, label: str) -> Subject:
    """Keep a person under a new opaque id."""
    drawn = "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))
    subject = Subject(id=SubjectId(f"p-{drawn}"), label=label)
    tx.db.run(
        "INSERT INTO subjects (id, label, added_us) VALUES (?, ?, ?)",
        (subject.id, subject.label, tx.now_us),
    )
    return subject


def require(db: Database, subject: SubjectId) -> None:
    """Raise JournalError if the subject is not known here."""
    if db.row("SELECT 1 FROM subjects WHERE id = ?", (subject,)) is None:
        raise JournalError("the journal does not know that person: they must be added first")


def assign(tx: Transaction, assignment: Assignment) -> list[ReadingId]:
    """Keep the assignment; return the entries of nobody that became its subject's by it."""
    device = devices.number_of(tx.db, assignment.device)
    require(tx.db, assignment.subject)
    if assignment.until is not None and assignment.until <= assignment.since:
        raise ValueError("an assignment ends after it begins")
    until_us = None if assignment.until is None else to_us(assignment.until)
    tx.db.run(
        "INSERT INTO assignments (device, slot, subject, since_us, until_us)"
        " VALUES (?, ?, ?, ?, ?)",
        (device, assignment.slot, assignment.subject, to_us(assignment.since), until_us),
    )
    tx.memory.assignments.pop(device, None)
    audit.append(tx, audit.Audited.ASSIGNED, _manifest(device, assignment))
    return _attribute_unclaimed(tx, device, assignment.device)


def end_assignment(tx: Transaction, assignment: Assignment, until: datetime) -> Assignment:
    """Let the assignment end; readings already attributed by it keep their person."""
    device = devices.number_of(tx.db, assignment.device)
    ended = assignment.model_copy(update={"until": until})
    changed = tx.db.run(
        "UPDATE assignments SET until_us = ? WHERE device = ? AND slot IS ? AND subject = ?"
        " AND since_us = ?",
        (to_us(until), device, assignment.slot, assignment.subject, to_us(assignment.since)),
    )
    if not changed:
        raise JournalError("the journal has no such assignment to end")
    tx.memory.assignments.pop(device, None)
    audit.append(tx, audit.Audited.ASSIGNMENT_ENDED, _manifest(device, ended))
    return ended


def assignments_of(tx: Transaction, device: int) -> tuple[Assignment, ...]:
    """Return the assignments of one device, by its number here, in the order they were made."""
    remembered = tx.memory.assignments.get(device)
    if remembered is None:
        rows = tx.db.rows(
            "SELECT d.id, slot, subject, since_us, until_us FROM assignments AS a"
            " JOIN devices AS d ON d.number = a.device WHERE device = ? ORDER BY a.number",
            (device,),
        )
        remembered = tx.memory.assignments[device] = tuple(assignment(row) for row in rows)
    return remembered


def assignment(row: Row) -> Assignment:
    """Make an assignment of a row: device id, slot, subject, since, until."""
    device, slot, subject, since_us, until_us = row
    return Assignment(
        device=DeviceId(device),
        slot=slot,
        subject=SubjectId(subject),
        since=from_us(since_us),
        until=None if until_us is None else from_us(until_us),
    )


def whose(
    assignments: tuple[Assignment, ...],
    device: DeviceId,
    slot: str | None,
    measured_at: datetime,
    reason: Correction,
) -> tuple[SubjectId | None, Attribution]:
    """Say whose a reading is; without a known time no assignment can be said to cover it."""
    if reason is Correction.UNKNOWN:
        return None, Attribution.UNCLAIMED
    return attribute(assignments, device, slot, measured_at)


def claim(tx: Transaction, entry: ReadingId, subject: SubjectId) -> None:
    """Make an entry of nobody the subject's, its time and content untouched.

    Repeating a claim is no news; an entry that is already someone else's is not given away.
    """
    require(tx.db, subject)
    row = tx.db.row(
        "SELECT number, subject FROM entries WHERE id = ?", (entry_rows.to_blob(entry),)
    )
    if row is None:
        raise JournalError("the journal has no such entry")
    number, owner = row
    if owner == subject:
        return
    if owner is not None:
        raise JournalError("that entry is already another person's")
    _attributed(tx, {(number, entry): (subject, Attribution.CLAIM)})


def _attribute_unclaimed(tx: Transaction, device: int, device_id: DeviceId) -> list[ReadingId]:
    """Look again at the entries of nobody from this device."""
    assignments = assignments_of(tx, device)
    found: dict[tuple[int, ReadingId], tuple[SubjectId | None, Attribution]] = {}
    for number, stored_id, slot, attribution, measured_us, reason in tx.db.rows(
        "SELECT number, id, slot, attribution, measured_us, reason"
        " FROM whole_entries WHERE device = ? AND subject IS NULL",
        (device,),
    ):
        answer = whose(assignments, device_id, slot, from_us(measured_us), Correction(reason))
        if answer != (None, Attribution(attribution)):
            found[number, entry_rows.from_blob(stored_id)] = answer
    _attributed(tx, found)
    return [entry for (_, entry), (subject, _) in found.items() if subject is not None]


def _attributed(
    tx: Transaction,
    found: dict[tuple[int, ReadingId], tuple[SubjectId | None, Attribution]],
) -> None:
    by_subject: defaultdict[str, list[str]] = defaultdict(list)
    for (number, entry), (subject, attribution) in found.items():
        tx.db.run(
            "UPDATE entries SET subject = ?, attribution = ? WHERE number = ?",
            (subject, attribution, number),
        )
        if subject is not None:
            outbox.attributed(tx, number, subject)
            by_subject[subject].append(entry)
    if by_subject:
        audit.append(tx, audit.Audited.ATTRIBUTED, {"entries": dict(by_subject)})


def _manifest(device: int, assignment: Assignment) -> audit.Manifest:
    return {
        "device": device,
        "subject": assignment.subject,
        "since": assignment.since.isoformat(),
        "until": "" if assignment.until is None else assignment.until.isoformat(),
    }
