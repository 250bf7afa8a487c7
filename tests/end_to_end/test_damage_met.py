"""A journal that breaks while the daemon runs: it says so and ends; the next start saves it."""

import asyncio
import json
from pathlib import Path

import pytest
from firmware_sims.health_space import HealthSpace

from gateway.demo.processes import Daemon
from gateway.errors import GatewayError
from tests.end_to_end.home import Home
from tests.end_to_end.passing import Passing
from tests.end_to_end.test_command import a_used_hub, here
from tests.journal.breaking import break_page, page_of_entries

pytestmark = pytest.mark.other_processes


async def test_damage_ends_the_daemon_with_one_sentence_and_the_next_start_saves_what_it_can(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_used_hub(tmp_path, space, time) as home:
        before = {reading["id"] for reading in await home.readings()}
    journal = home.config.journal
    page = page_of_entries(journal)
    daemon = Daemon(home.path, home.config, tmp_path)
    await asyncio.to_thread(daemon.launch)
    try:
        break_page(journal, page)
        await asked_for_readings(home)
        status, last_words = await asyncio.to_thread(daemon.ended), daemon.tail(1)
        await asyncio.to_thread(daemon.launch)
        after = {reading["id"] for reading in await home.readings()}
        damage = json.loads((await here(home, "audit", "damage", "--json")).output)
    finally:
        await asyncio.to_thread(daemon.stop)

    assert status == 1
    assert last_words.startswith("healthspace-gateway: le journal ")
    assert last_words.endswith("il met le fichier de côté et sauve ce qui est lisible")
    assert "Traceback" not in daemon.log.read_text()
    assert len(damage["salvaged"]) == 1
    assert after == before


async def asked_for_readings(home: Home) -> None:
    """Look at the readings; whoever asked is told, or finds the daemon gone."""
    try:
        await home.readings()
    except GatewayError:
        return
    raise AssertionError("nobody met the damage")
