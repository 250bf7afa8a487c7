"""What a terminal is given: nothing that a stranger's device could steer it by."""

import json

import pytest

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


def test_a_script_gets_it_unchanged_and_a_terminal_that_shows_json_is_not_steered(
    capsys: pytest.CaptureFixture[str],
) -> None:
    as_json({"name": NAME})

    shown = capsys.readouterr().out
    assert json.loads(shown) == {"name": NAME}
    assert steering(shown) <= {"\u202e"}
