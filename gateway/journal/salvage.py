"""A damaged journal is set aside, never deleted, and what can be read goes into a new one.

    journal.db, -wal, -shm  --moved-->  damaged-20260314T092653Z/
                                           |  row by row, around what cannot be read
                                           v
    a new journal.db                    what is missing is named by the audit chain and counted

Damage to a leaf costs what is on it. Damage to a page that leads to others, or to the description
of the tables, costs all that is behind it: that is what backups are for.

Afterwards every entry that was read has a device, a time and its deliveries again. One whose
delivery was lost may have been sent: it is searched for before it leaves.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

from gateway.clock import Clock
from gateway.domain.device import Device, DeviceId
from gateway.domain.reading import Kind, Reading
from gateway.domain.subject import Attribution
from gateway.errors import JournalError, Unreadable
from gateway.journal import audit, clocks, computing, devices, entry_rows, timings
from gateway.journal.database import Database, open_damaged
from gateway.journal.instants import to_us
from gateway.journal.keys import NOBODY
from gateway.journal.outbox import AT_ONCE_US
from gateway.journal.writer import Transaction

_TABLES = {
    "keys": None,
    "spare_keys": None,
    "devices": "number",
    "subjects": None,
    "kiosk_sessions": "number",
    "assignments": "number",
    "entries": "number",
    "timings": "entry",
    "deliveries": "entry",
    "corrections_owed": "number",
    "consent": "number",
    "audit": "number",
    "bookmarks": None,
    "aside": "number",
    "remarks": "number",
    "pairings": None,
    "clocks": None,
    "boots": "number",
    "erased": None,
}
"""Every table, in an order in which rows find what they refer to, and the number it is read by."""

_SMALL_LEAPS = 4096
_FILES = ("", "-wal", "-shm")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What came of a damaged journal."""

    folder: Path
    saved: int
    """Entries in the new journal."""
    lost: tuple[str, ...]
    """Entries that the audit chain tells of and that could not be read."""
    unsound: Mapping[str, list[str]]
    """Rows whose sum was wrong, by table, each by its number here or the device's or entry's."""


def set_aside(path: Path, clock: Clock) -> Path:
    """Move a damaged journal's files into a folder beside it; return that folder."""
    at = clock.now().utc.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    times = 1 + len(list(path.parent.glob(f"damaged-{at}*")))
    folder = path.parent / (f"damaged-{at}" if times == 1 else f"damaged-{at}-{times}")
    folder.mkdir(mode=0o700)
    for suffix in reversed(_FILES):  # the database last: cut short, this is begun again
        file = path.with_name(path.name + suffix)
        if file.exists():
            file.rename(folder / file.name)
    return folder


def copy_rows(database: Database, damaged: Path) -> Mapping[str, list[str]]:
    """Copy every sound row that can be read into a database without rows, each table by itself.

    Returns which rows were read and are not sound, by table; they are left out.
    """
    unsound: dict[str, list[str]] = {}
    try:
        source = open_damaged(damaged)
    except JournalError:
        return unsound
    database.run("PRAGMA foreign_keys = OFF")
    try:
        database.run("BEGIN IMMEDIATE")
        database.run("DELETE FROM keys")
        database.run("DELETE FROM spare_keys")
        for table, number in _TABLES.items():
            if left_out := _copy(source, database, table, number):
                unsound[table] = left_out
        database.run("COMMIT")
    finally:
        if database.in_transaction:
            database.run("ROLLBACK")
        database.run("PRAGMA foreign_keys = ON")
        source.close()
    return unsound


def complete(
    tx: Transaction,
    folder: Path,
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
        {"folder": folder.name, "saved": saved, "lost": list(lost), "unsound": dict(unsound)},
    )
    _log.error(
        "the journal was damaged: set aside in %s; readings saved %d, lost %d; other rows left out"
        " as damaged: %s",
        folder,
        saved,
        len(lost),
        ", ".join(f"{table} {' '.join(rows)}" for table, rows in unsound.items()) or "none",
    )
    return Salvaged(folder, saved, lost, unsound)


def _copy(source: Database, database: Database, table: str, number: str | None) -> list[str]:
    """Copy the sound rows of a table; return what the others were called."""
    unsound = []
    names = [row[1] for row in database.rows(f"PRAGMA table_info({table})")]
    marks = ", ".join("?" * len(names))
    insert = f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608
    columns = ", ".join(names)
    if expression := database.sums().get(table):
        columns = f"sum IS {expression}, {columns}"
    else:
        columns = f"1, {columns}"
    rows = _around(source, table, columns, number) if number else _ends(source, table, columns)
    for sound, *row in rows:
        if not sound:
            unsound.append(str(row[0]))
            continue
        with suppress(JournalError):  # damage made it break the table's rules
            database.run(insert, row)
    return unsound


