"""The installer's modules: plain files that stand alone, and are no package."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

INSTALLER = Path(__file__).parents[2] / "deploy" / "installer"


@pytest.fixture
def installer(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Give what loads a module of the installer; what that imports is forgotten at once."""

    def load(name: str) -> ModuleType:
        spec = spec_from_file_location(f"installer_{name}", INSTALLER / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        for each in INSTALLER.glob("*.py"):  # so short a name may be anybody's
            if each.stem != "__main__":
                monkeypatch.delitem(sys.modules, each.stem, raising=False)
        return module

    monkeypatch.syspath_prepend(str(INSTALLER))
    return load
