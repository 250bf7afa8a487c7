import importlib

import pytest
from firmware_sims.__main__ import COMMAND_MODULES, build_parser, main


def test_help_lists_the_subcommands_and_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    assert ended.value.code == 0
    assert "COMMAND" in capsys.readouterr().out


def test_a_subcommand_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name, name=name)

    monkeypatch.setattr(importlib, "import_module", absent)

    parser = build_parser()

    with pytest.raises(SystemExit):
        parser.parse_args(["play"])


def test_a_subcommand_that_is_broken_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise ModuleNotFoundError("something else", name="something_else")

    monkeypatch.setattr(importlib, "import_module", broken)

    with pytest.raises(ModuleNotFoundError):
        build_parser()


def test_every_command_module_lives_in_the_commands_package() -> None:
    assert all(name.startswith("firmware_sims.commands.") for name in COMMAND_MODULES)
