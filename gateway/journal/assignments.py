"""Which device measures whom, as it was said, and whose a reading is by that."""

from __future__ import annotations

from datetime import UTC

from gateway.domain.device_time import Timing
from gateway.domain.reading import Reading
from gateway.domain.subject import Assignment, Attribution, SubjectId, attribute
from gateway.journal import boots, devices
from gateway.journal.database import Database, Row
from gateway.journal.instants import from_us
from gateway.journal.keys import Keyring
from gateway.journal.writer import Transaction


def assignments_of(tx: Transaction, device: int) -> tuple[Assignment, ...]:
    """Return the assignments of one device, by its number here, in the order they were made."""
    remembered = tx.memory.assignments.get(device)
    if remembered is None:
        made = tuple(each for _, each in numbered(tx, device))
        remembered = tx.memory.assignments[device] = made
    return remembered


def numbered(tx: Transaction, device: int) -> list[tuple[int, Assignment]]:
    """Return the assignments of one device, each with its own number."""
    return _rows(tx.db, tx.keys, "device = ?", device)


def made(db: Database, keys: Keyring, session: int | None = None) -> list[Assignment]:
    """Return all assignments in the order they were made, or those of a turn at the kiosk."""
    return [each for _, each in _rows(db, keys, "?1 IS NULL OR session = ?1", session)]


def latest_of(db: Database, keys: Keyring, session: int) -> list[Assignment]:
    """Return the latest assignment of each device of a turn at the kiosk."""
    latest = "a.number IN (SELECT max(number) FROM assignments WHERE session = ? GROUP BY device)"
    return [each for _, each in _rows(db, keys, latest, session)]


def _rows(
    db: Database, keys: Keyring, which: str, about: int | None
) -> list[tuple[int, Assignment]]:
    rows = db.rows(
        "SELECT a.number, device, details, slot, subject, since_us, until_us, session"  # noqa: S608
        " FROM assignments AS a JOIN devices AS d ON d.number = a.device"
        f" WHERE {which} ORDER BY a.number",
        (about,),
    )
    return [(row[0], assignment(row[1:], keys)) for row in rows]


def assignment(row: Row, keys: Keyring) -> Assignment:
    """Make an assignment of a row: device, its details, slot, subject, since, until, session."""
    number, details, slot, subject, since_us, until_us, session = row
    return Assignment(
        device=devices.shown(keys, number, details).id,
        slot=slot,
        subject=SubjectId(subject),
        since=from_us(since_us),
        until=None if until_us is None else from_us(until_us),
        session=session,
    )


def whose(
    db: Database, assignments: tuple[Assignment, ...], reading: Reading, timing: Timing
) -> tuple[SubjectId | None, Attribution]:
    """Say whose a reading is; without a known time no assignment can be said to cover it.

    Its uncertainty reaches as far ahead as back, but it was measured before it was received.
    """
    if timing.uncertainty is None:
        return None, Attribution.UNCLAIMED
    at = timing.measured_at.astimezone(UTC)  # as assignments are: two zones take six times as long
    earliest, latest = at - timing.uncertainty, at + timing.uncertainty
    answer = attribute(assignments, reading.device, reading.slot, earliest, latest)
    if answer[1] is not Attribution.AMBIGUOUS:
        return answer
    received = boots.latest(db, reading.received)
    if received is None or received >= latest:
        return answer
    return attribute(assignments, reading.device, reading.slot, earliest, received)
