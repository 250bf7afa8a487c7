"""The outbox: what is still owed to whom, and what happens to it.

Each delivery, one entry to one destination, is in one state; `states.py` says where each event
takes it, and `moving.py` takes it there.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import chain

from gateway.consent.gate import Reason, Released
from gateway.domain.device_time import SENDABLE_WITHIN
from gateway.domain.identity import ReadingId
from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId
from gateway.errors import JournalError
from gateway.journal import audit, entry_rows
from gateway.journal.database import Database
from gateway.journal.instants import span_us, to_us
from gateway.journal.moving import (
    AT_ONCE_US,
    Owed,
    audit_moved,
    each_where,
    move,
    owed_where,
    read,
)
from gateway.journal.states import Event, State
from gateway.journal.writer import Transaction

LONGEST_WAIT = timedelta(days=2)
"""No destination is waited for longer than a day; what is due later a wrong clock has put off."""

AT_ONCE = 1000
"""Parked deliveries made due in one transaction, so that recording is never held up long."""
_NEW = (
    "INSERT INTO deliveries"
    " (entry, destination, subject, state, reason, may_have_arrived, due_us, changed_us)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


def enqueue(
    tx: Transaction,
    destination: str,
    entries: Iterable[tuple[int, SubjectId | None, int, Reason | None]],
) -> None:
    """Queue entries at a destination, those with a reason withheld.

    Each is given by its number, its subject, and when it was measured (us). What was measured
    before a backup was restored, or damage salvaged, may have been recorded before, and sent, and
    have come out of its device again: it is searched for first.
    """
    doubted_before_us = _doubted_before_us(tx)
    rows = []
    for number, subject, measured_us, reason in entries:
        doubted = measured_us < doubted_before_us
        state = State.UNSETTLED if doubted else State.DUE
        if reason is None:
            tx.due.add(destination)
        else:
            state = State.WITHHELD
        rows.append(
            (number, destination, subject, state, reason, int(doubted), AT_ONCE_US, tx.now_us)
        )
    if rows:
        tx.db.insert_many(_NEW, rows)


def due(db: Database, destination: str) -> list[int]:
    """Return the numbers of the entries that are due there, in order."""
    return [
        number
        for (number,) in db.rows(
            "SELECT entry FROM deliveries WHERE destination = ? AND state IN ('due', 'unsettled')"
            " AND state NOT IN ('settled', 'dropped') ORDER BY entry",
            (destination,),
        )
    ]


def due_of(db: Database, entry: int, destination: str) -> list[Owed]:
    """Return the entry's delivery there if it is due."""
    which = "entry = ? AND destination = ? AND state IN ('due', 'unsettled')"
    return owed_where(db, which, (entry, destination))


def gone_back_us(db: Database) -> int | None:
    """Return when last a backup was restored, or damage salvaged, if ever; it reads all links."""
    (at_us,) = db.one(
        "SELECT max(recorded_us) FROM audit WHERE event IN (?, ?)",
        (audit.Audited.RESTORED, audit.Audited.SALVAGED),
    )
    return None if at_us is None else int(at_us)


def _doubted_before_us(tx: Transaction) -> int:
    if tx.memory.doubted_before_us is None:
        at_us = gone_back_us(tx.db)
        # A time that is sent may be off by so much.
        tx.memory.doubted_before_us = 0 if at_us is None else at_us + span_us(SENDABLE_WITHIN)
    return tx.memory.doubted_before_us


def settle(tx: Transaction, released: Released, receipt: Receipt) -> None:
    """Take down that the destination has it."""
    owed = _of(tx.db, released)
    move(tx, owed, Event.RECEIVED, reference=receipt.reference)
    audit_moved(tx, audit.Audited.SETTLED, [owed])


def retry_at(tx: Transaction, released: Released, due_at: datetime, why: str) -> None:
    """Take down that nothing arrived: to be tried then; what was unsettled before stays so."""
    owed = _of(tx.db, released)
    move(
        tx,
        owed,
        Event.UNAVAILABLE,
        reason=why,
        due_us=to_us(due_at),
        may_have_arrived=released.delivery.unsettled,
    )
    audit_moved(tx, audit.Audited.POSTPONED, [owed])


def unsettle(tx: Transaction, released: Released, due_at: datetime, why: str) -> None:
    """Take down that it may have arrived: to be searched for then."""
    owed = _of(tx.db, released)
    move(tx, owed, Event.OUTCOME_UNKNOWN, reason=why, due_us=to_us(due_at), may_have_arrived=True)
    audit_moved(tx, audit.Audited.UNSETTLED, [owed])


def park(tx: Transaction, released: Released, reason: str) -> None:
    """Take down that it is never taken as it is; an operator may have it tried again."""
    owed = _of(tx.db, released)
    move(tx, owed, Event.REJECTED, reason=reason)
    audit_moved(tx, audit.Audited.PARKED, [owed])


