"""Saying which device measures whom, from when to when."""

from __future__ import annotations

from datetime import datetime

from gateway.domain.subject import Assignment, Attribution
from gateway.errors import JournalError
from gateway.journal import assignments, attribution, audit, devices, people
from gateway.journal.instants import to_us
from gateway.journal.writer import Transaction


def assign(tx: Transaction, assignment: Assignment) -> None:
    """Keep the assignment; entries of nobody that it may cover are marked to be looked at again.

    A turn at a kiosk begins now: nothing that is here already was measured in it.
    """
    device = devices.number_of(tx, assignment.device)
    people.require(tx.db, assignment.subject)
    if assignment.until is not None and assignment.until <= assignment.since:
        raise ValueError("an assignment ends after it begins")
    _keep(tx, device, assignment)
    if assignment.session is None:
        attribution.mark_unclaimed(tx, device)


def cut(tx: Transaction, device: int, new: Assignment) -> None:
    """Keep an assignment of the device, by its number, instead of what was said of its period.

    Whose the entries are then is for the caller to say.
    """
    for number, made in assignments.numbered(tx, device):
        parts = made.without(new)
        if parts == (made,):
            continue
        tx.db.run("DELETE FROM assignments WHERE number = ?", (number,))
        ended = made.model_copy(update={"until": max(made.since, new.since)})
        audit.append(tx, audit.Audited.ASSIGNMENT_ENDED, _manifest(device, ended))
        for part in parts:
            _keep(tx, device, part)
    _keep(tx, device, new)


def end_assignment(tx: Transaction, assignment: Assignment, until: datetime) -> Assignment:
    """Let the assignment end.

    Its entries that were, or may have been, measured later are marked to be looked at again, and so
    are those that nobody could be given.
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
    attribution.mark(
        tx,
        "SELECT number FROM entries AS e WHERE device = ? AND subject = ? AND attribution = ?"
        " AND ? <= (SELECT measured_us + uncertainty_us FROM timings WHERE entry = e.number"
        " ORDER BY step DESC LIMIT 1)",
        (device, assignment.subject, Attribution.ASSIGNMENT, to_us(until)),
    )
    # What could have been somebody else's is so no longer.
    attribution.mark_unclaimed(tx, device)
    return ended


def _keep(tx: Transaction, device: int, assignment: Assignment) -> None:
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


def _manifest(device: int, assignment: Assignment) -> audit.Manifest:
    return {
        "device": device,
        "subject": assignment.subject,
        "since": assignment.since.isoformat(),
        "until": "" if assignment.until is None else assignment.until.isoformat(),
    }
