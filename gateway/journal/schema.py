"""The schema: its steps, and whether a file is as they leave it.

The steps are the files `schema/*.sql`, in order. A journal is opened here: for writing with every
step run, for reading as it stands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from gateway.errors import JournalDamaged, JournalError
from gateway.journal.database import Database, Row, for_reading, for_writing, in_memory

_APPLICATION_ID = 0x68736777  # "hsgw": tells our files from other SQLite databases

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


def open_writer(path: Path, prepare: Callable[[Database], None] = lambda _: None) -> Database:
    """Open the database for writing, its schema brought up to date. Every commit is synced.

    `make_private` has made the file, and the caller has the writer's lock. `prepare` is called
    before any step of the schema runs, to define what steps call.
    """
    _check_header(path)
    database = for_writing(path)
    with database.closed_on_error():
        prepare(database)
        _upgrade(database, path)
    return database


def open_reader(path: Path, *, newer: bool = False) -> Database:
    """Open the database for reading, without writing anything.

    A journal that was closed well is one complete file and is read as it stands; while it is
    written, or after a crash, its log is read too. With `newer` also one that a newer gateway
    wrote, of which any table may be another by now.
    """
    database = for_reading(path)
    with database.closed_on_error():
        _check_version(database, path, newer=newer)
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


def schema_steps() -> list[str]:
    """Return the schema's steps in order, as SQL."""
    folder = files("gateway.journal") / "schema"
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [file.read_text(encoding="utf-8") for file in found]


@lru_cache(maxsize=1)
def _known_schema() -> frozenset[Row]:
    """Return what describes the tables of a sound journal: that of one made here, in memory."""
    made = in_memory()
    for function in _OF_STEPS:
        made.define(function, lambda *_: None)
    for step in schema_steps():
        made.rows(step)
    schema = _schema(made)
    made.close()
    return schema


def _schema(database: Database) -> frozenset[Row]:
    return frozenset(database.rows("SELECT type, name, tbl_name, sql FROM sqlite_schema"))


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


def _one_bit(one: int, other: int) -> bool:
    """Tell whether exactly one bit differs."""
    return (one ^ other).bit_count() == 1
