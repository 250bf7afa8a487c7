"""The one file that knows the storage engine: SQLite, through apsw.

Opens connections with the settings that durability rests on, brings the schema up to date, and
turns the engine's errors into the gateway's. docs/decisions/0001-apsw.md says why apsw.
"""

from __future__ import annotations

import errno
import os
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import apsw

from gateway import durable
from gateway.errors import JournalDamaged, JournalError, JournalFull

Row = tuple[Any, ...]

_BUSY_MS = 5000  # only a checkpoint and a reader's first look can ever wait for each other
_WAL_KEPT_BYTES = 8 * 2**20  # after a burst the log shrinks to this: an SD card's space is scarce
_APPLICATION_ID = 0x68736777  # "hsgw": tells our files from other SQLite databases
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})

_ERRORS = (apsw.Error, UnicodeDecodeError)  # the latter from a text that is damaged
_SUM = re.compile(r"^ *sum INTEGER GENERATED ALWAYS AS (\(.*\)) STORED", re.MULTILINE)

_TOGETHER = (64, 16, 4, 1)
"""Rows of one INSERT: few sizes, so that the engine keeps the statements it has compiled."""

_OF_STEPS = (
    "make_keys",
    "seal",
    "entry_id",
    "device_id",
    "entry_near",
    "entry_moved",
    "address_of",
)
"""The functions that steps of the schema call, on rows; there are none in a new journal."""

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
        """Use `open_writer` or `open_reader`."""
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
                    bindings = [value for row in rows[done : done + size] for value in row]
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

    def _translated(self, error: Exception) -> JournalError:
        found = _translated(error, self._path, self._connection.system_errno)
        if isinstance(found, JournalDamaged):
            self.on_damage(found)
        return found


def open_writer(path: Path, prepare: Callable[[Database], None] = lambda _: None) -> Database:
    """Open the database for writing, its schema brought up to date. Every commit is synced.

    `make_private` has made the file, and the caller has the writer's lock. `prepare` is called
    before any step of the schema runs, to define what steps call.
    """
    _check_header(path)
    connection = _connection(path, str(path), apsw.SQLITE_OPEN_READWRITE)
    try:
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone() or ("nothing",)
        connection.execute("PRAGMA synchronous = FULL")
        (synchronous,) = connection.execute("PRAGMA synchronous").fetchone() or (None,)
        for setting in _SETTINGS:
            connection.execute(setting)
    except apsw.Error as error:
        _give_up(connection)
        raise _translated(error, path, 0) from error
    if (mode, synchronous) != ("wal", 2):
        _give_up(connection)
        raise JournalError(
            f"{path} cannot be written safely (journal mode {mode}, synchronous {synchronous}): "
            "put the journal on a local disk"
        )
    database = Database(connection, path)
    try:
        prepare(database)
        _upgrade(database, path)
    except JournalError:
        _give_up(connection)
        raise
    return database


def open_reader(path: Path, *, newer: bool = False) -> Database:
    """Open the database for reading, without writing anything.

    A journal that was closed well is one complete file and is read as it stands; while it is
    written, or after a crash, its log is read too. With `newer` also one that a newer gateway
    wrote, of which any table may be another by now.
    """
    if not path.exists():
        raise JournalError(f"there is no journal at {path}")
    log = path.with_name(path.name + "-wal")
    how = "mode=ro" if log.exists() else "immutable=1"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = _connection(path, f"{path.absolute().as_uri()}?{how}", flags)
    database = Database(connection, path)
    try:
        database.run("PRAGMA query_only = ON")
        database.run("PRAGMA trusted_schema = OFF")
        _check_version(database, path, newer=newer)
    except JournalError:
        _give_up(connection)
        raise
    return database


