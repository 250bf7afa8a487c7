"""What a terminal is given: what fits it, and nothing that a device could steer it by."""

import json
import sys
from io import BytesIO, StringIO, TextIOWrapper

import pytest
from rich.console import Console

from gateway.cli import show
from gateway.cli.main import command
from gateway.cli.show import as_json, complain, rows, say
from gateway.cli.speech import Speech

NAME = "Cuff\x1b]0;mine\x07\x9b2J\u202e"


def steering(text: str) -> set[str]:
    return set(text) & set("\x1b\x07\x9b\u202e")


def test_a_name_that_steers_a_terminal_is_marked_wherever_people_read_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say(f"{NAME} asks.\nA second line.")
    rows(Speech("en"), "Devices", {"name": "name"}, [{"name": f"{NAME}\nforged"}])
    complain(f"{NAME} is not in reach.")

    shown = capsys.readouterr()
    assert steering(shown.out) == steering(shown.err) == set()
    assert "\nA second line.\n" in shown.out
    assert "\nforged" not in shown.out


def test_an_address_stays_an_address_also_where_rich_would_see_a_pictogram(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say("C4:AB:00:00:00:01 is ours now.")
    complain("C4:AB:00:00:00:01 is not in reach.")

    shown = capsys.readouterr()
    assert shown.out == "C4:AB:00:00:00:01 is ours now.\n"
    assert "C4:AB:00:00:00:01" in shown.err


def test_a_script_gets_it_unchanged_and_a_terminal_that_shows_json_is_not_steered(
    capsys: pytest.CaptureFixture[str],
) -> None:
    as_json({"name": NAME})

    shown = capsys.readouterr().out
    assert json.loads(shown) == {"name": NAME}
    assert steering(shown) <= {"\u202e"}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_that_lacks_a_sign_gets_another_and_a_script_gets_all(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    octets = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(octets, encoding=encoding))
    monkeypatch.setattr(sys, "argv", ["healthspace-gateway", "--language", "fr", "--help"])

    with pytest.raises(SystemExit) as ended:
        command()
    shown = octets.tell()
    as_json({"name": "cœur"})
    sys.stdout.flush()

    assert ended.value.code == 0
    assert shown > 1000
    assert json.loads(octets.getvalue()[shown:].decode(encoding)) == {"name": "cœur"}


READING = {
    "id": "63e7d495e55a8fb3eca8ba77c87fb363",
    "at": "aujourd'hui à 18 h 01",
    "what": "Pression haute 129 mmHg, Pression basse 80 mmHg",
    "who": None,
}
COLUMNS = {"id": "reading", "at": "measured", "what": "value", "who": "person"}


@pytest.mark.parametrize("width", [60, 80, 108, 109, 200])
def test_no_word_is_broken_however_narrow_the_terminal_is(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = StringIO()
    monkeypatch.setattr(show, "console", Console(file=said, force_terminal=True, width=width))

    rows(Speech("fr"), "Readings", COLUMNS, [READING, READING])

    lines = said.getvalue().splitlines()
    words = {word for told in READING.values() if told for word in told.split()}
    assert all(said.getvalue().count(word) >= 2 for word in words)
    assert (sum("━" in line for line in lines) == 1) is (width >= 119)
