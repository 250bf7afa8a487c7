"""Journals of every schema there ever was are opened, and lose nothing."""

import sqlite3
from pathlib import Path

import pytest

from gateway.journal import hub_key
from gateway.journal.database import schema_steps
from gateway.journal.hub_key import HubKey
from gateway.journal.reader import Reader
from gateway.testing.clock import START
from tests.journal.making import SCALE, open_journal, weight

DATABASES = sorted((Path(__file__).parent / "databases").glob("*.sql"))


def test_there_is_a_journal_of_every_step() -> None:
    assert len(DATABASES) == len(schema_steps())


@pytest.mark.parametrize("dump", DATABASES, ids=lambda dump: dump.stem)
async def test_a_journal_of_an_older_step_goes_on(dump: Path, path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    hub_key.keep_in_file(hub_key.folder_of(path), HubKey(bytes(range(32))))
    with sqlite3.connect(path) as old:
        old.executescript(dump.read_text(encoding="utf-8"))
    old.close()

    async with open_journal(path) as journal:
        repeated = await journal.record(SCALE, [weight(1, slot="1"), weight(2)])
        new = await journal.record(SCALE, [weight(3, slot="1")])
        claimed = await journal.claim("mes", 10, START)
        bookmark = await journal.bookmark(SCALE)

    with Reader.open(path) as reader:
        assert reader.summary().entries == 3
        assert reader.verify() is None
    assert (repeated, len(new), bookmark) == ([], 1, "seq:2")
    assert [(r.delivery.entry.reading.record, r.delivery.unsettled) for r in claimed] == [
        ("seq:1", True),
        ("seq:3", False),
    ]
