"""Killed or cut off from power at any moment: nothing acknowledged is lost, and it opens again."""

import asyncio
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.errors import JournalError
from gateway.journal.reader import Reader
from gateway.testing.clock import START
from tests.journal.disk import Disk, Operation, after_power_cut
from tests.journal.making import SCALE, consenting, open_journal, weight

WRITER = """
import asyncio, sys
from pathlib import Path
from tests.journal.making import SCALE, open_journal, weight

async def main(path, first):
    async with open_journal(Path(path)) as journal:
        async def record(worker):
            for n in range(10**6):
                number = first + n * 4 + worker
                await journal.record(SCALE, [weight(number)], str(number))
                print(number, flush=True)
        await asyncio.gather(*(record(worker) for worker in range(4)))

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


@pytest.mark.slow
def test_killed_again_and_again_it_keeps_what_it_acknowledged(path: Path) -> None:
    acknowledged: set[str] = set()
    for generation in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(generation * 10**7)],
            stdout=subprocess.PIPE,
            text=True,
        ) as writer:
            assert writer.stdout is not None
            for _ in range(150 + 50 * generation):
                acknowledged.add(writer.stdout.readline().strip())
            writer.kill()
            # A last line may have been cut short by the kill itself.
            acknowledged.update(line[:-1] for line in writer.stdout if line.endswith("\n"))

    with Reader.open(path) as reader:
        kept = {(v.entry.reading.record or "")[4:] for v in reader.entries(limit=10**6)}
        assert reader.verify_against(None).whole
    assert acknowledged <= kept


async def _run_until_the_cut(disk: Disk, path: Path) -> list[tuple[int, str]]:
    """Record and claim; return what was acknowledged and after how many operations of the disk."""
    acknowledged: list[tuple[int, str]] = []
    async with open_journal(path) as journal:
        await consenting(journal)
        for n in range(30):
            await journal.record(SCALE, [weight(n * 10 + each) for each in range(1 + n % 3)])
            acknowledged.append((len(disk.done), f"seq:{n * 10}"))
            if n % 5 == 4:
                await journal.claim("mes", 2, START)
    return acknowledged


def _lost(folder: Path, acknowledged: set[str]) -> set[str]:
    """Return what is missing after a start on what the disk held."""
    database = folder / "journal.db"
    if not database.exists():
        return acknowledged
    try:
        asyncio.run(open_journal(database).close())
        with Reader.open(database) as reader:
            kept = {view.entry.reading.record for view in reader.entries(limit=10**6)}
            assert reader.verify_against(None).whole
            assert "sending" not in reader.summary().deliveries
    except JournalError:
        return acknowledged
    return {record for record in acknowledged if record not in kept}


def _cuts(done: list[Operation], chance: random.Random, count: int) -> list[int]:
    return sorted(chance.sample(range(len(done) + 1), count))


@pytest.mark.slow
@pytest.mark.parametrize("honest", [True, False], ids=["honest disk", "disk that forgets syncs"])
def test_a_power_cut_loses_nothing_acknowledged(tmp_path: Path, honest: bool) -> None:
    chance = random.Random(20261121)
    with Disk() as disk:
        acknowledged = asyncio.run(_run_until_the_cut(disk, tmp_path / "live" / "journal.db"))
    lost: set[str] = set()
    for nth, cut in enumerate(_cuts(disk.done, chance, 60)):
        before = {record for operations, record in acknowledged if operations <= cut}
        folder = tmp_path / f"cut-{nth}"
        after_power_cut(disk.done[:cut], folder, chance, honest=honest)
        shutil.copytree(tmp_path / "live" / "keys", folder / "keys")
        lost |= _lost(folder, before)

    # The disk that forgets is the control: it shows that this test can fail.
    assert bool(lost) is not honest
