"""Entries: readings made durable, once each, with their time and their person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from functools import partial

from gateway.domain.device import Device
from gateway.domain.entry import Entry
from gateway.domain.hub_time import as_received
from gateway.domain.identity import identity, neighbourhood
from gateway.domain.reading import Kind, Reading
from gateway.journal import (
    asking,
    audit,
    bookmarks,
    boots,
    clocks,
    devices,
    entry_rows,
    timings,
)
from gateway.journal.assignments import assignments_of, whose
from gateway.journal.instants import to_us
from gateway.journal.ledger import Addresses
from gateway.journal.recorded import Made, Recorded
from gateway.journal.writer import Transaction

_NEW_ENTRY = (
    "INSERT INTO entries"
    " (id, device, kind, slot, recorded_us, measured_us, subject, attribution, payload)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING RETURNING id, number"
)


def record(
    tx: Transaction,
    device: Device,
    readings: Sequence[Reading],
    bookmark: str | None,
    zone: tzinfo,
    routes: Mapping[str, frozenset[Kind]],
    addresses: Addresses,
) -> list[Entry]:
    """Store the readings that are new and queue each where it is to go; return the new entries.

    The entries are written once for all calls that share the transaction, and so is what follows
    from them (timings, deliveries, the audit link): what is returned is filled by then.
    """
    number, known = devices.describe(tx, device)
    assignments = assignments_of(tx, number)
    known_looks = looks = clocks.history(tx, number)
    new: list[Entry] = []
    for reading in readings:
        if reading.device != device.id:
            raise ValueError("every reading of a call comes from the device that is named with it")
        told = as_received(reading, boots.told_since(tx, reading.received))
        looks = clocks.looked(looks, told)
        tx.recorded.append(Recorded(reading, told, looks, zone, assignments, number, known, new))
    if looks != known_looks:
        clocks.keep(tx, number, looks)
    if bookmark is not None:
        bookmarks.set_bookmark(tx, device, bookmark)
    _write_with_the_others(tx, routes, addresses)
    return new


def keep(
    tx: Transaction,
    made: Made,
    routes: Mapping[str, frozenset[Kind]],
    addresses: Addresses,
) -> None:
    """Have an entry written with the others."""
    tx.made.append(made)
    _write_with_the_others(tx, routes, addresses)


def _write_with_the_others(
    tx: Transaction, routes: Mapping[str, frozenset[Kind]], addresses: Addresses
) -> None:
    if tx.rest is None:
        tx.rest = partial(_write, tx, routes, addresses)


def _write(tx: Transaction, routes: Mapping[str, frozenset[Kind]], addresses: Addresses) -> None:
    """Write what was recorded and is new, and what follows from it."""
    made = [*tx.made, *_made(tx, tx.recorded)]
    tx.made, tx.recorded = [], []
    moments = [to_us(entry.timing.measured_at) for _, entry, _ in made]
    stored = [
        entry_rows.entry_row(each.entry, each.device, measured_us, tx.now_us, tx.keys)
        for each, measured_us in zip(made, moments, strict=True)
    ]
    written = tx.db.insert_many(_NEW_ENTRY, stored)
    numbers: dict[bytes, int] = dict(written)
    rows: list[tuple[int, Entry, int]] = []
    by_device: defaultdict[int, list[tuple[Entry, int]]] = defaultdict(list)
    for (device, entry, new), measured_us, row in zip(made, moments, stored, strict=True):
        number = numbers.pop(row[0], None)  # of two that are the same only the first is news
        if number is not None:
            new.append(entry)
            rows.append((number, entry, measured_us))
            by_device[device].append((entry, measured_us))
    timings.append(tx, [(n, e.timing, at_us) for n, e, at_us in rows])
    boots.note_all(tx, [(number, entry.reading.received) for number, entry, _ in rows])
    for device, of_device in by_device.items():
        _remember(tx, device, of_device)
    asking.enqueue(tx, rows, routes, addresses)


def _made(tx: Transaction, recorded: Sequence[Recorded]) -> list[Made]:
    """Make entries of what was recorded.

    One step for all of them after the other: the processor still has it at hand for the next.
    """
    timed = [timings.time_of(tx.db, each.told, each.zone, each.looks) for each in recorded]
    theirs = [
        whose(tx.db, each.assignments, each.reading, timing)
        for each, timing in zip(recorded, timed, strict=True)
    ]
    identities = [identity(each.reading) for each in recorded]
    ids = [
        tx.keys.entry(said, neighbourhood(each.reading))
        for each, said in zip(recorded, identities, strict=True)
    ]
    return [
        Made(
            each.device,
            Entry(entry_id, each.reading, timing, subject, attribution, each.known),
            each.new,
        )
        for each, entry_id, timing, (subject, attribution) in zip(
            recorded, ids, timed, theirs, strict=True
        )
    ]


def _remember(tx: Transaction, device: int, new: list[tuple[Entry, int]]) -> None:
    latest_us = max(measured_us for _, measured_us in new)
    tx.db.run(
        "UPDATE devices SET last_reading_us = max(ifnull(last_reading_us, ?1), ?1)"
        " WHERE number = ?2",
        (latest_us, device),
    )
    by_subject: dict[str, list[str]] = {}
    for entry, _ in new:
        by_subject.setdefault(entry.subject or "", []).append(entry.id)
    audit.append(tx, audit.Audited.RECORDED, {"device": device, "entries": by_subject})
