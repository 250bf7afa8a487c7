"""The gateway is stopped for the copy before an upgrade; whatever happens then, it runs on."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

INSTALLER = Path(__file__).parents[2] / "deploy" / "installer"


def full(*_: object) -> int:
    raise OSError(28, "No space left on device")


def interrupted(*_: object) -> int:
    raise KeyboardInterrupt


@pytest.mark.parametrize("happens", [full, interrupted], ids=["the disk is full", "Ctrl-C"])
def test_a_copy_that_is_not_made_leaves_the_gateway_running(
    happens: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    modules = ("journal_copy", "places", "release", "service", "steps")
    monkeypatch.syspath_prepend(str(INSTALLER))
    journal_copy = import_module("journal_copy")
    for name in modules:  # so short a name may be anybody's
        monkeypatch.delitem(sys.modules, name)
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
