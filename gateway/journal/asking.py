"""Asking the gate about deliveries, in the transaction that marks what it says.

It is asked when a delivery becomes due, so that nothing is due that would not be let go, and again
when it is about to leave: that alone releases it. In between a grant may end. What is asked about
late (after a start, or of very many) is asked about some at a time, the latest entries first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property

from gateway.consent.gate import Delivery, Reason, Released, Withheld, decide
from gateway.consent.grant import in_force
from gateway.domain.device_time import Timing
from gateway.domain.entry import Entry
from gateway.domain.reading import Kind
from gateway.domain.subject import SubjectId
from gateway.errors import Unreadable
from gateway.journal import (
    attribution,
    audit,
    boots,
    entry_rows,
    ledger,
    moving,
    of_entry,
    outbox,
    timings,
)
from gateway.journal.database import Database
from gateway.journal.instants import to_us
from gateway.journal.ledger import Addresses
from gateway.journal.moving import Owed
from gateway.journal.states import Event, State
from gateway.journal.writer import Transaction

AT_ONCE = 250
"""Deliveries decided at a time at most, so that recording is never held up long."""
IN_A_WHILE = timedelta(minutes=1)
"""When is asked about anew what cannot be decided yet."""


class Gate:
    """The gate as it is for one destination in one transaction: each ledger is read once."""

    def __init__(
        self, tx: Transaction, destination: str, addresses: Addresses, now: datetime
    ) -> None:
        self._tx = tx
        self._destination = destination
        self._addresses = addresses.get(destination, (None,))
        self._now = now
        self._ledgers: dict[SubjectId, ledger.Standing] = {}
        self._withheld: defaultdict[str, list[str]] = defaultdict(list)
        self._unreadable: list[str] = []

    @cached_property
    def _wrong(self) -> dict[str, int]:
        return timings.still_wrong(self._tx.db)

    def let_go(self, owed: Owed) -> Released | None:
        """Return the release of a delivery that is due; without one it is not due now, or anew."""
        if attribution.look_first(self._tx, owed.entry):
            self._decide_later(owed)
            return None
        try:
            delivery = _delivery(self._tx, owed, self._addresses)
            if timings.may_be_wrong(self._wrong, owed.entry, delivery.entry.reading):
                self._put_off(owed)
                return None
            decision = self._decide(delivery)
        except Unreadable:
            moving.move(self._tx, owed, Event.UNREADABLE, reason="unreadable")
            self._unreadable.append(owed.id)
            return None
        if isinstance(decision, Released):
            return decision
        moving.move(self._tx, owed, Event.WITHHELD, reason=decision.reason)
        self._withheld[decision.reason].append(owed.id)
        return None

    def refuses(self, entry: Entry) -> Reason | None:
        """Say why a new entry would not be let go; None if it would."""
        new = Delivery(entry, self._destination, 1, unsettled=False, addresses=self._addresses)
        decision = self._decide(new)
        if isinstance(decision, Released):
            return None
        self._withheld[decision.reason].append(entry.id)
        return decision.reason

    def audit(self) -> None:
        """Have the audit log tell what was not let go."""
        if self._withheld:
            withheld = dict(self._withheld)
            manifest: audit.Manifest = {"destination": self._destination, "entries": withheld}
            audit.append(self._tx, audit.Audited.WITHHELD, manifest)
        if self._unreadable:
            manifest = {"destination": self._destination, "entries": self._unreadable}
            audit.append(self._tx, audit.Audited.PARKED, manifest)

    def _decide_later(self, owed: Owed) -> None:
        """Whose the entry is has only just been found; or not, while it is on its way elsewhere."""
        if of_entry.is_leaving(self._tx.db, owed.entry):
            self._put_off(owed)
        else:
            moving.to_be_asked(self._tx, owed.destination, [owed.entry])

    def _put_off(self, owed: Owed) -> None:
        moving.put_off(self._tx, owed, to_us(self._now + IN_A_WHILE))

    def _decide(self, delivery: Delivery) -> Released | Withheld:
        subject = delivery.entry.subject
        if subject is None:
            return decide(delivery, (), self._now)
        standing = self._ledgers.get(subject)
        if standing is None:
            standing = ledger.standing(self._tx.db, self._tx.keys, subject, self._destination)
            self._ledgers[subject] = standing
            for grant in in_force(standing.entries, self._now):
                if grant.expires is not None:
                    self._tx.memory.ask_all_from(to_us(grant.expires))
        decision = decide(delivery, standing.entries, self._now)
        if isinstance(decision, Withheld) and decision.reason is Reason.PERHAPS_AFTER_GRANT:
            arrived = boots.latest(self._tx.db, delivery.entry.reading.received)
            decision = decide(delivery, standing.entries, self._now, arrived=arrived)
        if standing.refused and isinstance(decision, Released):
            return Withheld(delivery, Reason.REFUSED_THERE)
        return decision


def enqueue(
    tx: Transaction,
    entries: Sequence[tuple[int, Entry, int]],
    routes: Mapping[str, frozenset[Kind]],
    addresses: Addresses,
) -> None:
    """Queue new entries at every destination that takes their kind, withheld if not let go now.

    Each is given by its number, and with when it was measured (us).
    """
    for destination, kinds in routes.items():
        gate = Gate(tx, destination, addresses, tx.now.utc)
        those = [each for each in entries if each[1].reading.kind in kinds]
        reasons = [gate.refuses(entry) if tx.now.trusted else None for _, entry, _ in those]
        outbox.enqueue(
            tx,
            destination,
            [
                (number, entry.subject, at_us, reason)
                for (number, entry, at_us), reason in zip(those, reasons, strict=True)
            ],
        )
        if not tx.now.trusted:
            moving.to_be_asked(tx, destination, [number for number, *_ in those])
        gate.audit()


def ask(tx: Transaction, routes: Iterable[str], addresses: Addresses) -> bool:
    """Withhold what became due and would not be let go now; return whether more is to be asked.

    Not while the hub does not know the time: it would say of a grant that it has ended.
    """
    if not tx.now.trusted:
        return False
    unasked = tx.memory.unasked
    if unasked is None or tx.memory.is_outdated(tx.now_us):
        unasked = tx.memory.ask_all({each: outbox.due(tx.db, each) for each in routes})
    for destination, numbers in unasked.items():
        gate = Gate(tx, destination, addresses, tx.now.utc)
        asked, unasked[destination] = numbers[-AT_ONCE:], numbers[:-AT_ONCE]
        for number in asked:
            for owed in outbox.due_of(tx.db, number, destination):
                gate.let_go(owed)
        gate.audit()
    return any(unasked.values())


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
