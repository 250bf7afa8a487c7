"""Whose an entry is: found by its time, said by a person, and found anew when either changes.

What is said of a device may change whose years of readings are. They are marked in the transaction
that says it. From then on each is looked at before it may leave, and all are, `AT_ONCE` in one
transaction, so that recording goes on. What a crash leaves marked is looked at by the next start.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gateway.domain.correction import Wrong
from gateway.domain.entry import Entry
from gateway.domain.identity import ReadingId
from gateway.domain.subject import Attribution, SubjectId
from gateway.errors import JournalError, Unreadable
from gateway.journal import audit, entry_rows, of_entry, people
from gateway.journal.assignments import assignments_of, whose
from gateway.journal.corrections import owe
from gateway.journal.database import Database
from gateway.journal.writer import Transaction

AT_ONCE = 250
"""Entries looked at again in one transaction, so that recording is never held up long."""
Found = tuple[int, int, Entry]
"""An entry, with its number before it and its device's."""
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
    number, owner = _looked_at(tx, entry)
    if owner == subject:
        return
    if owner is not None:
        raise JournalError("that entry is already another person's: reassign it instead")
    _found(tx, {(number, entry): (subject, Attribution.CLAIM)})


def reassign(tx: Transaction, entry: ReadingId, subject: SubjectId) -> None:
    """Make someone's entry another's; what was sent of it becomes a correction owed there."""
    people.require(tx.db, subject)
    number, owner = _looked_at(tx, entry)
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
    number, owner = _looked_at(tx, entry)
    audit.append(tx, audit.Audited.DISMISSED, {"from": owner or "", "entries": [entry]})
    _move(tx, number, None, Attribution.DISMISSED)


def mark(tx: Transaction, which: str, bindings: Sequence[Any]) -> None:
    """Have entries looked at again, those that a query names by their numbers."""
    tx.db.run(f"INSERT OR IGNORE INTO looked_at_again (entry) {which}", bindings)


def mark_unclaimed(tx: Transaction, device: int) -> None:
    """Have the entries of nobody from this device looked at again."""
    mark(
        tx,
        "SELECT number FROM entries WHERE device = ? AND subject IS NULL AND attribution != ?",
        (device, Attribution.DISMISSED),
    )


def look_at_some(tx: Transaction) -> bool:
    """Look at some of what is marked and is not on its way; return whether there may be more."""
    some = tx.db.rows(
        "SELECT entry FROM looked_at_again AS marked WHERE NOT EXISTS"
        " (SELECT 1 FROM deliveries WHERE entry = marked.entry AND state = 'sending')"
        " ORDER BY entry LIMIT ?",
        (AT_ONCE,),
    )
    look_again(tx, whole(tx, [number for (number,) in some]))
    return len(some) == AT_ONCE


def look_first(tx: Transaction, number: int) -> bool:
    """Look at an entry if it is marked, before it leaves; return whether it was."""
    if not _is_marked(tx.db, number):
        return False
    look_at(tx, number)
    return True


def came_back(tx: Transaction, entry: ReadingId) -> None:
    """Look at an entry that could not be looked at while it was on its way."""
    number, _ = _owner(tx.db, entry)
    look_first(tx, number)


def look_at(tx: Transaction, number: int) -> None:
    """Say anew whose an entry is, its time being another; what a person said of it stands."""
    look_again(tx, whole(tx, [number]))


def whole(tx: Transaction, numbers: Iterable[int]) -> Iterator[Found]:
    """Yield these entries; one that cannot be read stays whose it is: it is seen and sent by none.

    It is marked no more.
    """
    for number in numbers:
        row = tx.db.one("SELECT * FROM whole_entries WHERE number = ?", (number,))
        try:
            yield number, row[entry_rows.WIDTH + 1], entry_rows.from_row(row, tx.keys)
        except Unreadable:
            _unmark(tx, number)


def look_again(tx: Transaction, those: Iterable[Found]) -> None:
    """Say anew whose these entries are; what a person said of one stands. They are marked no more.

    One that is on its way is, until it comes back: it is so with its person.
    """
    found: dict[tuple[int, ReadingId], tuple[SubjectId | None, Attribution]] = {}
    moved: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for number, device, entry in those:
        _unmark(tx, number)
        if entry.attribution in STANDING:
            continue
        if of_entry.is_leaving(tx.db, number):
            mark(tx, "SELECT ?", (number,))
            continue
        answer = whose(tx.db, assignments_of(tx, device), entry.reading, entry.timing)
        if entry.subject is None:
            if answer != (None, entry.attribution):
                found[number, entry.id] = answer
        elif answer[0] != entry.subject:
            moved[entry.subject, answer[0] or ""].append(entry.id)
            _move(tx, number, *answer)
    for (before, after), entries in moved.items():
        manifest: audit.Manifest = {"from": before, "to": after, "entries": entries}
        audit.append(tx, audit.Audited.REASSIGNED, manifest)
    _found(tx, found)


def _is_marked(db: Database, number: int) -> bool:
    return db.row("SELECT 1 FROM looked_at_again WHERE entry = ?", (number,)) is not None


def _unmark(tx: Transaction, number: int) -> None:
    tx.db.run("DELETE FROM looked_at_again WHERE entry = ?", (number,))


def _owner(db: Database, entry: ReadingId) -> tuple[int, SubjectId | None]:
    row = db.row("SELECT number, subject FROM entries WHERE id = ?", (entry_rows.to_blob(entry),))
    if row is None:
        raise JournalError("the journal has no such entry")
    number, owner = row
    return number, owner


def _looked_at(tx: Transaction, entry: ReadingId) -> tuple[int, SubjectId | None]:
    """Return the entry's number and whose it is, once all that was said of it is heeded."""
    number, owner = _owner(tx.db, entry)
    return _owner(tx.db, entry) if look_first(tx, number) else (number, owner)


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
