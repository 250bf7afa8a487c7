"""A damaged journal is set aside, never deleted, and what can be read goes into a new one.

    journal.db, -wal                      a new journal.db: what is missing is named by its audit
       |  page by page (carving.py) ------->  chain, and counted. Once it is whole it takes the
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
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any

from gateway.domain.device_time import Correction
from gateway.domain.reading import Kind
from gateway.domain.subject import Attribution
from gateway.errors import JournalError, JournalFull, Unreadable
from gateway.journal import audit, clocks, computing, entry_rows, timings
from gateway.journal.carving import Carved, carve
from gateway.journal.database import Database
from gateway.journal.instants import to_us
from gateway.journal.moving import AT_ONCE_US
from gateway.journal.writer import Transaction

_TABLES = (
    "keys",
    "spare_keys",
    "devices",
    "subjects",
    "kiosk_sessions",
    "assignments",
    "entries",
    "timings",
    "deliveries",
    "corrections_owed",
    "consent",
    "audit",
    "bookmarks",
    "aside",
    "remarks",
    "unnamed_addresses",
    "pairings",
    "clocks",
    "boots",
    "erased",
)
"""Every table, in an order in which rows find what they refer to.

Two hold nothing but marks and are not read: `corrections_tried` (they are tried anew) and
`looked_at_again`.
"""

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


def copy_rows(database: Database, damaged: Path) -> Mapping[str, list[str]]:
    """Copy every sound row that can be found into a database without rows.

    Returns which rows were found and are not sound, by table; they are left out.
    """
    unsound: dict[str, list[str]] = {}
    database.run("PRAGMA foreign_keys = OFF")
    try:
        database.run("BEGIN IMMEDIATE")
        database.run("DELETE FROM keys")
        database.run("DELETE FROM spare_keys")
        twice = _copy(database, damaged, unsound)
        _renumber(database, twice)
        database.run("COMMIT")
    finally:
        if database.in_transaction:
            database.run("ROLLBACK")
        database.run("PRAGMA foreign_keys = ON")
    return unsound


def _copy(database: Database, damaged: Path, unsound: dict[str, list[str]]) -> list[Sequence[Any]]:
    """Copy row by row; return the entries whose number another has, and note what is unsound."""
    tables = [_Table.of(database, name) for name in _TABLES]
    twice: list[Sequence[Any]] = []
    for carved in carve(damaged):
        for table in tables:
            if not table.fits(carved):
                continue
            row = table.row(carved)
            if table.is_sound(database, carved):
                added = table.insert(database, row)
                if added and table.name == "keys":
                    break  # the next of its owner is the spare
                if not added and table.name == "entries":
                    twice.append(row)
            elif carved.stated and table.name != "erased":  # indexes of entries look like that
                unsound.setdefault(table.name, []).append(str(row[0]))
    return twice


def _renumber(database: Database, twice: Sequence[Sequence[Any]]) -> None:
    """Give new numbers to entries whose number another has: which it belongs to nobody knows.

    So neither keeps what was kept by that number.
    """
    entries = _Table.of(database, "entries")
    for number, entry, *rest in twice:
        if database.row("SELECT 1 FROM entries WHERE id = ?", (entry,)) is None:
            entries.insert(database, (None, entry, *rest))
            for table in ("timings", "deliveries", "corrections_owed"):
                database.run(f"DELETE FROM {table} WHERE entry = ?", (number,))  # noqa: S608


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
    for table in ("timings", "deliveries", "corrections_owed"):
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


_TYPES = {"INTEGER": int, "TEXT": str, "BLOB": bytes}


@dataclass(frozen=True, slots=True)
class _Table:
    """What the rows of a table look like."""

    name: str
    columns: tuple[str, ...]
    types: tuple[tuple[type, ...], ...]
    numbered: bool
    """Whether its first column is the row's number, which is not among its values."""
    sum: str | None
    """The expression of its sum, which is its last value then."""

    @classmethod
    def of(cls, database: Database, name: str) -> _Table:
        columns, types = [], []
        numbered = False
        for _, column, kind, required, _, key, hidden in database.rows(
            f"SELECT * FROM pragma_table_xinfo('{name}')"  # noqa: S608
        ):
            if key and column == "number":
                numbered, required = True, False
            types.append((_TYPES[kind],) if required else (_TYPES[kind], type(None)))
            if not hidden:
                columns.append(column)
        expression = database.sums().get(name)
        return cls(name, tuple(columns), tuple(types), numbered, expression)

    def fits(self, carved: Carved) -> bool:
        """Tell whether this may be one of its rows, by its form."""
        return (
            len(carved.values) == len(self.types)
            and self.numbered is (carved.number is not None)
            and (not self.numbered or carved.values[0] is None)
            and all(isinstance(v, t) for v, t in zip(carved.values, self.types, strict=True))
        )

    def is_sound(self, database: Database, carved: Carved) -> bool:
        """Tell whether its sum is right; where a seal is in its place, that is seen later."""
        if self.sum is None:
            return True
        named = ", ".join(f"?{nth} AS {column}" for nth, column in enumerate(self.columns, 1))
        row = (*self.row(carved), carved.values[-1])
        with suppress(JournalError):
            (sound,) = database.one(f"SELECT {self.sum} IS ?{len(row)} FROM (SELECT {named})", row)  # noqa: S608
            return bool(sound)
        return False

    def row(self, carved: Carved) -> Sequence[Any]:
        """Return the values of its columns."""
        values = carved.values[: len(self.columns)]
        return (carved.number, *values[1:]) if self.numbered else values

    def insert(self, database: Database, row: Sequence[Any]) -> bool:
        """Add the row, unless its place is taken or it breaks a rule; tell whether it was added."""
        marks = ", ".join("?" * len(row))
        columns = ", ".join(self.columns)
        sql = f"INSERT OR IGNORE INTO {self.name} ({columns}) VALUES ({marks})"  # noqa: S608
        try:
            return database.run(sql, row) > 0
        except JournalFull:
            raise
        except JournalError:
            return False


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
