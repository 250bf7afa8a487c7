"""Retention: how long readings stay on the hub. Unless told otherwise, for ever.

Those of nobody at a kiosk's counter stay for some days only: whoever took them has gone.
What expires is gone as what is erased is: it does not come back when a device is read again. But
it is never silent: each is named in the audit chain, with the reason, and its person is shown it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.domain.device import DeviceId
from gateway.domain.identity import ReadingId
from gateway.journal import audit, devices, entry_rows
from gateway.journal.corrections import STANDS
from gateway.journal.instants import to_us
from gateway.journal.writer import Transaction

_AT_ONCE = 500  # entries in one transaction, so that it never holds up recording long


class Expiry(StrEnum):
    """Why a reading expired."""

    DELIVERED = "delivered"
    """Every destination that was to have it has it, or may no longer."""
    UNDELIVERED = "undelivered"
    """It was still owed somewhere, or never went anywhere: it is lost by this."""
    NOBODYS = "nobodys"
    """It was measured at a counter, and nobody said there, or of it, whose it is."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long after they were recorded readings are kept; None is for ever."""

    delivered: timedelta | None = None
    undelivered: timedelta | None = None
    unclaimed: timedelta | None = None
    """Those of nobody, of the `counter`'s devices."""
    counter: frozenset[DeviceId] = frozenset()

    @property
    def least(self) -> timedelta | None:
        """How long every reading of somebody is kept; None for ever."""
        return min((it for it in (self.delivered, self.undelivered) if it), default=None)


@dataclass(frozen=True, slots=True)
class Expired:
    """A reading that is kept no longer."""

    entry: ReadingId
    at: datetime
    why: Expiry


_DELIVERED = (
    "EXISTS (SELECT 1 FROM deliveries WHERE entry = e.number AND state = 'settled')"
    " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE entry = e.number"
    " AND state NOT IN ('settled', 'dropped'))"
)
_OLD = (
    "SELECT number, id, subject FROM entries AS e WHERE recorded_us < ?1"  # noqa: S608
    # Recorded when the hub did not know the time: what it took for the time is before the boot
    # began, and says nothing. Then it counts as recorded when that boot was last seen.
    " AND NOT EXISTS (SELECT 1 FROM boots WHERE number ="
    " (SELECT max(number) FROM boots WHERE first_entry <= e.number) AND (utc_us IS NULL"
    " OR e.recorded_us < utc_us - monotonic_us - doubt_us"
    " AND utc_us - monotonic_us + last_us + doubt_us >= ?1))"
    # On its way, perhaps another's, or a task for a person: what becomes of it is still to be told.
    " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE entry = e.number AND state = 'sending')"
    " AND NOT EXISTS (SELECT 1 FROM looked_at_again WHERE entry = e.number)"
    " AND NOT EXISTS (SELECT 1 FROM corrections_owed AS c WHERE c.entry = e.number"
    f" AND {STANDS})"
)


def expire(tx: Transaction, retention: Retention, now: datetime) -> dict[Expiry, int]:
    """Forget what is older than it is kept, some at a time; return how many, by reason.

    Call it again until there are none.
    """
    found = (devices.find(tx.db, tx.keys, device) for device in retention.counter)
    counter = ", ".join(str(number) for number in found if number is not None)
    limits = (
        (Expiry.DELIVERED, retention.delivered, _DELIVERED),
        (Expiry.UNDELIVERED, retention.undelivered, f"NOT ({_DELIVERED})"),
        (Expiry.NOBODYS, retention.unclaimed, f"e.subject IS NULL AND e.device IN ({counter})"),
    )
    return {
        why: _forget(tx, why, now - kept, which) for why, kept, which in limits if kept is not None
    }


def _forget(tx: Transaction, why: Expiry, before: datetime, which: str) -> int:
    rows = tx.db.rows(f"{_OLD} AND {which} LIMIT {_AT_ONCE}", (to_us(before),))
    by_subject: defaultdict[str, list[str]] = defaultdict(list)
    for number, stored, subject in rows:
        tx.db.run("INSERT OR IGNORE INTO erased (id) VALUES (substr(?, 5))", (stored,))
        tx.db.run("DELETE FROM entries WHERE number = ?", (number,))
        by_subject[subject or ""].append(entry_rows.from_blob(stored))
    if rows:
        tx.fold = True
        audit.append(tx, audit.Audited.EXPIRED, {"why": why, "entries": dict(by_subject)})
    return len(rows)
