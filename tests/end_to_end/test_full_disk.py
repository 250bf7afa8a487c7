"""A full disk: readings are refused loudly, devices keep theirs, and it goes on by itself."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from firmware_sims.health_space import HealthSpace
from firmware_sims.ledger import Ledger
from firmware_sims.scenario import parse
from firmware_sims.staging import Stage

from gateway.client import Refused
from tests.end_to_end.home import ODILE, Home, Plan, at_home, written
from tests.end_to_end.passing import Passing
from tests.journal.disk import Disk

ADDRESS = "C4:00:00:00:00:01"
DEVICE = f"ble:{ADDRESS}"
SCENARIO = f"""
[people.odile]
name = "Odile Marchand"
[[device]]
type = "bp_monitor"
name = "Cuff"
address = "{ADDRESS}"
person = "odile"
stored = 3
advertise_for_s = inf
idle_s = 0.3
settle_s = 0.05
"""
EVER = 10**9


@pytest.mark.parametrize("after", range(0, 16, 3))
async def test_a_disk_that_is_full_for_a_moment_loses_nothing(
    after: int, tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    with Disk() as disk:
        async with a_cuff_at_home(tmp_path, space, time) as (home, stage, ledger):
            disk.fail(after=after, times=3)
            for _ in range(2):
                stage.devices["Cuff"].measure()

            await everything_arrives(home, stage, ledger)


async def test_while_the_disk_is_full_a_sentence_says_so_and_the_cuff_keeps_its_records(
    tmp_path: Path, space: HealthSpace, time: Passing, caplog: pytest.LogCaptureFixture
) -> None:
    with Disk() as disk:
        async with a_cuff_at_home(tmp_path, space, time) as (home, stage, ledger):
            await is_refused(home, stage, caplog, fill=lambda: disk.fail(after=0, times=EVER))

            disk.heal()
            await everything_arrives(home, stage, ledger)


async def test_a_small_disk_that_is_really_full_recovers_once_there_is_space(
    small_disk: Path, space: HealthSpace, time: Passing, caplog: pytest.LogCaptureFixture
) -> None:
    ballast = small_disk / "ballast"
    async with a_cuff_at_home(small_disk, space, time) as (home, stage, ledger):
        await is_refused(home, stage, caplog, fill=lambda: fill(ballast))

        ballast.unlink()
        await everything_arrives(home, stage, ledger)


async def test_on_a_full_disk_a_person_can_still_withdraw(
    small_disk: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_cuff_at_home(small_disk, space, time) as (home, stage, _):
        await space.link.cut()
        stage.devices["Cuff"].measure()
        await home.hurry_until(lambda: is_empty(stage), step_s=5)
        seen = space.person(ODILE).counts.bytes_seen
        fill(small_disk / "ballast")

        withdrawn = await home.withdraw(ODILE)

        await space.link.restore()
        time.skip(3600)
        assert (withdrawn["dropped"], withdrawn["left"]) == (2, 0)
        assert (await home.states())[:2] == ["dropped", "dropped"]
        assert space.person(ODILE).counts.bytes_seen == seen


@pytest.mark.other_processes
async def test_a_daemon_that_is_started_on_a_full_disk_ends_with_one_sentence(
    small_disk: Path, space: HealthSpace
) -> None:
    config = written(small_disk, space, Plan())
    fill(small_disk / "ballast")
    run = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "run", "--config", str(config)),
        stderr=asyncio.subprocess.PIPE,
    )

    _, said = await run.communicate()

    assert run.returncode == 1
    assert b"plus de place pour le journal" in said
    assert b"Traceback" not in said
    assert said.count(b"\n") == 1


async def is_refused(
    home: Home, stage: Stage, caplog: pytest.LogCaptureFixture, fill: Callable[[], object]
) -> None:
    """Fill the disk and measure; return once it was refused, and everything around it held."""
    sentences = {
        f"no space left for the journal {home.config.journal}: free some; it then goes on",
        "the disk is full: readings wait in the devices until some space is free",
    }
    fill()
    stage.devices["Cuff"].measure()
    for _ in range(3):
        stage.devices["Cuff"].measure()
        await home.hurry_until(lambda: is_problem(home, sentences), step_s=5)
        home.time.skip(300)
    assert stage.devices["Cuff"].held == 4
    assert any(sentence in caplog.text for sentence in sentences)
    with pytest.raises(Refused, match=r"no space left for the journal|the disk is full"):
        await home.post("people", label="Marcel")
    assert len(await home.readings()) == 6


async def everything_arrives(home: Home, stage: Stage, ledger: Ledger) -> None:
    await home.hurry_until(lambda: is_empty(stage), step_s=5)
    await home.hurry_until(lambda: are_settled(home, ledger), step_s=5)
    counts = home.space.person(ODILE).counts
    assert (counts.accepted, counts.duplicates) == (len(ledger.produced), 0)
    assert (await home.problem(DEVICE), await home.paused()) == (None, None)


@asynccontextmanager
async def a_cuff_at_home(
    folder: Path, space: HealthSpace, time: Passing
) -> AsyncIterator[tuple[Home, Stage, Ledger]]:
    """Run the daemon with a cuff whose first three records have arrived."""
    ledger = Ledger()
    async with Stage(parse(SCENARIO), ledger=ledger, now=time.utc) as stage:
        plan = Plan(hci=f"tcp-client:{await stage.radio.serve('127.0.0.1', 0)}")
        async with at_home(folder, space, time, plan) as home:
            await home.welcome(ODILE)
            await home.give(DEVICE, "bp_monitor/bluetooth_sig", ODILE)
            await everything_arrives(home, stage, ledger)
            yield home, stage, ledger


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 8 MB, half of it for the reserve; mounting needs root."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let root mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(ballast: Path) -> None:
    """Leave not a byte free on the disk."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


async def is_problem(home: Home, sentences: set[str]) -> bool:
    return await home.problem(DEVICE) in sentences


async def is_empty(stage: Stage) -> bool:
    return stage.devices["Cuff"].held == 0


async def are_settled(home: Home, ledger: Ledger) -> bool:
    return await home.states() == ["settled"] * len(ledger.produced)
