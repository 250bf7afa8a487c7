import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from gateway.errors import JournalDamaged, JournalError
from gateway.journal import schema
from gateway.journal.database import for_writing, make_private, row_sum
from gateway.journal.reader import Reader
from gateway.journal.schema import check, open_reader, open_writer, schema_steps
from tests.journal.making import SCALE, open_journal, weight


async def _closed_journal(path: Path) -> None:
    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(1)])


async def test_every_commit_is_synced_and_deleted_content_is_overwritten(path: Path) -> None:
    await _closed_journal(path)

    opened = open_writer(path)

    settings = ("journal_mode", "synchronous", "secure_delete", "foreign_keys")
    values = [opened.one(f"PRAGMA {name}")[0] for name in settings]
    opened.close()
    assert values == ["wal", 2, 1, 1]


async def test_files_and_folder_are_for_this_user_only(path: Path) -> None:
    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(1)])

        found = {file: stat.S_IMODE(file.stat().st_mode) for file in path.parent.rglob("*")}
        folders = {file for file in found if file.is_dir()}

    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {found[folder] for folder in folders} == {0o700}
    assert {mode for file, mode in found.items() if file not in folders} == {0o600}
    assert {"journal.db-wal", "hub.key"} < {file.name for file in found}


def test_a_copy_is_for_this_user_only(tmp_path: Path) -> None:
    make_private(tmp_path / "journal.db")
    database = for_writing(tmp_path / "journal.db")

    database.copy_to(tmp_path / "copy.db")
    database.close()

    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600


def test_where_a_commit_cannot_be_synced_nothing_is_written() -> None:
    with pytest.raises(JournalError, match="cannot be written safely"):
        for_writing(Path(":memory:"))


def test_a_sum_tells_apart_what_a_word_is_where_it_ends_and_whether_it_is_there() -> None:
    sums = [row_sum(*words) for words in (("a", "b"), ("b", "a"), ("ab", ""), ("ab", None), ())]

    assert len(set(sums)) == len(sums)


def test_a_second_writer_is_refused_and_told_who_has_it(path: Path) -> None:
    program = (
        "import sys, asyncio; from pathlib import Path\n"
        "from tests.journal.making import open_journal\n"
        "journal = open_journal(Path(sys.argv[1]))\n"
        "print('open', flush=True); sys.stdin.read(); asyncio.run(journal.close())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"

        with pytest.raises(JournalError, match=rf"in use by process {other.pid}\b"):
            open_journal(path)

        other.communicate("")


async def test_the_lock_is_free_again_after_closing(path: Path) -> None:
    await _closed_journal(path)

    await _closed_journal(path)

    with Reader.open(path) as reader:
        assert reader.summary().entries == 1


async def test_a_newer_schema_is_left_alone(path: Path) -> None:
    await _closed_journal(path)
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 999")
    other.close()
    before = path.read_bytes()

    with pytest.raises(JournalError, match=r"newer gateway .schema 999"):
        open_journal(path)
    with pytest.raises(JournalError, match="newer gateway"):
        Reader.open(path)

    assert path.read_bytes() == before


async def test_a_newer_schema_that_only_adds_is_no_damage_though_its_number_is_a_bit_away(
    path: Path,
) -> None:
    """As 9 is from 8: the former release would set the journal aside, and take what it knows."""
    await _closed_journal(path)
    known = len(schema_steps())
    newer = known | ~known & (known + 1)  # its lowest bit that is not set, set
    with sqlite3.connect(path) as other:
        other.execute("CREATE INDEX of_the_next_release ON entries (id)")
        other.execute(f"PRAGMA user_version = {newer}")
    other.close()
    before = path.read_bytes()

    with pytest.raises(JournalError, match=f"newer gateway .schema {newer}"):
        open_journal(path)

    assert path.read_bytes() == before


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA application_id = 7")
    other.close()

    with pytest.raises(JournalError, match="another program"):
        open_journal(path)


def test_a_damaged_file_is_named_and_kept_by_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"not a database, but somebody's readings once" * 100)
    before = path.read_bytes()

    with pytest.raises(JournalError, match=r"damaged.*nothing was deleted"):
        Reader.open(path)

    assert path.read_bytes() == before


