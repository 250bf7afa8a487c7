"""The one file that knows the storage engine: SQLite, through apsw.

Opens connections with the settings that durability rests on, and turns the engine's errors into the
gateway's; `schema.py` opens a journal. docs/decisions/0001-apsw.md says why apsw.
"""

from __future__ import annotations

import errno
import os
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import apsw

from gateway import durable
from gateway.errors import JournalDamaged, JournalError, JournalFull

Row = tuple[Any, ...]

_BUSY_MS = 5000  # only a checkpoint and a reader's first look can ever wait for each other
_WAL_KEPT_BYTES = 8 * 2**20  # after a burst the log shrinks to this: an SD card's space is scarce
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})

_ERRORS = (apsw.Error, UnicodeDecodeError)  # the latter from a text that is damaged
_SUM = re.compile(r"^ *sum INTEGER GENERATED ALWAYS AS (\(.*\)) STORED", re.MULTILINE)

_TOGETHER = (64, 16, 4, 1)
"""Rows of one INSERT: few sizes, so that the engine keeps the statements it has compiled."""

_SETTINGS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA cell_size_check = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA temp_store = MEMORY",
    f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}",
)


class Database:
    """One connection. Every method raises JournalError, or JournalFull where space is the cause."""

    def __init__(self, connection: apsw.Connection, path: Path) -> None:
        """Use `for_writing`, `for_reading` or `in_memory`."""
        self._connection = connection
        self._path = path
        self.on_damage: Callable[[JournalDamaged], None] = lambda _: None
        """Called when the engine met damage, before that is raised."""
        self.log_pages = 0
        """How many pages the log holds that are not folded into the database yet."""
        # In place of the engine's own folding, whose failure would pass for that of the commit.
        connection.set_wal_hook(self._committed)

    def rows(self, sql: str, bindings: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and return all its rows."""
        try:
            return self._connection.execute(sql, tuple(bindings)).fetchall()
        except _ERRORS as error:
            raise self._translated(error) from error

    def row(self, sql: str, bindings: Sequence[Any] = ()) -> Row | None:
        """Run one statement and return its first row, or None."""
        try:
            cursor = self._connection.execute(sql, tuple(bindings))
            row: Row | None = cursor.fetchone()
            cursor.close()
        except _ERRORS as error:
            raise self._translated(error) from error
        return row

    def one(self, sql: str, bindings: Sequence[Any] = ()) -> Row:
        """Run one statement that has exactly one row, and return it."""
        row = self.row(sql, bindings)
        if row is None:
            raise JournalError(f"the journal {self._path} gave no row where there must be one")
        return row

    def stream(self, sql: str, bindings: Sequence[Any] = ()) -> Iterator[Row]:
        """Run one statement and yield its rows one by one; nothing is read ahead."""
        try:
            yield from self._connection.execute(sql, tuple(bindings))
        except _ERRORS as error:
            raise self._translated(error) from error

    def run(self, sql: str, bindings: Sequence[Any] = ()) -> int:
        """Run one statement and return how many rows it changed."""
        try:
            self._connection.execute(sql, tuple(bindings)).close()
            return self._connection.changes()
        except _ERRORS as error:
            raise self._translated(error) from error

    def insert_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> list[Row]:
        """Run an INSERT of one row for all rows, many at a time; return what it RETURNs.

        That takes two thirds of the time of one statement for each.
        """
        found: list[Row] = []
        done = 0
        try:
            for size in _TOGETHER:
                while len(rows) - done >= size:
                    bindings = list(chain.from_iterable(rows[done : done + size]))
                    found += self._connection.execute(_of_rows(sql, size), bindings).fetchall()
                    done += size
        except _ERRORS as error:
            raise self._translated(error) from error
        return found

    def fold(self, *, whole: bool = False) -> bool:
        """Fold the log into the database; `whole` empties its file too. Tell whether all was."""
        busy, pages, folded = self.one(
            f"PRAGMA wal_checkpoint({'TRUNCATE' if whole else 'PASSIVE'})"
        )
        done = not busy and pages == folded
        if done:
            self.log_pages = 0
        return bool(done)

    def _committed(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self.log_pages = pages
        return apsw.SQLITE_OK

    def copy_to(self, path: Path) -> None:
        """Write the database as of now into a new file, even while another process writes it."""
        try:
            target = apsw.Connection(str(path))
            try:
                with target.backup("main", self._connection, "main") as copying:
                    while not copying.done:
                        copying.step(1000)
                target.pragma("journal_mode", "delete")
            finally:
                target.close()
            path.chmod(0o600)
        except _ERRORS as error:
            raise self._translated(error) from error

    def sums(self) -> dict[str, str]:
        """Return the expression of each table's sum, by table: what a sound row's `sum` equals."""
        tables = self.rows("SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
        found = {name: _SUM.search(sql) for name, sql in tables}
        return {name: match[1] for name, match in found.items() if match}

    def define(self, name: str, function: Callable[..., Any]) -> None:
        """Let SQL on this connection call the function; for the schema's steps."""
        self._connection.create_scalar_function(name, function)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let what is read inside be of one state of the journal."""
        self.run("BEGIN")
        try:
            yield
        finally:
            self.run("COMMIT")

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open; the engine itself ends one after a grave error."""
        return self._connection.in_transaction

    def close(self) -> None:
        """Close the connection; the last one of a writer folds the log into the database file."""
        try:
            self._connection.close()
        except _ERRORS as error:  # the connection is closed all the same, and tells no more
            raise _translated(error, self._path, 0) from error

    @contextmanager
    def closed_on_error(self) -> Iterator[None]:
        """Close the connection if what is done inside fails: it is of no use then."""
        try:
            yield
        except JournalError:
            with suppress(apsw.Error):  # why it failed is said already
                self._connection.close()
            raise

    def _translated(self, error: Exception) -> JournalError:
        found = _translated(error, self._path, self._connection.system_errno)
        if isinstance(found, JournalDamaged):
            self.on_damage(found)
        return found


def for_writing(path: Path) -> Database:
    """Open a file for writing; raises JournalError if commits could not be synced there."""
    database = Database(_connection(path, str(path), apsw.SQLITE_OPEN_READWRITE), path)
    with database.closed_on_error():
        (mode,) = database.row("PRAGMA journal_mode = WAL") or ("nothing",)
        database.run("PRAGMA synchronous = FULL")
        (synchronous,) = database.one("PRAGMA synchronous")
        for setting in _SETTINGS:
            database.run(setting)
        if (mode, synchronous) != ("wal", 2):
            raise JournalError(
                f"{path} cannot be written safely (journal mode {mode}, synchronous {synchronous}):"
                " put the journal on a local disk"
            )
    return database


def for_reading(path: Path) -> Database:
    """Open a file for reading: with its log if it has one, else as it stands."""
    if not path.exists():
        raise JournalError(f"there is no journal at {path}")
    log = path.with_name(path.name + "-wal")
    how = "mode=ro" if log.exists() else "immutable=1"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    database = Database(_connection(path, f"{path.absolute().as_uri()}?{how}", flags), path)
    with database.closed_on_error():
        database.run("PRAGMA query_only = ON")
        database.run("PRAGMA trusted_schema = OFF")
    return database


def in_memory() -> Database:
    """Make a database that is nowhere on the disk."""
    return Database(_connection(Path(), ":memory:", apsw.SQLITE_OPEN_READWRITE), Path())


def _connection(path: Path, name: str, flags: int) -> apsw.Connection:
    try:
        connection = apsw.Connection(name, flags=flags)
    except apsw.Error as error:
        raise _translated(error, path, 0) from error
    connection.set_busy_timeout(_BUSY_MS)
    # Else a statement is compiled again for each new value, in case that helps the plan: it never
    # does here, and takes ten times what running it does.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    functions: dict[str, Callable[..., int]] = {"row_sum": row_sum, "are_texts": are_texts}
    for called, function in functions.items():
        connection.create_scalar_function(
            called, function, deterministic=True, flags=apsw.SQLITE_INNOCUOUS
        )
    return connection


@lru_cache(maxsize=64)
def _of_rows(sql: str, rows: int) -> str:
    """Return an INSERT of one row of VALUES as one of several."""
    head, values, row = sql.partition(" VALUES ")
    end = row.index(")") + 1
    return f"{head}{values}{', '.join([row[:end]] * rows)}{row[end:]}"


@lru_cache(maxsize=1024)  # called for every row written, mostly with the same words
def row_sum(*words: str | None) -> int:
    """Return what the schema's sums are made of beside numbers: a CRC-32 of the words."""
    return zlib.crc32("\x1f".join("\x00" if word is None else word for word in words).encode())


def are_texts(*_: str | None) -> bool:
    """Return True, if it is called at all: bytes that are no UTF-8 do not get here."""
    return True


def make_private(path: Path) -> None:
    """Make the file if it is not there, for this user only, in a folder of the same kind."""
    try:
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700, parents=True)
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            durable.sync(path.parent)  # else a power cut could forget the file's name
    except OSError as error:
        kind = JournalFull if error.errno in _NO_SPACE else JournalError
        raise kind(f"cannot make the journal {path}: {error.strerror}") from error


def _translated(error: Exception, path: Path, system_errno: int) -> JournalError:
    if (
        isinstance(error, apsw.FullError)
        or getattr(error, "extendedresult", 0)
        == apsw.SQLITE_IOERR_SHMSIZE  # the log's index could not grow
        or (isinstance(error, apsw.IOError) and system_errno in _NO_SPACE)
    ):
        return JournalFull(f"no space left for the journal {path}: free some; it then goes on")
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError)):
        return JournalDamaged(
            f"the journal {path} is damaged ({error}); nothing was deleted. "
            "Start the gateway again: it sets the file aside and saves what can be read"
        )
    if isinstance(error, apsw.IOError):
        reason = os.strerror(system_errno) if system_errno else str(error)
        return JournalError(f"the disk under the journal {path} failed: {reason}")
    return JournalError(f"the journal {path} could not do that: {error}")