def refuse(tx: Transaction, released: Released) -> None:
    """Take down that the destination refuses the person: all of theirs waits for a new grant."""
    mine = _of(tx.db, released)
    which = "destination = ? AND state IN ('due', 'unsettled') AND whose = ?"
    queued = each_where(tx, which, (mine.destination, released.subject), audit.Audited.REFUSED)
    for owed in chain([mine], queued):
        move(tx, owed, Event.REFUSED, reason=Reason.REFUSED_THERE)
    audit_moved(tx, audit.Audited.REFUSED, [mine])


def retry_parked(
    tx: Transaction, destination: str | None = None, entry: ReadingId | None = None
) -> int:
    """Make some parked deliveries due again, of all or of those named; return how many.

    Where that is `AT_ONCE`, there may be more.
    """
    which = "state = 'parked' AND (?1 IS NULL OR destination = ?1) AND (?2 IS NULL OR id = ?2)"
    those = (destination, None if entry is None else entry_rows.to_blob(entry))
    some = owed_where(tx.db, f"{which} LIMIT {AT_ONCE}", those)
    for owed in some:
        move(tx, owed, Event.RETRIED)
    audit_moved(tx, audit.Audited.RECONSIDERED, some)
    return len(some)


def reconsider(tx: Transaction, subject: SubjectId, destination: str) -> None:
    """Ask the gate again about all that is withheld of the subject there."""
    which = "destination = ? AND state = 'withheld' AND whose = ?"
    for owed in each_where(tx, which, (destination, subject), audit.Audited.RECONSIDERED):
        move(tx, owed, Event.RECONSIDERED)


def reconsider_held_for(
    tx: Transaction,
    reason: Reason,
    subject: SubjectId,
    destination: str,
    or_since_after: datetime | None = None,
) -> None:
    """Ask the gate again about what is withheld of the subject there for this reason.

    Or, if a moment is given, since later than that, for whatever reason.
    """
    which = (
        "destination = ? AND state = 'withheld' AND whose = ? AND EXISTS"
        " (SELECT 1 FROM deliveries AS d"
        " WHERE (d.entry, d.destination) = (owed.entry, owed.destination)"
        " AND (d.reason = ? OR d.changed_us > ?))"
    )
    after_us = None if or_since_after is None else to_us(or_since_after)
    those = (destination, subject, reason, after_us)
    for owed in each_where(tx, which, those, audit.Audited.RECONSIDERED):
        move(tx, owed, Event.RECONSIDERED)


def hasten(tx: Transaction, subject: SubjectId, destination: str) -> None:
    """Let what waits of the subject there wait no longer: what it waited for has come."""
    tx.db.run(
        "UPDATE deliveries SET due_us = ? WHERE destination = ? AND subject = ?"
        " AND state IN ('due', 'unsettled')",
        (AT_ONCE_US, destination, subject),
    )
    tx.due.add(destination)


def bring_back(tx: Transaction, now: datetime) -> None:
    """Let nothing wait for a moment that a clock set that was far ahead; `now` is trusted."""
    late_us = to_us(now + LONGEST_WAIT)
    for destination, number in tx.db.rows(
        "SELECT destination, entry FROM owed WHERE state IN ('due', 'unsettled') AND due_us > ?",
        (late_us,),
    ):
        tx.db.run(
            "UPDATE deliveries SET due_us = ? WHERE entry = ? AND destination = ?",
            (AT_ONCE_US, number, destination),
        )
        tx.due.add(destination)


def drop(tx: Transaction, subject: SubjectId, destination: str) -> int:
    """Drop all that is still owed of the subject there; return how many deliveries that were.

    One that is on its way is dropped too, and marked: it may have arrived.
    """
    dropped = 0
    which = "destination = ? AND whose = ?"
    for owed in each_where(tx, which, (destination, subject), audit.Audited.DROPPED):
        leaving = True if owed.state is State.SENDING else None
        move(tx, owed, Event.WITHDRAWN, reason=Reason.WITHDRAWN, may_have_arrived=leaving)
        dropped += 1
    return dropped


def restart(tx: Transaction) -> int:
    """Settle accounts at start: whatever was on its way may have arrived. Return how many."""
    sending = owed_where(tx.db, "state = 'sending'")
    for owed in sending:
        move(tx, owed, Event.RESTARTED, may_have_arrived=True)
    audit_moved(tx, audit.Audited.UNSETTLED, sending)
    return len(sending)


def restored(tx: Transaction) -> None:
    """Doubt everything that a backup had not settled: it may have been sent since it was made."""
    tx.db.run(
        "UPDATE deliveries SET may_have_arrived = 1, changed_us = ?,"
        " state = CASE state WHEN 'due' THEN 'unsettled' ELSE state END"
        " WHERE state NOT IN ('settled', 'dropped')",
        (tx.now_us,),
    )


def _of(db: Database, released: Released) -> Owed:
    """Return the delivery as stored. A release is good for one attempt: the latest."""
    delivery = released.delivery
    found = read(
        db,
        "SELECT entry, id, destination, state, may_have_arrived FROM deliveries"
        " JOIN entries ON number = entry WHERE id = ? AND destination = ? AND attempts = ?",
        (entry_rows.to_blob(delivery.entry.id), delivery.destination, delivery.attempt),
    )
    if not found:
        raise JournalError("the outbox has no such delivery, or it was released again since")
    return found[0]
