"""Claiming: the due deliveries that may leave now, decided and marked in one transaction."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from gateway.consent.gate import Released
from gateway.journal import asking, audit, entry_rows, moving
from gateway.journal.asking import Gate
from gateway.journal.database import Database
from gateway.journal.instants import from_us, to_us
from gateway.journal.ledger import NOWHERE, Addresses
from gateway.journal.moving import Owed
from gateway.journal.states import Event, State
from gateway.journal.writer import Transaction

_ACTIVE = (State.DUE, State.UNSETTLED)


def claim(
    tx: Transaction,
    destination: str,
    limit: int,
    now: datetime,
    addresses: Addresses = NOWHERE,
) -> list[Released]:
    """Release up to `limit` due deliveries, in due order and in turn between subjects.

    The gate decides by the ledger as it is in this very transaction, and by where the destination
    is. Those it withholds are marked with its reason. An empty list can still leave something due:
    `next_due` tells.
    """
    gate = Gate(tx, destination, addresses, now)
    released: list[Released] = []
    examined = 0
    while len(released) < limit and examined < asking.AT_ONCE:
        picked = _pick(tx.db, destination, limit - len(released), to_us(now))
        if not picked:
            break
        examined += len(picked)
        for owed in picked:
            decision = gate.let_go(owed)
            if decision is not None:
                moving.move(tx, owed, Event.RELEASED)
                released.append(decision)
    _audit(tx, destination, released)
    gate.audit()
    return released


def next_due(db: Database, destination: str) -> datetime | None:
    """Return when the next delivery there is due, perhaps long ago; None if none is."""
    dues = [
        due_us
        for subject in _subjects(db, destination)
        for state in _ACTIVE
        for (due_us,) in db.rows(
            "SELECT min(due_us) FROM owed WHERE destination = ? AND state = ? AND whose = ?",
            (destination, state, subject),
        )
        if due_us is not None
    ]
    return from_us(min(dues)) if dues else None


def _subjects(db: Database, destination: str) -> list[str]:
    """Return whose deliveries are active there ("" for nobody's), by leaps through the index."""
    found: set[str] = set()
    for state in _ACTIVE:
        sql = "SELECT min(whose) FROM owed WHERE destination = ? AND state = ?"
        (subject,) = db.one(sql, (destination, state))
        while subject is not None:
            found.add(subject)
            (subject,) = db.one(sql + " AND whose > ?", (destination, state, subject))
    return sorted(found)


def _pick(db: Database, destination: str, limit: int, now_us: int) -> list[Owed]:
    """Return due deliveries: everyone's first, then everyone's second, each round in due order."""
    subjects = _subjects(db, destination)
    if not subjects:
        return []
    share = -(-limit // len(subjects))
    turns: list[tuple[int, int, int, Owed]] = []
    for subject in subjects:
        rows = [
            (due_us, number, owed)
            for state in _ACTIVE
            for due_us, number, owed in _due(db, destination, state, subject, now_us, share)
        ]
        rows.sort(key=lambda row: row[:2])
        turns += [(turn, due_us, number, owed) for turn, (due_us, number, owed) in enumerate(rows)]
    turns.sort(key=lambda turn: turn[:3])
    return [owed for *_, owed in turns[:limit]]


def _due(
    db: Database, destination: str, state: State, subject: str, now_us: int, limit: int
) -> list[tuple[int, int, Owed]]:
    return [
        (
            due_us,
            number,
            Owed(number, entry_rows.from_blob(stored), destination, state, bool(uncertain)),
        )
        for due_us, number, stored, uncertain in db.rows(
            "SELECT due_us, entry, id, may_have_arrived FROM owed WHERE destination = ?"
            " AND state = ? AND whose = ? AND due_us <= ? ORDER BY due_us, entry LIMIT ?",
            (destination, state, subject, now_us, limit),
        )
    ]


def _audit(tx: Transaction, destination: str, released: list[Released]) -> None:
    if released:
        by_grant: defaultdict[str, list[str]] = defaultdict(list)
        for each in released:
            by_grant[each.grant.id].append(each.delivery.entry.id)
        manifest: audit.Manifest = {"destination": destination, "entries": dict(by_grant)}
        audit.append(tx, audit.Audited.RELEASED, manifest)
