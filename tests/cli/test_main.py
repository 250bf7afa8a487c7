"""What stands before any command."""

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from gateway import __version__
from gateway.cli.main import command


@pytest.mark.parametrize("before", [[], ["--language", "fr"], ["--config", "not-there.toml"]])
@pytest.mark.parametrize("after", [[], ["status"]])
def test_the_version_is_told_once_and_needs_nothing_else(
    before: list[str],
    after: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["healthspace-gateway", *before, "--version", *after])

    with pytest.raises(SystemExit) as ended:
        command()

    assert ended.value.code == 0
    assert capsys.readouterr().out == f"healthspace-gateway {__version__}\n"


def test_it_is_the_version_that_is_installed() -> None:
    assert version("healthspace-gateway") == __version__
