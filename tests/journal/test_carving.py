"""Rows are found without the engine, whatever became of what leads to them."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.journal.carving import PAGE_BYTES, Value, carve

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3000)
VALUES = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), TEXTS, st.binary(max_size=9000))


def _made(path: Path, rows: list[tuple[Value, ...]]) -> None:
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE numbered (number INTEGER PRIMARY KEY, a, b)")
        made.execute("CREATE TABLE keyed (number INTEGER PRIMARY KEY, a, b) WITHOUT ROWID")
        for table in ("numbered", "keyed"):
            made.executemany(
                f"INSERT INTO {table} VALUES (?, ?, ?)",
                [(n, *row) for n, row in enumerate(rows, 1)],
            )
    made.close()


@given(rows=st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=12))
def test_every_row_that_was_written_is_found(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Value, ...]]
) -> None:
    path = tmp_path_factory.mktemp("carved") / "any.db"
    _made(path, rows)

    found = list(carve(path))

    numbered = {each.number: each.values for each in found if each.number and each.stated}
    keyed = {each.values[0]: each.values for each in found if each.number is None and each.stated}
    for number, row in enumerate(rows, 1):
        assert numbered[number] == (None, *row)
        assert keyed[number] == (number, *row)


def _no_header(content: bytearray) -> None:
    content[:PAGE_BYTES] = bytes(PAGE_BYTES)


def _no_inner_page(content: bytearray) -> None:
    for start in range(PAGE_BYTES, len(content), PAGE_BYTES):
        if content[start] == 5:
            content[start : start + PAGE_BYTES] = bytes(PAGE_BYTES)


def _no_kinds(content: bytearray) -> None:
    for start in range(PAGE_BYTES, len(content), PAGE_BYTES):
        content[start] = 99


@pytest.mark.parametrize("damage", [_no_header, _no_inner_page, _no_kinds])
def test_neither_the_header_nor_what_leads_to_a_page_is_needed(
    tmp_path: Path, damage: Callable[[bytearray], None]
) -> None:
    rows: list[tuple[Value, ...]] = [(f"row {n}" * 20, n) for n in range(400)]
    path = tmp_path / "any.db"
    _made(path, rows)
    content = bytearray(path.read_bytes())
    damage(content)
    path.write_bytes(content)

    found = {each.number: each.values for each in carve(path) if each.number is not None}

    assert all(found.get(n) == (None, *row) for n, row in enumerate(rows, 1))


def test_what_was_committed_to_the_log_counts_and_what_was_not_does_not(tmp_path: Path) -> None:
    path = tmp_path / "any.db"
    _made(path, [("old", 1)])
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("PRAGMA cache_size = 1")  # so that the log has it before the commit
    writer.execute("UPDATE numbered SET a = 'new'")
    writer.execute("BEGIN")
    writer.executemany(
        "INSERT INTO numbered VALUES (?, ?, ?)", [(n, "x" * 3000, 2) for n in range(9, 99)]
    )

    found = {each.number: each.values for each in carve(path) if each.stated and each.number}

    writer.close()
    assert found == {1: (None, "new", 1)}
