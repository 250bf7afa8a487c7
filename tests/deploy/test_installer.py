"""What the installer says where something goes wrong; what it does is tried by `test-install`."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


def test_a_disk_that_is_full_is_told_in_a_sentence(
    installer: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = installer("__main__")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/opt/somewhere")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "_LOCK", tmp_path / "lock")
    monkeypatch.setattr(command, "_do", full)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "umask", lambda _: 0)
    monkeypatch.setattr(os, "environ", {})

    assert command.main([]) == 1
    assert Path.cwd() == Path("/")  # what root runs imports nothing from where somebody stood

    told = capsys.readouterr().err
    assert "/opt/somewhere: No space left on device." in told
    assert "run the same command again" in told
    assert "Traceback" not in told


def test_nobody_but_root_may_lay_what_the_installer_locks(
    installer: Callable[[str], ModuleType],
) -> None:
    """Debian's /run is root's alone to write, other than /run/lock (FHS 3.0, section 3.15)."""
    assert installer("__main__")._LOCK.parent == Path("/run")


def test_root_imports_nothing_from_the_folder_it_stands_in(
    installer: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who runs the installer from /tmp would run whatever anybody has laid there as a module."""
    installation = installer("installation")
    (tmp_path / "venv.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)

    def only_python(*command: object, **_: object) -> None:
        if command[0] != sys.executable:
            raise InterruptedError
        subprocess.run([*map(str, command), "--help"], check=True, stdout=subprocess.DEVNULL)

    monkeypatch.setitem(installation.build.__globals__, "run", only_python)

    with pytest.raises(InterruptedError):
        installation.build(installation.Release(tmp_path / "release"), None)

    assert not (tmp_path / "ran").exists()
