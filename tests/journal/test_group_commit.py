import asyncio
from pathlib import Path

import pytest

from gateway.domain.device import DeviceId
from gateway.errors import JournalError
from gateway.journal.journal import Journal
from gateway.testing.clock import ManualClock
from tests.journal.disk import Disk
from tests.journal.making import SCALE, SENSOR, open_journal, weight


async def test_calls_made_together_share_a_sync(disk: Disk, path: Path) -> None:
    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(0)])
        syncs, commits = disk.syncs, journal.commits

        await asyncio.gather(*(journal.record(SCALE, [weight(n)]) for n in range(1, 201)))

    assert journal.commits - commits <= 20
    assert disk.syncs - syncs <= 40


async def test_a_call_alone_is_synced_before_it_returns(disk: Disk, path: Path) -> None:
    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(1)])
        syncs = disk.syncs

        await journal.record(SCALE, [weight(2)])

        assert disk.syncs == syncs + 1
        assert disk.done[-1].is_sync


async def test_looking_costs_no_sync(disk: Disk, path: Path) -> None:
    async with open_journal(path) as journal:
        await journal.set_bookmark(SCALE, "1")
        syncs = disk.syncs

        await journal.bookmark(SCALE)
        await journal.next_due("mes")

        assert disk.syncs == syncs


async def test_one_failing_call_does_not_fail_those_it_shares_a_commit_with(
    journal: Journal,
) -> None:
    good = [journal.record(SCALE, [weight(n)]) for n in range(5)]
    bad = journal.record(SCALE, [weight(98), weight(99, device=SENSOR.id)])

    *kept, failed = await asyncio.gather(*good, bad, return_exceptions=True)

    assert [len(new) for new in kept if isinstance(new, list)] == [1] * 5
    assert isinstance(failed, ValueError)
    assert len(await journal.record(SCALE, [weight(98)])) == 1


async def test_more_callers_than_several_groups_hold_all_get_their_turn(journal: Journal) -> None:
    calls = (journal.set_bookmark(SCALE, str(n)) for n in range(3000))

    await asyncio.gather(*calls)

    assert await journal.bookmark(SCALE) == "2999"


async def test_a_cancelled_caller_does_not_disturb_the_others(journal: Journal) -> None:
    doomed = asyncio.ensure_future(journal.record(SCALE, [weight(1)]))
    other = asyncio.ensure_future(journal.record(SCALE, [weight(2)]))
    await asyncio.sleep(0)

    doomed.cancel()

    assert len(await other) == 1
    assert doomed.cancelled() or len(doomed.result()) == 1


async def test_closing_finishes_what_is_queued(path: Path, clock: ManualClock) -> None:
    journal = open_journal(path, clock)
    calls = [asyncio.ensure_future(journal.record(SCALE, [weight(n)])) for n in range(50)]
    await asyncio.sleep(0)

    await journal.close()

    assert [len(new) for new in await asyncio.gather(*calls)] == [1] * 50


async def test_a_closed_journal_says_so_and_may_be_closed_again(
    path: Path, clock: ManualClock
) -> None:
    journal = open_journal(path, clock)
    await journal.close()
    await journal.close()

    with pytest.raises(JournalError, match="closed"):
        await journal.adopt(DeviceId("ble:1"), "scale/test")
