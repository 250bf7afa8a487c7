"""Cut the power under a journal, again and again, and count what was acknowledged and is gone.

    python -m tests.journal.powercut --cuts 100

As root, on a disk that forgets: a process writes a journal on an ext4 file system in an image; at a
random moment it is stopped, what it had acknowledged is noted, and the image is copied: what the
disk held. The copy is mounted and the journal on it opened. Without root the engine's writes are
recorded up to the cut, and what was not synced survives by chance (see `disk.after_power_cut`).

Both run their negative controls too: a journal that syncs only now and then (NORMAL) and one that
never does (OFF), or a disk that forgets syncs. If a control loses nothing, the test shows nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from gateway.errors import JournalError
from gateway.journal import opening
from gateway.journal.database import Database
from gateway.journal.reader import Reader
from tests.journal.disk import Disk, after_power_cut
from tests.journal.making import SCALE, consenting, open_journal, weight

IMAGE_MB = 48
CUTS_PER_IMAGE = 10
BETWEEN_S = (0.02, 0.25)


@dataclass(slots=True)
class Count:
    """What came of some cuts."""

    cuts: int = 0
    acknowledged: int = 0
    lost: int = 0
    twice: int = 0
    broken: int = 0
    """Copies whose journal did not open, or was damaged, or whose audit chain failed."""

    def add(self, acknowledged: set[str], database: Path) -> None:
        self.cuts += 1
        self.acknowledged += len(acknowledged)
        try:
            asyncio.run(open_journal(database).close())
            with Reader.open(database) as reader:
                kept = [v.entry.reading.record or "" for v in reader.entries(limit=10**6)]
                whole = reader.verify_against(None).whole and not reader.salvaged()
        except JournalError:
            kept, whole = [], False
        self.broken += not whole
        self.lost += len(acknowledged - set(kept))
        self.twice += len(kept) - len(set(kept))


async def write_for_ever(path: Path, synchronous: str, out: IO[bytes]) -> None:
    """Record from eight callers at once; tell each record that was acknowledged."""
    whole = opening.open_writer

    def weaker(*arguments: object) -> Database:
        database = whole(*arguments)  # type: ignore[arg-type]
        database.run(f"PRAGMA synchronous = {synchronous}")
        return database

    opening.open_writer = weaker
    async with open_journal(path) as journal:
        await consenting(journal)

        async def caller(number: int) -> None:
            while True:
                await journal.record(SCALE, [weight(number)])
                out.write(f"seq:{number}\n".encode())
                out.flush()
                number += 8

        await asyncio.gather(*(caller(number) for number in range(8)))


def on_an_image(cuts: int, synchronous: str, chance: random.Random) -> Count:
    """Cut under a journal on a loop-mounted file system. Needs root."""
    count = Count()
    with tempfile.TemporaryDirectory(prefix="powercut-") as made:
        folder = Path(made)
        while count.cuts < cuts:
            image, disk = folder / "image", folder / "disk"
            disk.mkdir(exist_ok=True)
            with image.open("wb") as file:
                file.truncate(IMAGE_MB * 2**20)
            _run("mkfs.ext4", "-q", "-F", str(image))
            with _mounted(image, disk, "commit=300"):
                copies = list(
                    _copies(folder, min(CUTS_PER_IMAGE, cuts - count.cuts), synchronous, chance)
                )
            for copy, acknowledged in copies:
                with _mounted(copy, disk):
                    count.add(acknowledged, disk / "journal.db")
                copy.unlink()
    return count


def _copies(
    folder: Path, cuts: int, synchronous: str, chance: random.Random
) -> Iterator[tuple[Path, set[str]]]:
    """Yield what the disk held at each cut, and what had been acknowledged before it."""
    told = folder / "told"
    program = [sys.executable, "-m", "tests.journal.powercut", "--write", str(folder / "disk")]
    with (
        told.open("wb") as out,
        subprocess.Popen([*program, "--synchronous", synchronous], stdout=out) as writer,
    ):
        while told.stat().st_size < 200:
            time.sleep(0.02)
        for nth in range(cuts):
            time.sleep(chance.uniform(*BETWEEN_S))
            writer.send_signal(signal.SIGSTOP)
            lines = told.read_bytes().split(b"\n")[:-1]
            copy = folder / f"copy-{nth}"
            shutil.copyfile(folder / "image", copy)
            writer.send_signal(signal.SIGCONT)
            yield copy, {line.decode() for line in lines}
        writer.kill()


@contextmanager
def _mounted(image: Path, folder: Path, *options: str) -> Iterator[None]:
    device = _run("losetup", "--find", "--show", "--direct-io=on", str(image))
    try:
        _run("mount", *(("-o", ",".join(options)) if options else ()), device, str(folder))
        try:
            yield
        finally:
            _run("umount", str(folder))
    finally:
        _run("losetup", "--detach", device)


def can_mount() -> bool:
    """Tell whether this process may make and mount a file system."""
    if os.geteuid() or not shutil.which("mkfs.ext4") or not shutil.which("losetup"):
        return False
    with tempfile.TemporaryDirectory() as made:
        image = Path(made) / "image"
        with image.open("wb") as file:
            file.truncate(4 * 2**20)
        try:
            _run("mkfs.ext4", "-q", "-F", str(image))
            with _mounted(image, Path(made)):
                return True
        except subprocess.CalledProcessError:
            return False


def by_replay(cuts: int, chance: random.Random, *, honest: bool) -> Count:
    """Cut at random points of what the engine wrote and synced."""
    count = Count()
    with tempfile.TemporaryDirectory(prefix="powercut-") as made:
        folder = Path(made)
        with Disk() as disk:
            acknowledged = asyncio.run(_recorded(disk, folder / "live" / "journal.db"))
        for nth in range(cuts):
            cut = chance.randrange(acknowledged[0][0], len(disk.done) + 1)
            held = folder / f"cut-{nth}"
            after_power_cut(disk.done[:cut], held, chance, honest=honest)
            shutil.copytree(folder / "live" / "keys", held / "keys")
            before = {record for operations, record in acknowledged if operations <= cut}
            count.add(before, held / "journal.db")
            shutil.rmtree(held)
    return count


async def _recorded(disk: Disk, path: Path) -> list[tuple[int, str]]:
    acknowledged = []
    async with open_journal(path) as journal:
        await consenting(journal)
        for n in range(60):
            await journal.record(SCALE, [weight(n)])
            acknowledged.append((len(disk.done), f"seq:{n}"))
    return acknowledged


def _run(*command: str) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--cuts", type=int, default=100)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--replay", action="store_true", help="as without root")
    arguments.add_argument("--write", type=Path)
    arguments.add_argument("--synchronous", default="FULL")
    given = arguments.parse_args()
    if given.write:
        asyncio.run(
            write_for_ever(given.write / "journal.db", given.synchronous, sys.stdout.buffer)
        )
        return
    chance = random.Random(given.seed)
    controls = max(3, given.cuts // 20)
    if can_mount() and not given.replay:
        results = {
            "the journal": on_an_image(given.cuts, "FULL", chance),
            "control: NORMAL": on_an_image(controls, "NORMAL", chance),
            "control: no sync": on_an_image(controls, "OFF", chance),
        }
    else:
        results = {
            "the journal": by_replay(given.cuts, chance, honest=True),
            "control: a disk that forgets syncs": by_replay(controls, chance, honest=False),
        }
    for name, count in results.items():
        sys.stdout.write(
            f"{name}: {count.cuts} cuts, {count.acknowledged} acknowledged readings,"
            f" {count.lost} lost, {count.twice} twice, {count.broken} journals broken\n"
        )
    ours, *others = results.values()
    if ours.lost or ours.twice or ours.broken or not all(other.lost for other in others):
        sys.exit("The journal lost something, or a control lost nothing.")


if __name__ == "__main__":
    main()
