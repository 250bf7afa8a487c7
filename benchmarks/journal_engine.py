"""Which storage engine for the journal: apsw or the standard library's sqlite3?

    python benchmarks/journal_engine.py [FOLDER]

Writes 240-byte records into a table with a deduplicating key, every commit synced, in FOLDER (the
disk that is to be measured; a temporary folder by default). The contenders take turns, so that a
noisy machine is noisy for all; the numbers are medians. Read the ratios.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import apsw
import apsw.sqlite_extra

ROUNDS = 7
SECONDS = 0.5  # of writing per contender, group size and round
GROUPS = (1, 100, 1000)

SCHEMA = (
    "CREATE TABLE entries (number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
    " at INTEGER NOT NULL, payload BLOB NOT NULL) STRICT"
)
INSERT = "INSERT INTO entries (id, at, payload) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING"

Record = tuple[bytes, int, bytes]
Write = Callable[[Sequence[Record]], None]
Opened = tuple[Write, Callable[[], None]]


def with_sqlite3(path: Path) -> Opened:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in _settings():
        connection.execute(statement)

    def write(records: Sequence[Record]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(INSERT, records)
        connection.execute("COMMIT")

    return write, connection.close


def with_apsw(path: Path, checksums: bool = False) -> Opened:
    if checksums:
        with_checksums = apsw.Connection(":memory:")
        apsw.sqlite_extra.load(with_checksums, "cksumvfs")
        with_checksums.close()
    vfs = "cksmvfs" if checksums else "unix"
    connection = apsw.Connection(str(path), vfs=vfs)
    if checksums:
        connection.reserve_bytes(reserve=8)
    for statement in _settings():
        connection.execute(statement)

    def write(records: Sequence[Record]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(INSERT, records)
        connection.execute("COMMIT")

    return write, connection.close


def with_write_and_sync(path: Path) -> Opened:
    """The least that any of them can do: append and sync. No key, no table."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(records: Sequence[Record]) -> None:
        os.write(file, b"".join(key + payload for key, _, payload in records))
        os.fdatasync(file)

    return write, lambda: os.close(file)


CONTENDERS: dict[str, Callable[[Path], Opened]] = {
    "append + fdatasync": with_write_and_sync,
    "sqlite3": with_sqlite3,
    "apsw": with_apsw,
    "apsw + page checksums": lambda path: with_apsw(path, checksums=True),
}


def main() -> None:
    folder = sys.argv[1] if len(sys.argv) > 1 else None
    print(f"sqlite3 has SQLite {sqlite3.sqlite_version}, apsw has {apsw.sqlite_lib_version()}")
    rates: dict[tuple[str, int], list[float]] = {}
    for _ in range(ROUNDS):
        for group in GROUPS:
            for name, opened in CONTENDERS.items():
                with tempfile.TemporaryDirectory(dir=folder) as place:
                    write, close = opened(Path(place) / "journal.db")
                    rates.setdefault((name, group), []).append(_rate(write, group))
                    close()
    print("rows/s, median; rows in a commit: " + ", ".join(map(str, GROUPS)))
    for name in CONTENDERS:
        row = [f"{statistics.median(rates[name, group]):>10,.0f}" for group in GROUPS]
        print(f"{name:24}" + "".join(row))


def _rate(write: Write, group: int) -> float:
    records = _records()
    done = 0
    began = time.perf_counter()
    while (passed := time.perf_counter() - began) < SECONDS:
        write([next(records) for _ in range(group)])
        done += group
    return done / passed


def _records() -> Iterator[Record]:
    payload = os.urandom(216)
    number = 0
    while True:
        number += 1
        yield os.urandom(16), number, payload


def _settings() -> tuple[str, ...]:
    return ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", SCHEMA)


if __name__ == "__main__":
    main()
