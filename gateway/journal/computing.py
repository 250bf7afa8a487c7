"""What the hub computes about a person, made durable: theirs by word, its time the hub's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from gateway.domain.correction import Wrong
from gateway.domain.device import Device
from gateway.domain.device_time import Correction, Timing
from gateway.domain.entry import Entry
from gateway.domain.identity import ReadingId, identity, neighbourhood
from gateway.domain.reading import Kind, Reading
from gateway.domain.subject import Attribution, SubjectId
from gateway.journal import corrections, devices, entries, entry_rows, of_entry, people
from gateway.journal.instants import to_us
from gateway.journal.ledger import Addresses
from gateway.journal.recorded import Made
from gateway.journal.writer import Transaction


@dataclass(frozen=True, slots=True)
class Outdated:
    """What was computed before, and since when it is known to lack something."""

    entry: ReadingId
    since: datetime


def compute(
    tx: Transaction,
    device: Device,
    subject: SubjectId,
    reading: Reading,
    instead_of: Outdated | None,
    routes: Mapping[str, frozenset[Kind]],
    addresses: Addresses,
) -> list[Entry]:
    """Store what was computed about a subject and queue it; nothing is returned if it is no news.

    Neither assignments nor what was seen of the device's clock have a say: whose it is and when its
    period ends is known. What it is instead of is set apart, unless that has left. What is returned
    is filled by the commit.
    """
    people.require(tx.db, subject)
    if instead_of is not None and not set_apart(tx, instead_of):
        return []
    number, known = devices.describe(tx, device)
    entry_id = tx.keys.entry(identity(reading), neighbourhood(reading))
    entry = Entry(entry_id, reading, stated(reading), subject, Attribution.COMPUTED, known)
    new: list[Entry] = []
    entries.keep(tx, Made(number, entry, new), routes, addresses)
    return new


def stated(reading: Reading) -> Timing:
    """Return the end of the period that was computed over, known exactly."""
    told = reading.device_time
    if told is None or told.stamp is None or told.utc_offset is None:
        raise ValueError("what is computed states the end of its period, and the offset from UTC")
    at = told.stamp.replace(tzinfo=timezone(told.utc_offset))
    return Timing(at, timedelta(), Correction.COMPUTED_HERE, timedelta(), sendable=True)


def set_apart(tx: Transaction, outdated: Outdated) -> bool:
    """Set apart what was computed before, if it is nowhere but here; return whether that was so.

    Where a destination has it, or may have it, it stays, and what is wrong there becomes a task:
    two values for one period are worse than one that a person is told of. While it is on its way
    nothing is done; ask again later.
    """
    (number,) = tx.db.one(
        "SELECT number FROM entries WHERE id = ?", (entry_rows.to_blob(outdated.entry),)
    )
    if of_entry.is_leaving(tx.db, number):
        return False
    if of_entry.has_left(tx.db, number):
        corrections.owe(tx, number, Wrong.VALUE, to_us(outdated.since))
        return False
    of_entry.replaced(tx, number)
    tx.db.run("UPDATE entries SET attribution = ? WHERE number = ?", (Attribution.REPLACED, number))
    return True
