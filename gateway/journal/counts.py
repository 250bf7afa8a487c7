"""The journal in numbers."""

from __future__ import annotations

from gateway.journal.database import Database
from gateway.journal.states import state_of
from gateway.journal.views import DeliveryCount, Summary


def deliveries(db: Database) -> list[DeliveryCount]:
    """Count the deliveries by destination, state and reason; it looks at each."""
    return _counted(db, "1")


def parked(db: Database) -> list[DeliveryCount]:
    """Count those that are parked, by an index of what is owed."""
    return _counted(db, "state NOT IN ('settled', 'dropped') AND state = 'parked'")


def summary(db: Database) -> Summary:
    """Count the entries, the devices, the people, and the deliveries by state."""
    entries, unclaimed, devices, subjects = db.one(
        "SELECT (SELECT count(*) FROM entries),"
        " (SELECT count(*) FROM entries WHERE subject IS NULL),"
        " (SELECT count(*) FROM devices), (SELECT count(*) FROM subjects)"
    )
    states = db.rows("SELECT state, count(*) FROM deliveries GROUP BY state")
    by_state = {state_of(state): count for state, count in states}
    return Summary(entries, unclaimed, devices, subjects, by_state)


def _counted(db: Database, which: str) -> list[DeliveryCount]:
    return [
        DeliveryCount(destination, state_of(state), reason, bool(uncertain), count)
        for destination, state, reason, uncertain, count in db.rows(
            "SELECT destination, state, reason, may_have_arrived, count(*) FROM deliveries"  # noqa: S608
            f" WHERE {which} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
        )
    ]