def _around(source: Database, table: str, columns: str, number: str) -> Iterator[Sequence[Any]]:
    """Yield rows in order of their number, leaping over those that cannot be read."""
    sql = f"SELECT {number}, {columns} FROM {table} WHERE {number} > ? ORDER BY {number}"  # noqa: S608
    back = sql.replace(">", "<=") + " DESC"
    last, leap = -1, 0
    highest = _highest(source, table, number)
    while last + leap <= highest:
        leapt = last + leap
        try:
            for at, *row in source.stream(sql, (leapt,)):
                if leap:  # over the damage: what lies between is read from behind
                    yield from _until_damage(source, back, leapt, last)
                last, leap = at, 0
                yield row
        except JournalError:
            # Small leaps first; a damaged number can be anywhere up to 2**63.
            leap = min(2 * leap or 1, leap + 64) if leap < _SMALL_LEAPS else 2 * leap
            continue
        return
    yield from _until_damage(source, back, highest, last)


def _until_damage(source: Database, sql: str, start: int, stop: int) -> Iterator[Sequence[Any]]:
    with suppress(JournalError):
        for at, *row in source.stream(sql, (start,)):
            if at <= stop:
                return
            yield row


def _highest(source: Database, table: str, number: str) -> int:
    try:
        (highest,) = source.one(f"SELECT ifnull(max({number}), 0) FROM {table}")  # noqa: S608
    except JournalError:
        return 2**20
    return int(highest)


def _ends(source: Database, table: str, columns: str) -> Iterator[Sequence[Any]]:
    """Yield rows from the first on and, where that is cut short, from the last back."""
    for order in ("ASC", "DESC"):
        try:
            yield from source.stream(
                f"SELECT {columns} FROM {table} ORDER BY 2 {order}"  # noqa: S608
            )
        except JournalError:
            continue
        return


def _restore_devices(tx: Transaction) -> None:
    """Make a device of what its readings say where its own row is gone."""
    for number, entry in tx.db.rows(
        "SELECT device, min(number) FROM entries WHERE device NOT IN (SELECT number FROM devices)"
        " GROUP BY device"
    ):
        try:
            said = DeviceId(_reading_of(tx, entry).device)
        except Unreadable:
            said = DeviceId(f"unknown:{number}")
        tx.db.run(
            "INSERT OR IGNORE INTO devices (number, id, details, first_seen_us)"
            " VALUES (?, ?, ?, ?)",
            (
                number,
                tx.keys.device(said),
                devices.sealed(tx.keys, number, Device(id=said, driver="unknown")),
                tx.now_us,
            ),
        )


def _restore_subjects(tx: Transaction) -> None:
    """Keep that a person is there whose name is gone: they are called "?"."""
    tx.db.run(
        "INSERT OR IGNORE INTO subjects (id, name, added_us)"
        " SELECT DISTINCT subject, x'', ? FROM entries WHERE subject IS NOT NULL",
        (tx.now_us,),
    )


def _restore_timings(tx: Transaction, zone: tzinfo) -> None:
    for (number,) in tx.db.rows(
        "SELECT number FROM entries WHERE number NOT IN (SELECT entry FROM timings)"
    ):
        try:
            reading = _reading_of(tx, number)
        except Unreadable:
            continue
        device, attribution = tx.db.one(
            "SELECT device, attribution FROM entries WHERE number = ?", (number,)
        )
        if attribution in (Attribution.COMPUTED, Attribution.REPLACED):
            timing = computing.stated(reading)
        else:
            looks = clocks.history(tx, device)
            timing = timings.time_of(tx.db, reading, zone, looks, doubted=True)
        tx.db.run(
            "INSERT INTO timings (entry, step, measured_us, utc_offset_s, correction_us, reason,"
            " uncertainty_us, sendable) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            entry_rows.timing_row(number, 1, timing),
        )
        tx.db.run(
            "UPDATE entries SET measured_us = ?1 WHERE number = ?2 AND measured_us <> ?1",
            (to_us(timing.measured_at), number),
        )


def _restore_deliveries(tx: Transaction, routes: Mapping[str, frozenset[Kind]]) -> None:
    for destination, kinds in routes.items():
        for kind in sorted(kinds):
            tx.db.run(
                "INSERT INTO deliveries (entry, destination, subject, state, due_us,"
                " may_have_arrived, changed_us)"
                " SELECT number, ?1, subject, 'unsettled', ?2, 1, ?3 FROM entries AS e"
                " WHERE kind = ?4 AND NOT EXISTS (SELECT 1 FROM deliveries"
                " WHERE entry = e.number AND destination = ?1)",
                (destination, AT_ONCE_US, tx.now_us, kind),
            )


def _reading_of(tx: Transaction, number: int) -> Reading:
    row = tx.db.one(
        "SELECT id, device, kind, slot, recorded_us, subject, payload FROM entries"
        " WHERE number = ?",
        (number,),
    )
    *where, subject, payload = row
    return entry_rows.parse(tx.keys.open(subject or NOBODY, payload, entry_rows.place(*where)))


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
