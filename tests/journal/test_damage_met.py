"""Damage that is met while a journal is open is told to whoever runs it, whoever met it."""

import asyncio
from pathlib import Path

import pytest

from gateway.domain.identity import ReadingId
from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId
from gateway.errors import JournalDamaged, JournalError
from gateway.journal.damage import Damage
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.journal.schema import open_writer
from gateway.testing.clock import START
from tests.journal.breaking import break_page, page_of_entries
from tests.journal.making import SCALE, consenting, open_journal, weight


async def _filled(path: Path) -> None:
    async with open_journal(path) as journal:
        await consenting(journal)
        await journal.record(SCALE, [weight(n) for n in range(40)])


async def test_a_reader_that_meets_a_broken_page_tells_of_it(path: Path) -> None:
    await _filled(path)
    page = page_of_entries(path)
    async with open_journal(path) as journal:
        break_page(path, page)
        with Reader.open(path, damage=journal.damage) as reader, pytest.raises(JournalDamaged):
            reader.entries()

        assert isinstance(await _told(journal), JournalDamaged)


async def test_a_delivery_in_a_state_that_there_is_not_is_told_of_by_the_writer(
    path: Path,
) -> None:
    await _filled(path)
    async with open_journal(path) as journal:
        released, *_ = await journal.claim("mes", 10, START)
        other = open_writer(path)
        other.run("UPDATE deliveries SET state = 'sendinh' WHERE state = 'sending'")
        other.close()
        with pytest.raises(JournalDamaged):
            await journal.settle(released, Receipt("mes", "an-id", START))

        assert isinstance(await _told(journal), JournalDamaged)


async def test_no_other_failure_passes_for_damage(path: Path) -> None:
    async with open_journal(path) as journal:
        with pytest.raises(JournalError):
            await journal.claim_entry(ReadingId("0" * 64), SubjectId("p-nobody"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(journal.damage.first(), 0.01)


async def test_everybody_who_waits_is_told_of_the_first(path: Path) -> None:
    damage, first = Damage(), JournalDamaged("one")
    waiting = [asyncio.create_task(damage.first()) for _ in range(3)]
    await asyncio.sleep(0)

    await asyncio.to_thread(damage.met, first)
    await asyncio.to_thread(damage.met, JournalDamaged("two"))

    assert await asyncio.gather(*waiting, damage.first()) == [first] * 4


async def _told(journal: Journal) -> JournalDamaged:
    async with asyncio.timeout(10):
        return await journal.damage.first()
