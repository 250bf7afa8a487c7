"""Entries: readings made durable, once each, with their time and their person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo

from gateway.domain.device import Device
from gateway.domain.device_time import corrected
from gateway.domain.entry import Entry
from gateway.domain.identity import identity
from gateway.domain.reading import Kind, Reading
from gateway.journal import audit, bookmarks, devices, entry_rows, outbox, people
from gateway.journal.instants import to_us
from gateway.journal.writer import Transaction

_NEW_ENTRY = (
    "INSERT INTO entries"
    " (id, device, kind, slot, recorded_us, measured_us, subject, attribution, payload)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number"
)
_NEW_TIMING = (
    "INSERT INTO timings (entry, step, measured_us, utc_offset_s, correction_us, reason,"
    " uncertainty_us, sendable) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


def record(
    tx: Transaction,
    device: Device,
    readings: Sequence[Reading],
    bookmark: str | None,
    zone: tzinfo,
    routes: Mapping[str, frozenset[Kind]],
) -> list[Entry]:
    """Store the readings that are new and queue each where it is to go; return the new entries."""
    if any(reading.device != device.id for reading in readings):
        raise ValueError("every reading of one call comes from the device that is named with them")
    number, known = devices.describe(tx, device)
    assignments = people.assignments_of(tx.db, number)
    new: list[Entry] = []
    rows: list[tuple[int, Entry]] = []
    for reading in readings:
        entry_id = identity(reading)
        stored_id = entry_rows.to_blob(entry_id)
        if tx.db.row("SELECT 1 FROM entries WHERE id = ?", (stored_id,)):
            continue
        timing = corrected(reading, zone)
        subject, attribution = people.whose(
            assignments, device.id, reading.slot, timing.measured_at, timing.reason
        )
        (entry_number,) = tx.db.one(
            _NEW_ENTRY,
            (
                stored_id,
                number,
                reading.kind,
                reading.slot,
                tx.now_us,
                to_us(timing.measured_at),
                subject,
                attribution,
                entry_rows.dump(reading),
            ),
        )
        entry = Entry(entry_id, reading, timing, subject, attribution, known)
        new.append(entry)
        rows.append((entry_number, entry))
    if new:
        tx.db.run_many(_NEW_TIMING, (entry_rows.timing_row(n, 1, e.timing) for n, e in rows))
        outbox.enqueue(tx, [(n, e.reading.kind, e.subject) for n, e in rows], routes)
        _remember(tx, number, new)
    if bookmark is not None:
        bookmarks.set_bookmark(tx, device, bookmark)
    return new


def _remember(tx: Transaction, device: int, new: list[Entry]) -> None:
    latest_us = max(to_us(entry.timing.measured_at) for entry in new)
    tx.db.run(
        "UPDATE devices SET last_reading_us = max(ifnull(last_reading_us, ?1), ?1)"
        " WHERE number = ?2",
        (latest_us, device),
    )
    by_subject: dict[str, list[str]] = {}
    for entry in new:
        by_subject.setdefault(entry.subject or "", []).append(entry.id)
    audit.append(tx, audit.Audited.RECORDED, {"device": device, "entries": by_subject})
