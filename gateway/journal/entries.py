"""Entries: readings made durable, once each, with their time and their person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo

from gateway.domain.device import Device
from gateway.domain.entry import Entry
from gateway.domain.identity import identity
from gateway.domain.reading import Kind, Reading
from gateway.journal import (
    audit,
    bookmarks,
    boots,
    clocks,
    devices,
    entry_rows,
    outbox,
    people,
    timings,
)
from gateway.journal.instants import to_us
from gateway.journal.writer import Transaction

_NEW_ENTRY = (
    "INSERT INTO entries"
    " (id, device, kind, slot, recorded_us, measured_us, subject, attribution, payload)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
)


def record(
    tx: Transaction,
    device: Device,
    readings: Sequence[Reading],
    bookmark: str | None,
    zone: tzinfo,
    routes: Mapping[str, frozenset[Kind]],
) -> list[Entry]:
    """Store the readings that are new and queue each where it is to go; return the new entries.

    What follows from them (timings, deliveries, the audit link) is written once for all calls that
    share the transaction.
    """
    if any(reading.device != device.id for reading in readings):
        raise ValueError("every reading of one call comes from the device that is named with them")
    number, known = devices.describe(tx, device)
    assignments = people.assignments_of(tx, number)
    known_looks = looks = clocks.history(tx, number)
    new: list[Entry] = []
    rows: list[tuple[int, Entry]] = []
    for reading in readings:
        looks = clocks.looked(looks, reading)
        timing = timings.time_of(tx.db, reading, zone, looks)
        subject, attribution = people.whose(assignments, reading, timing)
        entry_id = tx.keys.entry(identity(reading))
        entry = Entry(entry_id, reading, timing, subject, attribution, known)
        row = tx.db.insert(_NEW_ENTRY, entry_rows.entry_row(entry, number, tx.now_us, tx.keys))
        if row is not None:
            new.append(entry)
            rows.append((row, entry))
    if rows:
        _leave(tx, number, rows, routes)
    if looks != known_looks:
        clocks.keep(tx, number, looks)
    if bookmark is not None:
        bookmarks.set_bookmark(tx, device, bookmark)
    return new


def _leave(
    tx: Transaction,
    device: int,
    rows: list[tuple[int, Entry]],
    routes: Mapping[str, frozenset[Kind]],
) -> None:
    """Leave the rest to be done with that of other calls."""
    tx.rest = lambda: _follow(tx, routes)
    tx.recorded.setdefault(device, []).extend(rows)


def _follow(tx: Transaction, routes: Mapping[str, frozenset[Kind]]) -> None:
    """Write what follows from the entries recorded: timings, deliveries, audit."""
    new, tx.recorded = tx.recorded, {}
    rows = [row for of_device in new.values() for row in of_device]
    timings.append(tx, [(n, e.timing) for n, e in rows])
    outbox.enqueue(tx, [(n, e.reading.kind, e.subject) for n, e in rows], routes)
    boots.note_all(tx, [(number, entry.reading.received) for number, entry in rows])
    for device, of_device in new.items():
        _remember(tx, device, [entry for _, entry in of_device])


def _remember(tx: Transaction, device: int, new: list[Entry]) -> None:
    latest_us = to_us(max(entry.timing.measured_at for entry in new))
    tx.db.run(
        "UPDATE devices SET last_reading_us = max(ifnull(last_reading_us, ?1), ?1)"
        " WHERE number = ?2",
        (latest_us, device),
    )
    by_subject: dict[str, list[str]] = {}
    for entry in new:
        by_subject.setdefault(entry.subject or "", []).append(entry.id)
    audit.append(tx, audit.Audited.RECORDED, {"device": device, "entries": by_subject})
