"""People: subjects, which device measures whom, and whose the readings are."""

from __future__ import annotations

import secrets
from collections import defaultdict
from datetime import datetime

from gateway.domain.correction import Wrong
from gateway.domain.device_time import Timing
from gateway.domain.identity import ReadingId
from gateway.domain.reading import Reading
from gateway.domain.subject import Assignment, Attribution, Subject, SubjectId, attribute
from gateway.errors import JournalError, Unreadable
from gateway.journal import audit, boots, devices, entry_rows, outbox
from gateway.journal.corrections import owe
from gateway.journal.database import Database, Row
from gateway.journal.instants import from_us, to_us
from gateway.journal.keys import Keyring
from gateway.journal.writer import Transaction

_ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # no letter that is read as a digit
_STANDING = (
    Attribution.CLAIM,
    Attribution.COMPUTED,
    Attribution.REPLACED,
    Attribution.DISMISSED,
)
"""What does not follow from the time of a reading."""
_ID_LENGTH = 8  # 40 bits: ids of one hub never meet, and nobody guesses one


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


def assign(tx: Transaction, assignment: Assignment) -> list[ReadingId]:
    """Keep the assignment; return the entries of nobody that became its subject's by it.

    A turn at a kiosk begins now: nothing that is here already was measured in it.
    """
    device = devices.number_of(tx, assignment.device)
    require(tx.db, assignment.subject)
    if assignment.until is not None and assignment.until <= assignment.since:
        raise ValueError("an assignment ends after it begins")
    until_us = None if assignment.until is None else to_us(assignment.until)
    tx.db.run(
        "INSERT INTO assignments (device, slot, subject, since_us, until_us, session)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            device,
            assignment.slot,
            assignment.subject,
            to_us(assignment.since),
            until_us,
            assignment.session,
        ),
    )
    tx.memory.assignments.pop(device, None)
    audit.append(tx, audit.Audited.ASSIGNED, _manifest(device, assignment))
    if assignment.session is not None:
        return []
    return _attribute_unclaimed(tx, device)


def end_assignment(tx: Transaction, assignment: Assignment, until: datetime) -> Assignment:
    """Let the assignment end.

    Whose its entries are that were, or may have been, measured later is said anew, and so of those
    that nobody could be given; what a person said of an entry stands.
    """
    device = devices.number_of(tx, assignment.device)
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
    for (number,) in tx.db.rows(
        "SELECT number FROM entries AS e WHERE device = ? AND subject = ? AND attribution = ?"
        " AND ? <= (SELECT measured_us + uncertainty_us FROM timings WHERE entry = e.number"
        " ORDER BY step DESC LIMIT 1)",
        (device, assignment.subject, Attribution.ASSIGNMENT, to_us(until)),
    ):
        look_again(tx, number)
    _attribute_unclaimed(tx, device)  # what could have been somebody else's is so no longer
    return ended


def assignments_of(tx: Transaction, device: int) -> tuple[Assignment, ...]:
    """Return the assignments of one device, by its number here, in the order they were made."""
    remembered = tx.memory.assignments.get(device)
    if remembered is None:
        rows = tx.db.rows(
            "SELECT device, details, slot, subject, since_us, until_us, session"
            " FROM assignments AS a"
            " JOIN devices AS d ON d.number = a.device WHERE device = ? ORDER BY a.number",
            (device,),
        )
        made = tuple(assignment(row, tx.keys) for row in rows)
        remembered = tx.memory.assignments[device] = made
    return remembered


def assignment(row: Row, keys: Keyring) -> Assignment:
    """Make an assignment of a row: device, its details, slot, subject, since, until, session."""
    number, details, slot, subject, since_us, until_us, session = row
    return Assignment(
        device=devices.shown(keys, number, details).id,
        slot=slot,
        subject=SubjectId(subject),
        since=from_us(since_us),
        until=None if until_us is None else from_us(until_us),
        session=session,
    )


def whose(
    db: Database, assignments: tuple[Assignment, ...], reading: Reading, timing: Timing
) -> tuple[SubjectId | None, Attribution]:
    """Say whose a reading is; without a known time no assignment can be said to cover it.

    Its uncertainty reaches as far ahead as back, but it was measured before it was received.
    """
    earliest, latest = timing.earliest, timing.latest
    if earliest is None or latest is None:
        return None, Attribution.UNCLAIMED
    answer = attribute(assignments, reading.device, reading.slot, earliest, latest)
    if answer[1] is not Attribution.AMBIGUOUS:
        return answer
    received = boots.latest(db, reading.received)
    if received is None or received >= latest:
        return answer
    return attribute(assignments, reading.device, reading.slot, earliest, received)


def claim(tx: Transaction, entry: ReadingId, subject: SubjectId) -> None:
    """Make an entry of nobody the subject's, its time and content untouched.

    Repeating a claim is no news; an entry that is already someone else's is not given away.
    """
    require(tx.db, subject)
    number, owner = _owner(tx.db, entry)
    if owner == subject:
        return
    if owner is not None:
        raise JournalError("that entry is already another person's: reassign it instead")
    _found(tx, {(number, entry): (subject, Attribution.CLAIM)})


def reassign(tx: Transaction, entry: ReadingId, subject: SubjectId) -> None:
    """Make someone's entry another's; what was sent of it becomes a correction owed there."""
    require(tx.db, subject)
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
    if entry.attribution in _STANDING:
        return
    if outbox.is_leaving(tx.db, number):  # with its person: what comes of it is waited for
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


def _owner(db: Database, entry: ReadingId) -> tuple[int, SubjectId | None]:
    row = db.row("SELECT number, subject FROM entries WHERE id = ?", (entry_rows.to_blob(entry),))
    if row is None:
        raise JournalError("the journal has no such entry")
    number, owner = row
    return number, owner


def _is_computed(db: Database, number: int) -> bool:
    (attribution,) = db.one("SELECT attribution FROM entries WHERE number = ?", (number,))
    return attribution in (Attribution.COMPUTED, Attribution.REPLACED)


def _attribute_unclaimed(tx: Transaction, device: int) -> list[ReadingId]:
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
    return [entry for (_, entry), (subject, _) in found.items() if subject is not None]


def _move(
    tx: Transaction, number: int, subject: SubjectId | None, attribution: Attribution
) -> None:
    """Make an entry another's, or nobody's."""
    owe(tx, number, Wrong.PERSON)
    tx.db.run("UPDATE entries SET attribution = ? WHERE number = ?", (attribution, number))
    entry_rows.give(tx.db, tx.keys, number, subject)
    outbox.reassigned(tx, number, subject)


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
