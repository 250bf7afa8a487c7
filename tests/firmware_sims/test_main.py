from pathlib import Path

import pytest
from firmware_sims.__main__ import main


def test_help_lists_the_subcommands_and_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    assert ended.value.code == 0
    assert "COMMAND" in capsys.readouterr().out


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
