"""Saying anew whom a device measured in a period that is over.

Readings follow assignments: what was said of the device before is cut where it was wrong, and whose
each reading is follows as if it had been said rightly from the start, also of what the device tells
later. What a person said of a single reading stands. To say it is one transaction, with which every
reading that it is about is marked; to look at them takes several (attribution.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gateway.domain.entry import Entry
from gateway.domain.subject import Assignment, Attribution
from gateway.errors import JournalError
from gateway.journal import assigning, assignments, attribution, devices, of_entry, people
from gateway.journal.attribution import Found
from gateway.journal.instants import to_us
from gateway.journal.views import Handover
from gateway.journal.writer import Transaction

_SAID = (Attribution.CLAIM, Attribution.DISMISSED)
_PERHAPS_THEN = (
    "SELECT number FROM entries AS e WHERE device = ? AND EXISTS (SELECT 1 FROM timings"
    " WHERE entry = e.number AND step = (SELECT max(step) FROM timings WHERE entry = e.number)"
    " AND ? <= measured_us + uncertainty_us AND measured_us - uncertainty_us < ?)"
)
"""The entries of a device that may have been measured in a period."""


def say(tx: Transaction, new: Assignment) -> None:
    """Keep that the device measured the subject in that period, whatever was said before.

    Raises JournalError for somebody who is not here, and where a turn at a kiosk lies in it.
    """
    device = _checked(tx, new)
    assigning.cut(tx, device, new)
    attribution.mark(tx, _PERHAPS_THEN, _bindings(device, new))


def some(
    tx: Transaction, new: Assignment, *, after: int, only_look: bool
) -> tuple[Handover, int | None]:
    """Look at some of the readings that it is about, behind an entry; say what that does.

    What was sent of another's becomes a correction owed there; what is on its way follows once it
    is known what came of it. With `only_look` nothing is done. Returns also behind which entry to
    go on, None at the end. Raises JournalError as `say`.
    """
    device = _checked(tx, new)
    numbers = [
        number
        for (number,) in tx.db.rows(
            f"{_PERHAPS_THEN} AND number > ? ORDER BY number LIMIT ?",
            (*_bindings(device, new), after, attribution.AT_ONCE),
        )
    ]
    found = list(attribution.whole(tx, numbers))
    done = _foreseen(tx, new, device, found)
    if not only_look:
        attribution.look_again(tx, found)
    return done, numbers[-1] if len(numbers) == attribution.AT_ONCE else None


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


def _bindings(device: int, period: Assignment) -> tuple[int, int, int | None]:
    until_us = None if period.until is None else to_us(period.until)
    return device, to_us(period.since), until_us


def _foreseen(tx: Transaction, new: Assignment, device: int, found: Sequence[Found]) -> Handover:
    """Count which of these entries become another's then, or nobody's, or somebody's at last."""
    made = assignments.assignments_of(tx, device)
    then = (*(part for each in made for part in each.without(new)), new)
    readings = unsure = standing = 0
    there: Counter[str] = Counter()
    for number, _, entry in found:
        if entry.attribution in attribution.STANDING:
            standing += _stands(entry, new)
            continue
        subject, _ = assignments.whose(tx.db, then, entry.reading, entry.timing)
        if subject == entry.subject:
            continue
        readings += subject == new.subject
        if entry.subject is not None:
            unsure += subject is None
            there.update(of_entry.may_be_at(tx.db, number))
    return Handover(readings, unsure, standing, there)


def _stands(entry: Entry, new: Assignment) -> bool:
    earliest, latest = entry.timing.earliest, entry.timing.latest
    inside = (
        earliest is not None
        and latest is not None
        and all(new.covers(new.device, entry.reading.slot, at) for at in (earliest, latest))
    )
    return inside and entry.attribution in _SAID and entry.subject != new.subject
