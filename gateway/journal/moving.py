"""Moving deliveries: how they are found, and the one place that changes their state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.domain.identity import ReadingId
from gateway.journal import audit, entry_rows
from gateway.journal.database import Database
from gateway.journal.states import Event, State, after, state_of
from gateway.journal.writer import Transaction

AT_ONCE_US = 0
"""Due since for ever: a hub whose clock was ahead when it queued this must not wait for years."""

_AT_ONCE = 1000  # deliveries held, and named in one link of the chain


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


def put_off(tx: Transaction, owed: Owed, until_us: int) -> None:
    """Let a delivery that is due be so later."""
    tx.db.run(
        "UPDATE deliveries SET due_us = ? WHERE entry = ? AND destination = ?",
        (until_us, owed.entry, owed.destination),
    )


def to_be_asked(tx: Transaction, destination: str, entries: Iterable[int]) -> None:
    """Have the gate asked, after the commit, about these entries as far as they are due there."""
    unasked = tx.memory.unasked
    if unasked is not None and destination in unasked:
        unasked[destination] += entries


def each_where(
    tx: Transaction, which: str, bindings: Sequence[Any], event: audit.Audited
) -> Iterator[Owed]:
    """Yield the open deliveries that fulfil a condition, and audit what became of them.

    Whoever is given one sees to it that it fulfils it no longer: they are asked for some at a time,
    until there are none, for years of them would not fit into memory.
    """
    while some := owed_where(tx.db, f"{which} LIMIT {_AT_ONCE}", bindings):
        yield from some
        audit_moved(tx, event, some)


def owed_where(db: Database, which: str, bindings: Sequence[Any] = ()) -> list[Owed]:
    """Return the open deliveries that fulfil a condition."""
    sql = f"SELECT entry, id, destination, state, may_have_arrived FROM owed WHERE {which}"  # noqa: S608
    return read(db, sql, bindings)


def read(db: Database, sql: str, bindings: Sequence[Any]) -> list[Owed]:
    """Return what a query finds: the columns of each delivery are those of `Owed`."""
    return [
        Owed(number, entry_rows.from_blob(stored), destination, state_of(state), bool(uncertain))
        for number, stored, destination, state, uncertain in db.rows(sql, bindings)
    ]


def audit_moved(tx: Transaction, event: audit.Audited, moved: Iterable[Owed]) -> None:
    """Take down in the audit chain what became of these: one link for each destination."""
    entries: defaultdict[str, list[str]] = defaultdict(list)
    for owed in moved:
        entries[owed.destination].append(owed.id)
    for destination, ids in entries.items():
        audit.append(tx, event, {"destination": destination, "entries": ids})
