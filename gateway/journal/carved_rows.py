"""What carving found in a damaged journal, row by row, into the tables of a new one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.errors import JournalError, JournalFull
from gateway.journal.carving import Carved, carve
from gateway.journal.database import Database

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
    "looked_at_again",
    "consent",
    "audit",
    "bookmarks",
    "aside",
    "remarks",
    "unnamed_addresses",
    "pairings",
    "clocks",
    "boots",
    "timed_again",
    "erased",
)
"""Every table, in an order in which rows find what they refer to.

But for `corrections_tried`, which holds nothing but marks: they are tried anew.
"""

_TYPES = {"INTEGER": int, "TEXT": str, "BLOB": bytes}


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
            for table in ("timings", "deliveries", "corrections_owed", "looked_at_again"):
                database.run(f"DELETE FROM {table} WHERE entry = ?", (number,))  # noqa: S608


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
            if key and (column == "number" or name == "looked_at_again"):
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
