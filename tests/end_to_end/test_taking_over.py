"""A new hub takes over from a backup: devices that were paired with the old one know it at once."""

import asyncio
from pathlib import Path

import pytest
from firmware_sims.health_space import HealthSpace
from firmware_sims.ledger import Ledger
from firmware_sims.scenario import parse
from firmware_sims.staging import Stage

from tests.end_to_end.home import ODILE, Home, Plan, at_home, written
from tests.end_to_end.passing import Passing
from tests.end_to_end.processes import Ran, run_here
from tests.end_to_end.test_radio import (
    DEVICE,
    DRIVER,
    SCENARIO,
    are_settled,
    asked,
    assert_each_arrived_once,
    is_alone,
    is_empty,
)

CODE = 'pairing = "passkey"\npasskey = 42\n'
BUTTON = SCENARIO.replace('"bp_monitor"', '"and_bp_monitor"') + "pairing_mode = true\n"


@pytest.fixture
def phrase(tmp_path: Path) -> tuple[str, str]:
    path = tmp_path / "phrase"
    path.write_text("correct horse\n")
    return "--passphrase-file", str(path)


@pytest.mark.parametrize(
    ("scenario", "with_code", "elsewhere"),
    [(SCENARIO + CODE, True, False), (SCENARIO + CODE, True, True), (BUTTON, False, False)],
    ids=["code on its display", "code, bonds kept elsewhere", "button held while it pairs"],
)
async def test_the_restored_hub_reads_a_paired_cuff_without_pairing_it_again(
    tmp_path: Path,
    space: HealthSpace,
    time: Passing,
    phrase: tuple[str, str],
    scenario: str,
    with_code: bool,
    elsewhere: bool,
) -> None:
    ledger = Ledger()
    async with Stage(parse(scenario), ledger=ledger, now=time.utc) as stage:
        cuff = stage.devices["Cuff"]
        hci = f"tcp-client:{await stage.radio.serve('127.0.0.1', 0)}"
        old, old_plan = a_hub(tmp_path / "old", hci, elsewhere)
        new, new_plan = a_hub(tmp_path / "new", hci, elsewhere)
        async with at_home(old, space, time, old_plan) as home:
            await home.welcome(ODILE)
            await home.give(DEVICE, DRIVER, ODILE)
            if with_code:
                question = await asked(home)
                await home.post("pairing", str(question["number"]), "answer", code="000042")
            await everything_arrived(home, stage, ledger)
            backup = await typed(home.path, "backup", str(tmp_path / "hub.backup"), *phrase)
        paired_before = stage.radio.pairings(cuff)
        path = written(new, space, new_plan)
        restored = await typed(
            path, "restore", str(tmp_path / "hub.backup"), *phrase, "--consents-stand"
        )
        cuff.measure()
        async with at_home(new, space, time, new_plan) as home:
            await everything_arrived(home, stage, ledger, unasked=True)
            problem = await home.problem(DEVICE)

        assert (backup.status, restored.status) == (0, 0)
        assert (paired_before, stage.radio.pairings(cuff)) == (1, 1)
        assert problem is None
        assert_each_arrived_once(space, ledger)


def a_hub(folder: Path, hci: str, bonds_elsewhere: bool) -> tuple[Path, Plan]:
    """Return the folder of a hub and what its configuration says; the controller is the same."""
    kept = folder / "radio" / "bonds.json"
    kept.parent.mkdir(parents=True)
    where = f'bonds = "{kept}"\n' if bonds_elsewhere else ""
    return folder, Plan(more=f'[[hci]]\nurl = "{hci}"\n{where}')


async def typed(path: Path, *arguments: str) -> Ran:
    return await asyncio.to_thread(run_here, path, *arguments)


async def everything_arrived(
    home: Home, stage: Stage, ledger: Ledger, *, unasked: bool = False
) -> None:
    """Return once the health space has all that was measured; `unasked`, no person was needed."""

    async def arrived() -> bool:
        assert not (unasked and await home.get("pairing")), "somebody was asked to pair it"
        return await is_empty(stage) and await are_settled(home, ledger)

    await home.hurry_until(arrived, step_s=5)
    await home.until(lambda: is_alone(home))
