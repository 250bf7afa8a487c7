"""A damaged journal is set aside, never deleted, and what can be read goes into a new one.

    journal.db, -wal                      a new journal.db: what is missing is named by its audit
       |  page by page (carved_rows.py) --->  chain, and counted. Once it is whole it takes the
       v                                      other's place (replacing.py)
    damaged-20260314T092653Z/

Damage costs the rows it hits and no other: rows are known by their seals and sums, so neither the
description of the tables nor the pages that lead to others are needed.

Afterwards every entry that was read has a device, a time and its deliveries again. One whose
delivery was lost may have been sent: it is searched for before it leaves.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo

from gateway.domain.device_time import Correction
from gateway.domain.reading import Kind
from gateway.domain.subject import Attribution
from gateway.errors import Unreadable
from gateway.journal import audit, clocks, computing, entry_rows, timings
from gateway.journal.database import Database
from gateway.journal.instants import to_us
from gateway.journal.moving import AT_ONCE_US
from gateway.journal.writer import Transaction

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What came of a damaged journal."""

    folder: str
    """Beside the journal, with what was damaged."""
    saved: int
    """Entries in the new journal."""
    lost: tuple[str, ...]
    """Entries that the audit chain tells of and that could not be read."""
    unsound: Mapping[str, list[str]]
    """Rows whose sum was wrong, by table, each by its number here or the device's or entry's."""


def complete(
    tx: Transaction,
    folder: str,
    zone: tzinfo,
    routes: Mapping[str, frozenset[Kind]],
    unsound: Mapping[str, list[str]],
) -> Salvaged:
    """Make what was read whole again, count what was not, and say so in the audit chain."""
    for entry in unsound.get("timings", ()):  # what was thought of its time before is no better
        tx.db.run("DELETE FROM timings WHERE entry = ?", (entry,))
    for table in ("timings", "deliveries", "corrections_owed", "looked_at_again"):
        tx.db.run(f"DELETE FROM {table} WHERE entry NOT IN (SELECT number FROM entries)")  # noqa: S608
    _restore_devices(tx)
    _restore_subjects(tx)
    _restore_timings(tx, zone)
    _restore_deliveries(tx, routes)
    there = {kernel.hex() for (kernel,) in tx.db.rows("SELECT substr(id, 5) FROM entries")}
    there |= {kernel.hex() for (kernel,) in tx.db.rows("SELECT id FROM erased")}
    told = _told_of(tx.db)
    lost = tuple(sorted(entry for entry in told if there.isdisjoint(entry_rows.kernels(entry))))
    (saved,) = tx.db.one("SELECT count(*) FROM entries")
    audit.append(
        tx,
        audit.Audited.SALVAGED,
        {"folder": folder, "saved": saved, "lost": list(lost), "unsound": dict(unsound)},
    )
    return Salvaged(folder, saved, lost, unsound)


def tell(salvaged: Salvaged) -> None:
    """Say in the log what came of it."""
    unsound = salvaged.unsound.items()
    _log.error(
        "the journal was damaged: set aside in %s; readings saved %d, lost %d; other rows left out"
        " as damaged: %s",
        salvaged.folder,
        salvaged.saved,
        len(salvaged.lost),
        ", ".join(f"{table} {' '.join(rows)}" for table, rows in unsound) or "none",
    )


def _restore_devices(tx: Transaction) -> None:
    """Add a row for each device whose own is gone; `mending` finds out which it was."""
    tx.db.run(
        "INSERT INTO devices (number, id, details, first_seen_us)"
        " SELECT DISTINCT device, 'unknown:' || device, x'', ? FROM"
        " (SELECT device FROM entries UNION SELECT device FROM assignments"
        " UNION SELECT device FROM bookmarks UNION SELECT device FROM clocks"
        " UNION SELECT device FROM aside UNION SELECT device FROM remarks)"
        " WHERE device NOT IN (SELECT number FROM devices)",
        (tx.now_us,),
    )


def _restore_subjects(tx: Transaction) -> None:
    """Keep that a person is there whose name is gone: they are called "?"."""
    tx.db.run(
        "INSERT OR IGNORE INTO subjects (id, name, added_us)"
        " SELECT DISTINCT subject, x'', ? FROM (SELECT subject FROM entries"
        " UNION SELECT subject FROM assignments UNION SELECT subject FROM pairings)"
        " WHERE subject IS NOT NULL",
        (tx.now_us,),
    )
    tx.db.run(
        "UPDATE assignments SET session = NULL"
        " WHERE session NOT IN (SELECT number FROM kiosk_sessions)"
    )


def _restore_timings(tx: Transaction, zone: tzinfo) -> None:
    for (number,) in tx.db.rows(
        "SELECT number FROM entries WHERE number NOT IN (SELECT entry FROM timings)"
    ):
        device, attribution, recorded_us = tx.db.one(
            "SELECT device, attribution, recorded_us FROM entries WHERE number = ?", (number,)
        )
        try:
            reading = entry_rows.stored(tx.db, tx.keys, number)
        except Unreadable:  # so that it is there at all, and named as damaged
            tx.db.run(timings.NEW, (number, 1, recorded_us, 0, 0, Correction.UNKNOWN, None, 0))
            continue
        if attribution in (Attribution.COMPUTED, Attribution.REPLACED):
            timing = computing.stated(reading)
        else:
            looks = clocks.history(tx, device)
            timing = timings.time_of(tx.db, reading, zone, looks, doubted=True)
        measured_us = to_us(timing.measured_at)
        tx.db.run(timings.NEW, entry_rows.timing_row(number, 1, timing, measured_us))
        tx.db.run(
            "UPDATE entries SET measured_us = ?1 WHERE number = ?2 AND measured_us <> ?1",
            (measured_us, number),
        )


def _restore_deliveries(tx: Transaction, routes: Mapping[str, frozenset[Kind]]) -> None:
    for destination, kinds in routes.items():
        for kind in sorted(kinds):
            tx.db.run(
                "INSERT INTO deliveries (entry, destination, subject, state, due_us,"
                " may_have_arrived, changed_us)"
                " SELECT number, ?1, subject, 'unsettled', ?2, 1, ?3 FROM entries AS e"
                " WHERE kind = ?4 AND attribution != 'replaced'"
                " AND NOT EXISTS (SELECT 1 FROM deliveries"
                " WHERE entry = e.number AND destination = ?1)",
                (destination, AT_ONCE_US, tx.now_us, kind),
            )


def _told_of(db: Database) -> set[str]:
    """Return the entries that the audit chain says were recorded."""
    told: set[str] = set()
    for (manifest,) in db.rows("SELECT manifest FROM audit WHERE event = 'recorded'"):
        try:
            entries = json.loads(manifest)["entries"]
        except (ValueError, KeyError):
            continue  # damage: verifying the chain names it
        told.update(entry for of_subject in entries.values() for entry in of_subject)
    return told
