"""What the stage knows of its processes, without starting them."""

from pathlib import Path

import pytest

from gateway.demo.processes import Process
from gateway.demo.stage import Stage


def test_a_process_that_ended_by_itself_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Process, "running", property(lambda one: one.name != "radio"))

    assert [process.name for process in Stage(tmp_path).ended] == ["radio"]
