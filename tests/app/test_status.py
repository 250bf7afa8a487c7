"""How the daemon says that it is, where nothing is in trouble but the time."""

from pathlib import Path

import pytest

from gateway.app.daemon import daemon
from gateway.clock import HubClock
from gateway.config import Config
from gateway.testing.clock import ManualClock


@pytest.mark.parametrize("known", [True, False])
async def test_it_says_whether_the_hub_knows_the_time(
    known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody_else(_: object) -> bool:
        return False

    clock = HubClock(ManualClock(), lambda: known)
    monkeypatch.setattr("gateway.app.daemon.hub_clock", lambda *_: clock)
    monkeypatch.setattr("gateway.app.hub_time.Elsewhere.says_right", nobody_else)
    config = Config.model_validate({"hub": {"state": tmp_path / "state"}})

    async with daemon(config) as hub:
        assert hub.status().clock_trusted is known
