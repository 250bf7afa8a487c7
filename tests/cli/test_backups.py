"""What a backup asks for: a passphrase, twice, in the person's language."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from gateway.app import backups as making
from gateway.cli import backups
from gateway.cli.speech import Speech


def test_a_passphrase_is_typed_twice_until_both_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used: list[bytes] = []

    def back_up(_config: object, _file: Path, passphrase: bytes) -> int:
        used.append(passphrase)
        return 2048

    monkeypatch.setattr(making, "back_up", back_up)
    app = typer.Typer()
    backups.add(app)
    obj = SimpleNamespace(config=None, t=Speech("fr"))

    ran = CliRunner().invoke(app, ["backup", "hub"], obj=obj, input="un\ndeux\ntrois\ntrois\n")

    told = ran.output.replace("\N{NO-BREAK SPACE}", " ")
    assert used == [b"trois"]
    assert told.count("Phrase secrète : ") == 2
    assert told.count("La même, une seconde fois : ") == 2
    assert told.count("Ce n'était pas la même.") == 1
    assert "Error" not in told
