import importlib
from pathlib import Path

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


SERIAL = ["serial", "beurer", "--interval", "1"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([*SERIAL, "--link", "{here}/port", "--produced", "{here}/none/lines"], "none/lines"),
        ([*SERIAL, "--link", "{here}/none/port", "--produced", "{here}/lines"], "none/port"),
        (["play", "demo.toml", "--produced", "{here}/none/lines"], "none/lines"),
        (["play", "demo.toml", "--hci", "127.0.0.1"], "HOST:PORT, not '127.0.0.1'"),
        (["play", "demo.toml", "--hci", "127.0.0.1:70000"], "HOST:PORT, not '127.0.0.1:70000'"),
        (
            [*SERIAL, "--link", "{here}/p", "--produced", "{here}/l", "--fault", "renumber"],
            "no fault of a serial device is written 'renumber'",
        ),
        (
            [*SERIAL, "--link", "{here}/p", "--produced", "{here}/l", "--fault", "silence:-1"],
            "no fault of a serial device is written 'silence:-1'",
        ),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_what_cannot_be_used_is_named_in_a_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status: object = main([each.format(here=tmp_path) for each in arguments])
    except SystemExit as ended:
        status = ended.code

    assert status == 2
    assert sentence in capsys.readouterr().err


def test_every_command_module_lives_in_the_commands_package() -> None:
    assert all(name.startswith("firmware_sims.commands.") for name in COMMAND_MODULES)
