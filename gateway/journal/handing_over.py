"""Saying anew whom a device measured in a period that is over.

Readings follow assignments: what was said of the device before is cut where it was wrong, and whose
each reading is follows as if it had been said rightly from the start, also of what the device tells
later. What a person said of a single reading stands. All of it is one transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.domain.entry import Entry
from gateway.domain.subject import Assignment, Attribution, SubjectId
from gateway.errors import JournalError, Unreadable
from gateway.journal import (
    assigning,
    assignments,
    attribution,
    devices,
    entry_rows,
    of_entry,
    people,
)
from gateway.journal.instants import to_us
from gateway.journal.views import Handover
from gateway.journal.writer import Transaction

_SAID = (Attribution.CLAIM, Attribution.DISMISSED)


@dataclass(frozen=True, slots=True)
class _Change:
    """An entry, by its number, that is not whose it was."""

    number: int
    before: SubjectId | None
    subject: SubjectId | None


def foresee(tx: Transaction, new: Assignment) -> Handover:
    """Say what `hand_over` would do now, and do nothing. Raises as it does."""
    _, done = _looked(tx, new, _checked(tx, new))
    return done


def hand_over(tx: Transaction, new: Assignment) -> Handover:
    """Keep that the device measured the subject in that period, whatever was said before.

    What was sent of another's becomes a correction owed there; what is on its way follows once it
    is known what came of it. Raises JournalError for somebody who is not here, and where a turn at
    a kiosk lies in the period.
    """
    device = _checked(tx, new)
    changes, done = _looked(tx, new, device)
    assigning.cut(tx, device, new)
    for each in changes:
        attribution.look_again(tx, each.number)
    return done


def _checked(tx: Transaction, new: Assignment) -> int:
    """Return the device's number."""
    people.require(tx.db, new.subject)
    if new.until is None or new.until <= new.since:
        raise ValueError("a period that is over has an end, after its beginning")
    device = devices.number_of(tx, new.device)
    made = assignments.assignments_of(tx, device)
    if any(each.session is not None and each.overlaps(new) for each in made):
        raise JournalError(
            "the device was used at the counter then: say of each reading whose it is"
        )
    return device


def _looked(tx: Transaction, new: Assignment, device: int) -> tuple[list[_Change], Handover]:
    """Return the entries that are another's then, or nobody's, or somebody's at last; and count."""
    made = assignments.assignments_of(tx, device)
    then = (*(part for each in made for part in each.without(new)), new)
    changes, standing = [], 0
    for number, entry in _entries(tx, new, device):
        if entry.attribution in attribution.STANDING:
            standing += _stands(entry, new)
            continue
        answer = assignments.whose(tx.db, then, entry.reading, entry.timing)
        if answer[0] != entry.subject or (answer[0] is None and answer[1] != entry.attribution):
            changes.append(_Change(number, entry.subject, answer[0]))
    lost = [each.number for each in changes if each.before is not None]
    return changes, Handover(
        readings=sum(each.subject == new.subject for each in changes),
        unsure=sum(each.subject is None and each.before is not None for each in changes),
        standing=standing,
        there=Counter(at for number in lost for at in of_entry.may_be_at(tx.db, number)),
    )


def _entries(tx: Transaction, new: Assignment, device: int) -> Iterator[tuple[int, Entry]]:
    """Yield the entries of the device that may have been measured in the period."""
    until_us = None if new.until is None else to_us(new.until)
    for row in tx.db.rows(
        "SELECT * FROM whole_entries AS e WHERE device = ? AND EXISTS (SELECT 1 FROM timings"
        " WHERE entry = e.number AND step = (SELECT max(step) FROM timings WHERE entry = e.number)"
        " AND ? <= measured_us + uncertainty_us AND measured_us - uncertainty_us < ?)",
        (device, to_us(new.since), until_us),
    ):
        try:
            yield row[entry_rows.WIDTH], entry_rows.from_row(row, tx.keys)
        except Unreadable:
            continue


def _stands(entry: Entry, new: Assignment) -> bool:
    earliest, latest = entry.timing.earliest, entry.timing.latest
    inside = (
        earliest is not None
        and latest is not None
        and all(new.covers(new.device, entry.reading.slot, at) for at in (earliest, latest))
    )
    return inside and entry.attribution in _SAID and entry.subject != new.subject
