"""Claiming: the due deliveries that may leave now, decided and marked in one transaction."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from gateway.consent.gate import Delivery, Reason, Released, Withheld, decide
from gateway.domain.device_time import Timing
from gateway.domain.subject import SubjectId
from gateway.errors import Unreadable
from gateway.journal import audit, entry_rows, ledger, outbox
from gateway.journal.database import Database
from gateway.journal.instants import from_us, to_us
from gateway.journal.outbox import Owed
from gateway.journal.states import Event, State
from gateway.journal.writer import Transaction

_EXAMINED = 1000  # deliveries one call decides at most, so that it never holds up recording long

_ACTIVE = (State.DUE, State.UNSETTLED)


def claim(
    tx: Transaction,
    destination: str,
    limit: int,
    now: datetime,
    addresses: tuple[str | None, ...] = (None,),
) -> list[Released]:
    """Release up to `limit` due deliveries, in due order and in turn between subjects.

    The gate decides by the ledger as it is in this very transaction, and by the `addresses` of the
    destination. Those it withholds are marked
    with its reason. An empty list can still leave something due: `next_due` tells.
    """
    consents = _Consents(tx, destination)
    released: list[Released] = []
    withheld: defaultdict[str, list[str]] = defaultdict(list)
    unreadable: list[str] = []
    examined = 0
    while len(released) < limit and examined < _EXAMINED:
        picked = _pick(tx.db, destination, limit - len(released), to_us(now))
        if not picked:
            break
        examined += len(picked)
        for owed in picked:
            try:
                delivery = _delivery(tx, owed, addresses)
            except Unreadable:
                outbox.move(tx, owed, Event.UNREADABLE, reason="unreadable")
                unreadable.append(owed.id)
                continue
            decision = consents.decide(delivery, now)
            if isinstance(decision, Released):
                outbox.move(tx, owed, Event.RELEASED)
                released.append(decision)
            else:
                outbox.move(tx, owed, Event.WITHHELD, reason=decision.reason)
                withheld[decision.reason].append(owed.id)
    _audit(tx, destination, released, withheld)
    if unreadable:
        manifest: audit.Manifest = {"destination": destination, "entries": unreadable}
        audit.append(tx, audit.Audited.PARKED, manifest)
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


class _Consents:
    """The decisions of one claim: each subject's ledger is read once."""

    def __init__(self, tx: Transaction, destination: str) -> None:
        self._tx = tx
        self._destination = destination
        self._ledgers: dict[SubjectId, ledger.Standing] = {}

    def decide(self, delivery: Delivery, now: datetime) -> Released | Withheld:
        subject = delivery.entry.subject
        if subject is None:
            return decide(delivery, (), now)
        if subject not in self._ledgers:
            self._ledgers[subject] = ledger.standing(
                self._tx.db, self._tx.keys, subject, self._destination
            )
        standing = self._ledgers[subject]
        decision = decide(delivery, standing.entries, now)
        if standing.refused and isinstance(decision, Released):
            return Withheld(delivery, Reason.REFUSED_THERE)
        return decision


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


def _delivery(tx: Transaction, owed: Owed, addresses: tuple[str | None, ...]) -> Delivery:
    row = tx.db.one("SELECT * FROM whole_entries WHERE number = ?", (owed.entry,))
    (attempts,) = tx.db.one(
        "SELECT attempts FROM deliveries WHERE entry = ? AND destination = ?",
        (owed.entry, owed.destination),
    )
    unsettled = owed.state is State.UNSETTLED or owed.may_have_arrived
    return Delivery(
        entry=entry_rows.from_row(row, tx.keys),
        destination=owed.destination,
        attempt=attempts + 1,
        unsettled=unsettled,
        earlier=_sent_with(tx.db, owed.entry) if unsettled else (),
        addresses=addresses,
    )


def _sent_with(db: Database, entry: int) -> tuple[Timing, ...]:
    """Return the former times with which the gate may have let an entry go, the latest first."""
    _, *former = db.rows(
        "SELECT measured_us, utc_offset_s, correction_us, reason, uncertainty_us, sendable"
        " FROM timings WHERE entry = ? ORDER BY step DESC",
        (entry,),
    )
    timings = [entry_rows.timing(*each) for each in former]
    return tuple(timing for timing in timings if timing.sendable)


def _audit(
    tx: Transaction,
    destination: str,
    released: list[Released],
    withheld: defaultdict[str, list[str]],
) -> None:
    if released:
        by_grant: defaultdict[str, list[str]] = defaultdict(list)
        for each in released:
            by_grant[each.grant.id].append(each.delivery.entry.id)
        manifest: audit.Manifest = {"destination": destination, "entries": dict(by_grant)}
        audit.append(tx, audit.Audited.RELEASED, manifest)
    if withheld:
        manifest = {"destination": destination, "entries": dict(withheld)}
        audit.append(tx, audit.Audited.WITHHELD, manifest)
