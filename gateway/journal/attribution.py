"""Whose an entry is: found by its time, said by a person, and found anew when either changes."""

from __future__ import annotations

from collections import defaultdict

from gateway.domain.correction import Wrong
from gateway.domain.identity import ReadingId
from gateway.domain.subject import Attribution, SubjectId
from gateway.errors import JournalError, Unreadable
from gateway.journal import audit, devices, entry_rows, of_entry, people
from gateway.journal.assignments import assignments_of, whose
from gateway.journal.corrections import owe
from gateway.journal.database import Database
from gateway.journal.writer import Transaction

STANDING = (
    Attribution.CLAIM,
    Attribution.COMPUTED,
    Attribution.REPLACED,
    Attribution.DISMISSED,
)
"""What does not follow from the time of a reading."""


def claim(tx: Transaction, entry: ReadingId, subject: SubjectId) -> None:
    """Make an entry of nobody the subject's, its time and content untouched.

    Repeating a claim is no news; an entry that is already someone else's is not given away.
    """
    people.require(tx.db, subject)
    number, owner = _owner(tx.db, entry)
    if owner == subject:
        return
    if owner is not None:
        raise JournalError("that entry is already another person's: reassign it instead")
    _found(tx, {(number, entry): (subject, Attribution.CLAIM)})


def reassign(tx: Transaction, entry: ReadingId, subject: SubjectId) -> None:
    """Make someone's entry another's; what was sent of it becomes a correction owed there."""
    people.require(tx.db, subject)
    number, owner = _owner(tx.db, entry)
    if owner is None:
        raise JournalError("that entry is nobody's yet: claim it instead")
    if _is_computed(tx.db, number):
        raise JournalError(
            "that entry was computed from one person's readings: reassign those instead"
        )
    if owner != subject:
        audit.append(
            tx, audit.Audited.REASSIGNED, {"from": owner, "to": subject, "entries": [entry]}
        )
        _move(tx, number, subject, Attribution.CLAIM)


def dismiss(tx: Transaction, entry: ReadingId) -> None:
    """Make an entry nobody's for good: it is kept, neither shown as unclaimed nor ever sent."""
    number, owner = _owner(tx.db, entry)
    audit.append(tx, audit.Audited.DISMISSED, {"from": owner or "", "entries": [entry]})
    _move(tx, number, None, Attribution.DISMISSED)


def look_again(tx: Transaction, number: int) -> None:
    """Say anew whose an entry is, its time being another; what a person said of it stands."""
    row = tx.db.one("SELECT * FROM whole_entries WHERE number = ?", (number,))
    try:
        entry = entry_rows.from_row(row, tx.keys)
    except Unreadable:
        return  # it stays whose it is: nobody sees it, and it is never sent
    if entry.attribution in STANDING:
        return
    if of_entry.is_leaving(tx.db, number):  # with its person: what comes of it is waited for
        tx.db.run("INSERT OR IGNORE INTO looked_at_again (entry) VALUES (?)", (number,))
        return
    device = devices.number_of(tx, entry.device.id)
    answer = whose(tx.db, assignments_of(tx, device), entry.reading, entry.timing)
    if entry.subject is None:
        _found(tx, {(number, entry.id): answer})
    elif answer[0] != entry.subject:
        manifest: audit.Manifest = {"from": entry.subject, "to": answer[0] or ""}
        audit.append(tx, audit.Audited.REASSIGNED, {**manifest, "entries": [entry.id]})
        _move(tx, number, *answer)


def came_back(tx: Transaction, entry: ReadingId | None = None) -> None:
    """Look again at what could not be looked at while it was on its way; all of it, or one."""
    waiting = tx.db.rows(
        "SELECT entry FROM looked_at_again JOIN entries ON number = entry"
        " WHERE ?1 IS NULL OR id = ?1",
        (None if entry is None else entry_rows.to_blob(entry),),
    )
    for (number,) in waiting:
        tx.db.run("DELETE FROM looked_at_again WHERE entry = ?", (number,))
        look_again(tx, number)


def attribute_unclaimed(tx: Transaction, device: int) -> None:
    """Look again at the entries of nobody from this device."""
    assignments = assignments_of(tx, device)
    found: dict[tuple[int, ReadingId], tuple[SubjectId | None, Attribution]] = {}
    for row in tx.db.rows(
        "SELECT * FROM whole_entries WHERE device = ? AND subject IS NULL AND attribution != ?",
        (device, Attribution.DISMISSED),
    ):
        try:
            entry, number = entry_rows.from_row(row, tx.keys), row[entry_rows.WIDTH]
        except Unreadable:
            continue
        answer = whose(tx.db, assignments, entry.reading, entry.timing)
        if answer != (None, entry.attribution):
            found[number, entry.id] = answer
    _found(tx, found)


def _owner(db: Database, entry: ReadingId) -> tuple[int, SubjectId | None]:
    row = db.row("SELECT number, subject FROM entries WHERE id = ?", (entry_rows.to_blob(entry),))
    if row is None:
        raise JournalError("the journal has no such entry")
    number, owner = row
    return number, owner


def _is_computed(db: Database, number: int) -> bool:
    (attribution,) = db.one("SELECT attribution FROM entries WHERE number = ?", (number,))
    return attribution in (Attribution.COMPUTED, Attribution.REPLACED)


def _move(
    tx: Transaction, number: int, subject: SubjectId | None, attribution: Attribution
) -> None:
    """Make an entry another's, or nobody's."""
    owe(tx, number, Wrong.PERSON)
    tx.db.run("UPDATE entries SET attribution = ? WHERE number = ?", (attribution, number))
    entry_rows.give(tx.db, tx.keys, number, subject)
    of_entry.reassigned(tx, number, subject)


def _found(
    tx: Transaction,
    found: dict[tuple[int, ReadingId], tuple[SubjectId | None, Attribution]],
) -> None:
    """Take down whose entries of nobody are."""
    by_subject: defaultdict[str, list[str]] = defaultdict(list)
    for (number, entry), (subject, attribution) in found.items():
        tx.db.run("UPDATE entries SET attribution = ? WHERE number = ?", (attribution, number))
        if subject is not None:
            entry_rows.give(tx.db, tx.keys, number, subject)
            of_entry.attributed(tx, number, subject)
            by_subject[subject].append(entry)
    if by_subject:
        audit.append(tx, audit.Audited.ATTRIBUTED, {"entries": dict(by_subject)})