def test_a_step_that_fails_leaves_the_version_before(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [*schema_steps(), "CREATE TABLE half (x) STRICT"]
    monkeypatch.setattr(schema, "schema_steps", lambda: steps)

    with pytest.raises(JournalError):
        open_journal(path)

    monkeypatch.undo()
    with Reader.open(path) as reader:
        assert reader.summary().entries == 0


def test_there_is_no_journal_to_read(path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal"):
        Reader.open(path)


async def test_a_reader_cannot_write(path: Path) -> None:
    await _closed_journal(path)
    opened = open_reader(path)

    with pytest.raises(JournalError):
        opened.run("DELETE FROM timings")

    opened.close()


async def test_what_was_recorded_is_not_edited(path: Path) -> None:
    await _closed_journal(path)
    opened = open_writer(path)

    for statement in (
        "UPDATE entries SET kind = 'height'",
        "UPDATE timings SET reason = 'reception'",
        "UPDATE audit SET event = 'settled'",
        "DELETE FROM audit",
    ):
        with pytest.raises(JournalError, match=r"never edited|append-only"):
            opened.run(statement)

    opened.close()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT min(whose) FROM owed WHERE destination = ? AND state = ? AND whose > ?",
        "SELECT min(due_us) FROM owed WHERE destination = ? AND state = ? AND whose = ?",
        "SELECT due_us, entry, id, may_have_arrived FROM owed WHERE destination = ?"
        " AND state = ? AND whose = ? AND due_us <= 9 ORDER BY due_us, entry LIMIT 1",
    ],
)
async def test_claiming_never_scans_the_outbox(path: Path, query: str) -> None:
    await _closed_journal(path)
    opened = open_reader(path)

    plan = [row[3] for row in opened.rows(f"EXPLAIN QUERY PLAN {query}", ("mes", "due", ""))]

    opened.close()
    assert any("deliveries_open" in step for step in plan)
    assert not any("SCAN" in step or "TEMP B-TREE" in step for step in plan)


async def test_no_statement_is_compiled_again_for_another_value(path: Path) -> None:
    await _closed_journal(path)
    asked: list[int] = []

    def ask(action: int, *_: str | None) -> int:
        """Allow what the engine asks about each part of a statement while it compiles that."""
        asked.append(action)
        return apsw.SQLITE_OK

    opened = open_reader(path)
    opened._connection.authorizer = ask
    compiled = []
    for number in (1, 2, 3):
        opened.rows("SELECT * FROM whole_entries WHERE number = ?", (number,))
        compiled.append(len(asked))
    opened.close()

    assert compiled[0] > 0
    assert set(compiled) == {compiled[0]}


@pytest.mark.parametrize(
    "statement",
    ["DROP INDEX entries_unclaimed", "DROP TRIGGER audit_no_delete", "DROP VIEW owed"],
)
async def test_a_journal_whose_description_has_lost_something_is_damaged(
    path: Path, statement: str
) -> None:
    await _closed_journal(path)
    with sqlite3.connect(path) as other:
        other.execute(statement)
    other.close()
    opened = open_reader(path)

    with pytest.raises(JournalDamaged, match="what describes it"):
        check(opened)

    opened.close()


@pytest.mark.parametrize("column", ["kind", "attribution"])
async def test_a_text_of_an_entry_that_is_no_text_is_damage(path: Path, column: str) -> None:
    await _closed_journal(path)
    with sqlite3.connect(path) as other:
        triggers = other.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'entries'"
        ).fetchall()
        for name, _ in triggers:
            other.execute(f"DROP TRIGGER {name}")
        other.execute(f"UPDATE entries SET {column} = CAST(x'ff' AS TEXT)")
        for _, sql in triggers:
            other.execute(sql)
    other.close()
    opened = open_reader(path)

    with pytest.raises(JournalDamaged, match="nothing was deleted"):
        check(opened)

    opened.close()


async def test_a_log_that_was_folded_is_empty_and_one_that_is_read_is_not(path: Path) -> None:
    await _closed_journal(path)
    opened = open_writer(path)
    opened.run("INSERT INTO boots (id, first_entry, last_us) VALUES ('b', 1, 1)")
    before = opened.log_pages
    reading = open_reader(path)
    with reading.snapshot():
        reading.one("SELECT count(*) FROM boots")
        opened.run("UPDATE boots SET last_us = 2")
        while_it_is_read = (opened.fold(), opened.log_pages > 0)
    reading.close()

    assert before > 0
    assert while_it_is_read == (False, True)
    assert (opened.fold(whole=True), opened.log_pages) == (True, 0)
    opened.close()
