"""What the installer says is said in French on a French machine: every sentence, and no other."""

from __future__ import annotations

import argparse
import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.cli.spoken import GAP, _shape, shape
from tests.deploy.conftest import INSTALLER

FRENCH = tomllib.loads((INSTALLER / "fr.toml").read_text(encoding="utf-8"))
SAID_BY_THE_SYSTEM = {
    "No space left on device",
    "Read-only file system",
    "Permission denied",
    "No such file or directory",
}

SAID_BY_ARGPARSE = {
    *("usage: ", "options", "positional arguments", "show this help message and exit"),
    *("%(prog)s: error: %(message)s", "argument %(argument_name)s: %(message)s"),
    *("invalid choice: %(value)r (choose from %(choices)s)", "unrecognized arguments: %s"),
    "expected one argument",
}


def said() -> set[str]:
    """Return the shape of each line that the installer's code says."""
    found = set()
    for path in INSTALLER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for text in _texts(node):
                found |= {line.rstrip() for line in text.split("\n") if line.strip()}
    return found


def _texts(node: ast.AST) -> Iterator[str]:
    """Yield what stands where something is said: in a trouble, a step, a remedy, a call of say."""
    match node:
        case ast.Call(func=ast.Name("Trouble" | "say"), args=[first, *_]):
            yield from _inside(first)
        case ast.Call(func=ast.Name("Step"), args=[does, why, *_]):
            yield from (*_inside(does), *_inside(why))
        case ast.keyword(arg="remedy", value=remedy):
            yield from _inside(remedy)
        case ast.Assign(targets=[ast.Name("GREETING" | "_DOES" | "_OFFLINE" | "_WORDS")]):
            yield from _inside(node.value)
        case ast.Return(value=value) if value is not None:
            yield from (text for text in _inside(value) if " " in text.strip())
        case _:
            pass


def _inside(node: ast.AST) -> Iterator[str]:
    text = _shape(node)
    if text is not None:
        yield text


def test_every_sentence_has_its_french() -> None:
    known = {shape(english).rstrip() for english in FRENCH}
    told = {each.removeprefix("install: ") for each in said()}
    missing = {each for each in told - known if re.search("[a-z]", each)}

    assert len(said()) > 50
    assert missing == set()


def test_no_french_is_left_of_what_is_not_said_any_more() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in INSTALLER.glob("*.py"))
    told = re.sub(r'"\s+f?"', "", source)  # where a long sentence goes on in the next line

    for english in set(FRENCH) - SAID_BY_THE_SYSTEM - SAID_BY_ARGPARSE:
        longest = max(GAP.split(english)[::2], key=len).strip().replace("\n", "\\n")
        assert longest in told, english


def test_both_have_the_same_gaps_and_signs_keep_to_the_line() -> None:
    for english, french in FRENCH.items():
        assert set(GAP.findall(english)) == set(GAP.findall(french)), english
        assert re.search(r" [:?!;»%]|« ", french) is None, french


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"LANG": "fr_FR.UTF-8"}, "Rien n'a été changé."),
        ({"LC_ALL": "en_GB.UTF-8", "LANG": "fr_FR.UTF-8"}, "Nothing was changed."),
        ({"LC_ALL": "", "LANG": "fr_CA"}, "Rien n'a été changé."),
        ({}, "Nothing was changed."),
    ],
)
def test_it_speaks_as_the_machine_does(
    environment: dict[str, str],
    told: str,
    installer: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert installer("speech").say("Nothing was changed.") == told


@pytest.mark.parametrize(
    "line", ["--help", "uninstall --help", "--wheels", "uninstal", "rollback a b", "--zzz"]
)
def test_its_help_and_what_is_wrong_with_a_command_line_are_french_throughout(
    line: str,
    installer: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    monkeypatch.setattr("argparse._", argparse._, raising=True)  # type: ignore[attr-defined]

    with pytest.raises(SystemExit):
        installer("__main__").main(line.split())

    told = "".join(capsys.readouterr())
    assert told.startswith("utilisation")
    assert not re.search("usage|argument|error|show|exit|invalid|choose|expected", told)


def test_a_step_and_what_failed_in_it_are_told_whole(
    installer: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    command = installer("__main__")
    why = "there is none; yours would be left as it is."
    step = command.removal.Step("write /etc/x.toml", why, lambda: True, lambda: None)

    command.take([step], dry_run=True)
    with pytest.raises(command.Trouble) as failed:
        command.removal.run("false", remedy="Install python3-venv.")

    shown = capsys.readouterr().out.replace("\N{NO-BREAK SPACE}", " ")
    assert shown == (
        "  ferait  écrire /etc/x.toml\n"
        "          il n'y en a pas ; le vôtre serait laissé tel quel.\n"
    )
    assert command.say(f"install: {failed.value}").replace("\N{NO-BREAK SPACE}", " ") == (
        "installation : « false » a échoué (1). Installez python3-venv."
    )


def test_a_configuration_that_begins_with_a_byte_order_mark_says_where_the_state_is(
    installer: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    places = installer("places")
    file = tmp_path / "gateway.toml"
    file.write_text('[hub]\nstate = "/srv/hub"\n', encoding="utf-8-sig")
    monkeypatch.setattr(places, "CONFIGURATION", file)

    assert places.state() == Path("/srv/hub")
