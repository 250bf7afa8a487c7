"""A daemon that systemd starts says when it is ready, that it lives, and that it ends."""

import asyncio
from pathlib import Path

import pytest
from firmware_sims.health_space import HealthSpace

from gateway import config as configuration
from gateway.demo.processes import Daemon
from tests.app.test_systemd import Ear
from tests.end_to_end.home import Plan, written
from tests.end_to_end.passing import Passing

pytestmark = pytest.mark.other_processes


async def test_systemd_hears_of_the_daemon_from_its_start_to_its_end(
    tmp_path: Path, space: HealthSpace, time: Passing, monkeypatch: pytest.MonkeyPatch
) -> None:
    ear = Ear(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", ear.address)
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    path = written(tmp_path, space, Plan())
    daemon = Daemon(path, configuration.load(path), tmp_path)

    await asyncio.to_thread(daemon.launch)
    began = [await asyncio.to_thread(ear.next) for _ in range(2)]
    await asyncio.to_thread(daemon.stop)
    ended = ear.heard()
    ear.close()

    assert sorted(began) == ["READY=1", "WATCHDOG=1"]
    assert ended == ["STOPPING=1"]