def check(database: Database) -> None:
    """Look through the whole file; raises JournalDamaged if anything of it is broken.

    Its structure, its indexes, and the sum of every row that has one. What is sealed shows its
    damage when it is opened.
    """
    (version,) = database.one("PRAGMA user_version")
    if version == len(schema_steps()) and not _known_schema() <= _schema(database):
        raise JournalDamaged("the journal is damaged (what describes it); nothing was deleted")
    (found,) = database.one("PRAGMA integrity_check(1)")
    if found != "ok":
        raise JournalDamaged(f"the journal is damaged ({found}); nothing was deleted")
    if database.row("PRAGMA foreign_key_check"):
        raise JournalDamaged("the journal is damaged (a row's parent is gone); nothing was deleted")
    for index, table, sql in database.rows(
        "SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'index'"
    ):  # an empty one is not looked at by the engine's own check
        where = (sql or "").partition(" WHERE ")[2] or "1"
        database.row(f"SELECT 1 FROM {table} INDEXED BY {index} WHERE {where} LIMIT 1")  # noqa: S608
    wrong = {table: f"NOT are_texts({texts})" for table, texts in _texts(database).items()}
    wrong |= {table: f"sum IS NOT {sum_}" for table, sum_ in database.sums().items()}
    for table, condition in wrong.items():
        if database.row(f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1"):  # noqa: S608
            raise JournalDamaged(f"the journal is damaged (a row of {table}); nothing was deleted")


def _texts(database: Database) -> dict[str, str]:
    """Return the columns of each table that hold text."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for table, column in database.rows(
        "SELECT t.name, c.name FROM pragma_table_list AS t, pragma_table_info(t.name) AS c"
        " WHERE t.schema = 'main' AND t.type = 'table' AND c.type = 'TEXT'"
        " AND t.name NOT LIKE 'sqlite_%'"
    ):
        found[table].append(column)
    return {table: ", ".join(columns) for table, columns in found.items()}


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


def schema_steps() -> list[str]:
    """Return the schema's steps in order, as SQL."""
    folder = files("gateway.journal") / "schema"
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [file.read_text(encoding="utf-8") for file in found]


def _schema(database: Database) -> frozenset[Row]:
    return frozenset(database.rows("SELECT type, name, tbl_name, sql FROM sqlite_schema"))


@lru_cache(maxsize=1)
def _known_schema() -> frozenset[Row]:
    """Return what describes the tables of a sound journal: that of one made here, in memory."""
    made = Database(_connection(Path(":memory:"), ":memory:", apsw.SQLITE_OPEN_READWRITE), Path())
    for function in _OF_STEPS:
        made.define(function, lambda *_: None)
    for step in schema_steps():
        made.rows(step)
    schema = _schema(made)
    made.close()
    return schema


def _give_up(connection: apsw.Connection) -> None:
    """Close a connection that is of no use; why is said already."""
    with suppress(apsw.Error):
        connection.close()


def _check_header(path: Path) -> None:
    """Raise JournalDamaged if the engine would take a journal of ours for something else.

    Fields by https://www.sqlite.org/fileformat2.html, 1.3: what each of our files has there.
    """
    with path.open("rb") as file:
        head = file.read(100)
    application = int.from_bytes(head[68:72], "big")
    if len(head) < 100 or not (
        application == _APPLICATION_ID or _one_bit(application, _APPLICATION_ID)
    ):
        return  # new, or not ours: looked at later
    sound = (
        head[:18] == b"SQLite format 3\0\x10\0"
        and head[18:20] in (b"\1\1", b"\2\2")
        and head[20:24] == bytes((0, 64, 32, 32))
        and head[44:48] == b"\0\0\0\4"
        and head[56:60] == b"\0\0\0\1"
    )
    if not sound:
        raise JournalDamaged(f"the journal {path} is damaged (its header); nothing was deleted")


def _one_bit(one: int, other: int) -> bool:
    """Tell whether exactly one bit differs."""
    return (one ^ other).bit_count() == 1


def _upgrade(database: Database, path: Path) -> None:
    """Run the steps that have not run. A step and the record that it ran are one transaction."""
    version = _check_version(database, path)
    database.run("PRAGMA foreign_keys = OFF")  # while tables are made anew
    for number, step in enumerate(schema_steps()[version:], start=version + 1):
        try:
            database.rows(
                f"BEGIN IMMEDIATE; {step}; PRAGMA application_id = {_APPLICATION_ID};"
                f" PRAGMA user_version = {number}; COMMIT"
            )
        except JournalError:
            if database.in_transaction:
                database.run("ROLLBACK")
            raise
    database.run("PRAGMA foreign_keys = ON")


def _check_version(database: Database, path: Path, *, newer: bool = False) -> int:
    """Return how many steps have run; raises JournalError if this program cannot know them all."""
    (application,) = database.row("PRAGMA application_id") or (0,)
    (version,) = database.row("PRAGMA user_version") or (0,)
    # A newer schema may only add to ours, and its number be a bit away from ours, as 9 is from 8.
    if _one_bit(application, _APPLICATION_ID) or (
        _one_bit(version, len(schema_steps())) and _known_schema() == _schema(database)
    ):
        raise JournalDamaged("the journal is damaged (its header); nothing was deleted")
    if application not in (0, _APPLICATION_ID):
        raise JournalError(f"{path} is a database of another program: name another file")
    known = len(schema_steps())
    if version > known and not newer:
        raise JournalError(
            f"{path} was written by a newer gateway (schema {version}, this one knows {known}): "
            "install that version or a later one; the journal was left as it is"
        )
    return int(version)


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
