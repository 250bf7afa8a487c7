"""Journals of every schema there ever was are opened, and lose nothing."""

import sqlite3
from pathlib import Path

import pytest

from gateway.journal import hub_key
from gateway.journal.database import row_sum
from gateway.journal.hub_key import HubKey
from gateway.journal.reader import Reader
from gateway.journal.schema import schema_steps
from gateway.testing.clock import START
from tests.journal.making import SCALE, open_journal, weight

DATABASES = sorted((Path(__file__).parent / "databases").glob("*.sql"))


def test_there_is_a_journal_of_every_step() -> None:
    assert len(DATABASES) == len(schema_steps())


def lay(dump: Path, path: Path, also: str = "") -> None:
    path.parent.mkdir(mode=0o700)
    hub_key.keep_in_file(hub_key.folder_of(path), HubKey(bytes(range(32))))
    with sqlite3.connect(path) as old:
        old.create_function("row_sum", -1, row_sum, deterministic=True)
        old.executescript(dump.read_text(encoding="utf-8") + also)
    old.close()


@pytest.mark.parametrize("dump", DATABASES, ids=lambda dump: dump.stem)
async def test_a_journal_of_an_older_step_goes_on(dump: Path, path: Path) -> None:
    lay(dump, path)

    async with open_journal(path) as journal:
        repeated = await journal.record(SCALE, [weight(1, slot="1"), weight(2)])
        new = await journal.record(SCALE, [weight(3, slot="1")])
        claimed = await journal.claim("mes", 10, START)
        bookmark = await journal.bookmark(SCALE)

    with Reader.open(path) as reader:
        assert reader.summary().entries == 3
        assert reader.verify_against(None).whole
    assert (repeated, len(new), bookmark) == ([], 1, "seq:2")
    assert [(r.delivery.entry.reading.record, r.delivery.unsettled) for r in claimed] == [
        ("seq:1", True),
        ("seq:3", False),
    ]


async def test_what_was_erased_before_the_ids_changed_does_not_come_back(path: Path) -> None:
    erased = "INSERT INTO erased SELECT id FROM entries WHERE number = 2;"
    lay(DATABASES[2], path, erased + "DELETE FROM entries WHERE number = 2;")

    async with open_journal(path) as journal:
        again = await journal.record(SCALE, [weight(2)])

    assert again == []


async def test_the_audit_chain_tells_of_an_entry_by_the_id_it_had_before(path: Path) -> None:
    named = "json_object('destination', 'mes', 'entries', json_array(lower(hex(id))))"
    link = f"INSERT INTO audit SELECT 99, 0, 'parked', {named}, zeroblob(32) FROM entries LIMIT 1;"
    lay(DATABASES[2], path, link)

    async with open_journal(path):
        pass

    with Reader.open(path) as reader:
        stories = [reader.story(view.entry.id) for view in reader.entries(limit=5)]
    assert sorted(event.name for story in stories for event in story) == [
        *("parked", "unsettled", "withheld")
    ]
