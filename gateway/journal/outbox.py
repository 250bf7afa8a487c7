"""The outbox: what is still owed to whom. Everything that moves a delivery is in this file.

Each delivery, one entry to one destination, is in one state; `states.py` says where each event
takes it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from gateway.consent.gate import Reason, Released
from gateway.domain.device_time import SENDABLE_WITHIN
from gateway.domain.identity import ReadingId
from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId
from gateway.errors import JournalError
from gateway.journal import audit, entry_rows
from gateway.journal.database import Database
from gateway.journal.instants import span_us, to_us
from gateway.journal.states import Event, State, after, state_of
from gateway.journal.writer import Transaction

REPLACED = "replaced"
"""The reason of a delivery that was dropped because its entry was computed anew."""
LONGEST_WAIT = timedelta(days=2)
"""No destination is waited for longer than a day; what is due later a wrong clock has put off."""
AT_ONCE_US = 0
"""Due since for ever: a hub whose clock was ahead when it queued this must not wait for years."""

_AT_ONCE = 1000  # deliveries held, and named in one link of the chain

_NEW = (
    "INSERT INTO deliveries"
    " (entry, destination, subject, state, reason, may_have_arrived, due_us, changed_us)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class Owed:
    """One delivery as stored."""

    entry: int
    id: ReadingId
    destination: str
    state: State
    may_have_arrived: bool


def move(
    tx: Transaction,
    owed: Owed,
    event: Event,
    *,
    reason: str | None = None,
    due_us: int = AT_ONCE_US,
    may_have_arrived: bool | None = None,
    reference: str | None = None,
) -> State:
    """Let the event happen to the delivery. The one place that changes a state.

    `may_have_arrived` stays as it was if None. A dropped delivery keeps the reason of its dropping.
    """
    uncertain = owed.may_have_arrived if may_have_arrived is None else may_have_arrived
    to = after(owed.state, event, may_have_arrived=uncertain)
    tx.db.run(
        "UPDATE deliveries SET state = ?, due_us = ?, attempts = attempts + ?,"
        " reason = CASE state WHEN 'dropped' THEN reason ELSE ? END,"
        " may_have_arrived = ?, changed_us = ?, reference = ifnull(?, reference)"
        " WHERE entry = ? AND destination = ?",
        (
            to,
            due_us,
            int(event is Event.RELEASED),
            reason,
            int(uncertain and to is not State.SETTLED),
            tx.now_us,
            reference,
            owed.entry,
            owed.destination,
        ),
    )
    if to in (State.DUE, State.UNSETTLED):
        tx.due.add(owed.destination)
        to_be_asked(tx, owed.destination, [owed.entry])
    return to


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


def to_be_asked(tx: Transaction, destination: str, entries: Iterable[int]) -> None:
    """Have the gate asked, after the commit, about these entries as far as they are due there."""
    unasked = tx.memory.unasked
    if unasked is not None and destination in unasked:
        unasked[destination] += entries


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
    return _owed(db, which, (entry, destination))


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
    _audit_one(tx, audit.Audited.SETTLED, owed)


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
    _audit_one(tx, audit.Audited.POSTPONED, owed)


def unsettle(tx: Transaction, released: Released, due_at: datetime, why: str) -> None:
    """Take down that it may have arrived: to be searched for then."""
    owed = _of(tx.db, released)
    move(tx, owed, Event.OUTCOME_UNKNOWN, reason=why, due_us=to_us(due_at), may_have_arrived=True)
    _audit_one(tx, audit.Audited.UNSETTLED, owed)


def park(tx: Transaction, released: Released, reason: str) -> None:
    """Take down that it is never taken as it is; an operator may have it tried again."""
    owed = _of(tx.db, released)
    move(tx, owed, Event.REJECTED, reason=reason)
    _audit_one(tx, audit.Audited.PARKED, owed)


def refuse(tx: Transaction, released: Released) -> None:
    """Take down that the destination refuses the person: all of theirs waits for a new grant."""
    mine = _of(tx.db, released)
    which = "destination = ? AND state IN ('due', 'unsettled') AND whose = ?"
    queued = _each(tx, which, (mine.destination, released.subject), audit.Audited.REFUSED)
    for owed in chain([mine], queued):
        move(tx, owed, Event.REFUSED, reason=Reason.REFUSED_THERE)
    _audit_one(tx, audit.Audited.REFUSED, mine)


def retry_parked(
    tx: Transaction, destination: str | None = None, entry: ReadingId | None = None
) -> int:
    """Make parked deliveries due again, all or those named; return how many."""
    which = "state = 'parked' AND (?1 IS NULL OR destination = ?1) AND (?2 IS NULL OR id = ?2)"
    those = (destination, None if entry is None else entry_rows.to_blob(entry))
    retried = 0
    for owed in _each(tx, which, those, audit.Audited.RECONSIDERED):
        move(tx, owed, Event.RETRIED)
        retried += 1
    return retried


def reconsider(tx: Transaction, subject: SubjectId, destination: str) -> None:
    """Ask the gate again about all that is withheld of the subject there."""
    which = "destination = ? AND state = 'withheld' AND whose = ?"
    for owed in _each(tx, which, (destination, subject), audit.Audited.RECONSIDERED):
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
    for owed in _each(tx, which, those, audit.Audited.RECONSIDERED):
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


def attributed(tx: Transaction, entry: int, subject: SubjectId) -> None:
    """Take down whose the entry is now, and ask the gate again about its deliveries."""
    tx.db.run("UPDATE deliveries SET subject = ? WHERE entry = ?", (subject, entry))
    for owed in _doubted_of(tx.db, entry, subject):
        if owed.may_have_arrived:
            move(tx, owed, Event.REASSIGNED)
    timed(tx, entry)


def reassigned(tx: Transaction, entry: int, subject: SubjectId | None) -> None:
    """Begin the entry's deliveries anew, for another person or nobody.

    What the person before was sent is not what this one was: no doubt of it is carried over. What
    this one was, while it counted as theirs, may still be there. Raises JournalError while the
    entry is on its way.
    """
    if is_leaving(tx.db, entry):
        raise JournalError("that reading is being sent right now: try again in a minute")
    for owed in _doubted_of(tx.db, entry, subject):
        move(tx, owed, Event.REASSIGNED)
    tx.db.run(
        "UPDATE deliveries SET subject = ?, reference = NULL WHERE entry = ?", (subject, entry)
    )


def _doubted_of(db: Database, entry: int, subject: SubjectId | None) -> list[Owed]:
    """Return the entry's deliveries; each may have arrived if a correction is or was owed there.

    That is, if the subject had it there, or may have had it, before it became another's.
    """
    return _found(
        db,
        "SELECT d.entry, id, d.destination, state, EXISTS (SELECT 1 FROM corrections_owed AS c"
        " WHERE c.entry = d.entry AND c.destination = d.destination AND c.subject = ?"
        " AND wrong = 'person') FROM deliveries AS d JOIN entries AS e ON e.number = d.entry"
        " WHERE d.entry = ?",
        (subject, entry),
    )


def is_leaving(db: Database, entry: int) -> bool:
    """Tell whether the entry is on its way somewhere."""
    sql = "SELECT 1 FROM deliveries WHERE entry = ? AND state = 'sending'"
    return db.row(sql, (entry,)) is not None


def may_be_at(db: Database, entry: int) -> list[str]:
    """Return the destinations that have the entry, or may have it."""
    rows = db.rows(
        "SELECT destination FROM deliveries WHERE entry = ?"
        " AND (state = 'settled' OR may_have_arrived)",
        (entry,),
    )
    return [destination for (destination,) in rows]


def has_left(db: Database, entry: int) -> bool:
    """Tell whether some destination has the entry, or may have it."""
    return bool(may_be_at(db, entry))


def replaced(tx: Transaction, entry: int) -> None:
    """Drop the deliveries of an entry that was computed anew and never left."""
    queued = _owed(tx.db, "entry = ?", (entry,))
    for owed in queued:
        move(tx, owed, Event.REPLACED, reason=REPLACED)
    _audit_many(tx, audit.Audited.REPLACED, queued)


def timed(tx: Transaction, entry: int) -> None:
    """Ask the gate again about the entry's deliveries: more is known of it."""
    for owed in _owed(tx.db, "entry = ?", (entry,)):
        if owed.state is State.WITHHELD:
            move(tx, owed, Event.RECONSIDERED)
        to_be_asked(tx, owed.destination, [entry])


