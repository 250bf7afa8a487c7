"""How far a driver has read is nobody's to know, and is doubted rather than believed."""

import sqlite3
from pathlib import Path

import pytest

from gateway.journal.database import row_sum
from tests.journal.making import SCALE, open_journal, weight

MARK = "SN-CANARY-77:4711"
ANOTHER = SCALE.model_copy(update={"driver": "scale/another"})


def change(path: Path, sql: str, *values: object) -> None:
    """Change the database behind the journal's back."""
    with sqlite3.connect(path) as other:
        other.create_function("row_sum", -1, row_sum, deterministic=True)
        other.execute(sql, values)
    other.close()


def everything(path: Path) -> bytes:
    return b"".join(each.read_bytes() for each in path.parent.iterdir() if each.is_file())


async def test_a_bookmark_is_the_drivers_own_and_is_read_as_it_was_set(path: Path) -> None:
    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(1)], MARK)
        await journal.set_bookmark(ANOTHER, "")

    async with open_journal(path) as journal:
        assert await journal.bookmark(SCALE) == MARK
        assert await journal.bookmark(ANOTHER) == ""
    assert MARK.encode() not in everything(path)


async def test_one_of_a_journal_of_before_is_sealed_when_that_is_opened(path: Path) -> None:
    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(1)], "seq:1")
    change(path, "UPDATE bookmarks SET bookmark = ?", MARK)
    before = everything(path)

    async with open_journal(path) as journal:
        assert await journal.bookmark(SCALE) == MARK
    assert MARK.encode() in before
    assert MARK.encode() not in everything(path)


@pytest.mark.parametrize("damaged", ["sealed ", "sealed 0123", "sealed \u00e9\u20ac", "sealed {}~"])
async def test_one_that_cannot_be_opened_is_none(path: Path, damaged: str) -> None:
    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(1)], MARK)
    change(path, "UPDATE bookmarks SET bookmark = ?", damaged)

    async with open_journal(path) as journal:
        assert await journal.bookmark(SCALE) is None


async def test_one_that_was_moved_to_another_driver_is_none(path: Path) -> None:
    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(1)], MARK)
    change(path, "UPDATE bookmarks SET driver = ?", ANOTHER.driver)

    async with open_journal(path) as journal:
        assert await journal.bookmark(ANOTHER) is None
