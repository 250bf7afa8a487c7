"""A hub that nobody needs for now: it sleeps, and leaves its flash card alone."""

import asyncio
from pathlib import Path

from gateway.app.daemon import daemon
from gateway.config import Config
from tests.end_to_end.passing import Passing
from tests.jumping import JumpingLoop

MINUTES = 5


async def test_an_idle_hub_wakes_less_than_once_a_second_and_writes_nothing(
    tmp_path: Path, time: Passing
) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)
    time.follow(loop)
    port = {"name": "cuff", "path": str(tmp_path / "none"), "driver": "bp_monitor/omron_hbp"}
    config = Config.model_validate({"hub": {"state": tmp_path / "state"}, "ports": [port]})
    wakes: list[float] = []
    async with daemon(config, clock=time, timer=time.timer) as hub:
        await asyncio.sleep(60)  # what a start has to do
        commits = hub.journal.commits
        loop.on_jump.append(wakes.append)
        await asyncio.sleep(MINUTES * 60)
        written = hub.journal.commits - commits

    assert written == 0
    # 24 looks for the port, and 12 at the hub's clock in a minute.
    assert len(wakes) <= MINUTES * (24 + 12) + MINUTES