def drop(tx: Transaction, subject: SubjectId, destination: str) -> int:
    """Drop all that is still owed of the subject there; return how many deliveries that were.

    One that is on its way is dropped too, and marked: it may have arrived.
    """
    dropped = 0
    which = "destination = ? AND whose = ?"
    for owed in _each(tx, which, (destination, subject), audit.Audited.DROPPED):
        leaving = True if owed.state is State.SENDING else None
        move(tx, owed, Event.WITHDRAWN, reason=Reason.WITHDRAWN, may_have_arrived=leaving)
        dropped += 1
    return dropped


def restart(tx: Transaction) -> int:
    """Settle accounts at start: whatever was on its way may have arrived. Return how many."""
    sending = _owed(tx.db, "state = 'sending'")
    for owed in sending:
        move(tx, owed, Event.RESTARTED, may_have_arrived=True)
    _audit_many(tx, audit.Audited.UNSETTLED, sending)
    return len(sending)


def restored(tx: Transaction) -> None:
    """Doubt everything that a backup had not settled: it may have been sent since it was made."""
    tx.db.run(
        "UPDATE deliveries SET may_have_arrived = 1, changed_us = ?,"
        " state = CASE state WHEN 'due' THEN 'unsettled' ELSE state END"
        " WHERE state NOT IN ('settled', 'dropped')",
        (tx.now_us,),
    )


