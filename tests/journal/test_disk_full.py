"""A disk that is full or broken: nothing of the call is written, and later calls work again."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from gateway.errors import JournalError, JournalFull
from gateway.journal.reader import Reader
from gateway.journal.states import State
from gateway.testing.clock import START
from tests.journal.disk import Disk
from tests.journal.making import ROUTES, SCALE, consenting, open_journal, weight

BURST = 48  # readings in a call: enough to write several pages


@pytest.mark.parametrize(
    ("failure", "raised"), [(apsw.FullError, JournalFull), (apsw.IOError, JournalError)]
)
async def test_whichever_write_fails_the_call_leaves_nothing_and_the_next_one_works(
    disk: Disk, path: Path, failure: type[apsw.Error], raised: type[JournalError]
) -> None:
    calls = 0
    never_reached = False
    async with open_journal(path) as journal:
        await consenting(journal)
        while not never_reached:
            burst = [weight(calls * BURST + n) for n in range(BURST)]
            disk.fail(after=calls, error=failure)
            try:
                await journal.record(SCALE, burst, f"after {calls}")
            except raised:
                bookmark = await journal.bookmark(SCALE)

                assert bookmark != f"after {calls}"
                assert len(await journal.record(SCALE, burst, f"after {calls}")) == BURST
            never_reached = disk.heal()
            calls += 1

    assert calls > 50
    with Reader.open(path) as reader:
        assert reader.summary().entries == calls * BURST
        assert reader.summary().deliveries == {State.DUE: calls * BURST}
        assert reader.verify_against(None).whole


async def test_a_full_disk_fails_every_call_of_a_group_and_spares_none_of_the_later(
    disk: Disk, path: Path
) -> None:
    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(0)])
        disk.fail(after=0, times=10**6)

        failed = await asyncio.gather(
            *(journal.record(SCALE, [weight(n)]) for n in range(1, 9)), return_exceptions=True
        )
        disk.heal()
        written = await asyncio.gather(*(journal.record(SCALE, [weight(n)]) for n in range(1, 9)))

    assert all(isinstance(error, JournalFull) for error in failed)
    assert [len(new) for new in written] == [1] * 8


async def test_a_claim_that_could_not_be_written_releases_nothing(disk: Disk, path: Path) -> None:
    async with open_journal(path) as journal:
        await consenting(journal)
        await journal.record(SCALE, [weight(1)])
        disk.fail(after=0)

        with pytest.raises(JournalFull):
            await journal.claim("mes", 10, START)
        disk.heal()

        (released,) = await journal.claim("mes", 10, START)
        assert (released.delivery.attempt, released.delivery.unsettled) == (1, False)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 8 MB; mounting needs root."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("this machine does not let root mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_real_full_disk_refuses_and_recovers_by_itself(small_disk: Path) -> None:
    path = small_disk / "journal.db"
    ballast = small_disk / "ballast"
    recorded = 0
    async with open_journal(path, routes=ROUTES) as journal:
        await consenting(journal)
        ballast.write_bytes(bytes(2_500_000))
        full = False
        while not full:
            burst = [weight(recorded + n) for n in range(BURST)]
            try:
                recorded += len(await journal.record(SCALE, burst))
            except JournalFull:
                full = True
        ballast.unlink()

        recorded += len(await journal.record(SCALE, burst))

    with Reader.open(path) as reader:
        assert reader.summary().entries == recorded
        assert reader.verify_against(None).whole
