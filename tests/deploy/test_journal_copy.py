"""The gateway is stopped for the copy before an upgrade; whatever happens then, it runs on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest


def full(*_: object) -> int:
    raise OSError(28, "No space left on device")


def interrupted(*_: object) -> int:
    raise KeyboardInterrupt


@pytest.mark.parametrize("happens", [full, interrupted], ids=["the disk is full", "Ctrl-C"])
def test_a_copy_that_is_not_made_leaves_the_gateway_running(
    happens: object,
    installer: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    journal_copy = installer("journal_copy")
    said: list[str] = []
    service = SimpleNamespace(
        stop=lambda: said.append("stop"), restart=lambda: said.append("restart")
    )
    monkeypatch.setattr(journal_copy, "service", service)
    monkeypatch.setattr(journal_copy, "run", lambda *_, **__: "")
    monkeypatch.setattr(journal_copy, "schema", lambda: 7)
    monkeypatch.setattr(journal_copy, "_passphrase", happens)

    with pytest.raises((OSError, KeyboardInterrupt)):
        journal_copy.copy(SimpleNamespace(command=tmp_path / "gateway"))

    assert said == ["stop", "restart"]