def _each(
    tx: Transaction, which: str, bindings: Sequence[Any], event: audit.Audited
) -> Iterator[Owed]:
    """Yield the open deliveries that fulfil a condition, and audit what became of them.

    Whoever is given one sees to it that it fulfils it no longer: they are asked for some at a time,
    until there are none, for years of them would not fit into memory.
    """
    while some := _owed(tx.db, f"{which} LIMIT {_AT_ONCE}", bindings):
        yield from some
        _audit_many(tx, event, some)


def _owed(db: Database, which: str, bindings: Sequence[Any] = ()) -> list[Owed]:
    """Return the open deliveries that fulfil a condition."""
    sql = f"SELECT entry, id, destination, state, may_have_arrived FROM owed WHERE {which}"  # noqa: S608
    return _found(db, sql, bindings)


def _found(db: Database, sql: str, bindings: Sequence[Any]) -> list[Owed]:
    return [
        Owed(number, entry_rows.from_blob(stored), destination, state_of(state), bool(uncertain))
        for number, stored, destination, state, uncertain in db.rows(sql, bindings)
    ]


def _of(db: Database, released: Released) -> Owed:
    """Return the delivery as stored. A release is good for one attempt: the latest."""
    delivery = released.delivery
    found = _found(
        db,
        "SELECT entry, id, destination, state, may_have_arrived FROM deliveries"
        " JOIN entries ON number = entry WHERE id = ? AND destination = ? AND attempts = ?",
        (entry_rows.to_blob(delivery.entry.id), delivery.destination, delivery.attempt),
    )
    if not found:
        raise JournalError("the outbox has no such delivery, or it was released again since")
    return found[0]


def _audit_one(tx: Transaction, event: audit.Audited, owed: Owed) -> None:
    audit.append(tx, event, {"destination": owed.destination, "entries": [owed.id]})


def _audit_many(tx: Transaction, event: audit.Audited, moved: Iterable[Owed]) -> None:
    entries: defaultdict[str, list[str]] = defaultdict(list)
    for owed in moved:
        entries[owed.destination].append(owed.id)
    for destination, ids in entries.items():
        audit.append(tx, event, {"destination": destination, "entries": ids})
