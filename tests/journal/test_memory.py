"""What the writer remembers is never what a transaction that was taken back had changed."""

import asyncio
from pathlib import Path

import pytest

from gateway.errors import JournalFull
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from tests.journal.disk import Disk
from tests.journal.making import LONG_AGO, SCALE, consenting, open_journal, weight


async def test_a_device_whose_first_call_was_lost_is_kept_by_the_next(
    disk: Disk, path: Path
) -> None:
    async with open_journal(path) as journal:
        disk.fail(after=0)
        with pytest.raises(JournalFull):
            await journal.record(SCALE, [weight(1)])
        disk.heal()

        await journal.record(SCALE, [weight(1)])

    with Reader.open(path) as reader:
        assert [known.device for known in reader.devices()] == [SCALE]
        assert reader.verify_against(None).whole


async def test_a_new_assignment_counts_from_the_next_reading_on(journal: Journal) -> None:
    (before,) = await journal.record(SCALE, [weight(1)])
    subject = (await journal.add_subject("Ada")).id

    await journal.assign(SCALE.id, None, subject, LONG_AGO)
    (after,) = await journal.record(SCALE, [weight(2)])

    assert (before.subject, after.subject) == (None, subject)


async def test_what_calls_left_for_the_end_is_there_for_the_next_of_the_group(
    journal: Journal, reader: Reader
) -> None:
    subject = await consenting(journal)

    calls = [
        journal.record(SCALE, [weight(1)]),
        journal.assign(SCALE.id, "1", subject, LONG_AGO),
        journal.record(SCALE, [weight(2)]),
        journal.retry_parked(),
    ]
    await asyncio.gather(*calls)

    events = [link.event for link in reader.audit()][-3:]
    assert events == ["recorded", "assigned", "recorded"]
    assert reader.summary().deliveries == {"due": 2}
    assert reader.verify_against(None).whole
