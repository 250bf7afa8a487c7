"""What the installer says where something goes wrong; what it does is tried by `test-install`."""

from __future__ import annotations

import errno
import os
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

INSTALLER = Path(__file__).parents[2] / "deploy" / "installer"
MODULES = ("installation", "journal_copy", "places", "release", "removal", "service", "steps")


def test_a_disk_that_is_full_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(INSTALLER))
    spec = spec_from_file_location("installer", INSTALLER / "__main__.py")
    assert spec is not None
    assert spec.loader is not None
    installer = module_from_spec(spec)
    spec.loader.exec_module(installer)
    for name in MODULES:  # so short a name may be anybody's
        monkeypatch.delitem(sys.modules, name, raising=False)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/opt/somewhere")

    monkeypatch.setattr(installer, "_LOCK", tmp_path / "lock")
    monkeypatch.setattr(installer, "_do", full)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "umask", lambda _: 0)
    monkeypatch.setattr(os, "environ", {})

    assert installer.main([]) == 1

    told = capsys.readouterr().err
    assert "/opt/somewhere: No space left on device." in told
    assert "run the same command again" in told
    assert "Traceback" not in told
