"""What the command says to the person at a device that is being paired, and what it passes on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from gateway.cli import pairing
from gateway.cli.devices import devices
from gateway.cli.speech import Speech
from gateway.client import Refused

SHOWS = {
    "number": 7,
    "device": "ble:C0:FF:EE:00:00:01",
    "name": "Cuff",
    "asks": "type_code",
    "code": None,
    "seconds_left": 25,
    "sentence": "L'appareil « Cuff » affiche un code à six chiffres : donnez ce code ici.",
}
HAS_KEYS = {**SHOWS, "asks": "show_code", "code": "000042", "sentence": "Tapez 000 042."}
HAS_NO_CODE = {**SHOWS, "asks": "confirm", "sentence": "L'appareil veut s'associer sans code."}


class Daemon:
    """Answers with the next of what was asked at one moment after the other; the last stays."""

    def __init__(self, *moments: list[dict[str, Any]]) -> None:
        self._moments = list(moments)
        self.told: list[tuple[Any, ...]] = []

    def get(self, *path: str, language: str | None) -> Any:
        assert (path, language) == (("pairing",), "en")
        return self._moments.pop(0) if len(self._moments) > 1 else self._moments[0]

    def post(self, *path: str, **body: object) -> Any:
        self.told.append((*path, body))
        return {"id": SHOWS["device"], "was_bonded": True}


def run(daemon: Daemon, *arguments: str, typed: str = "") -> Result:
    obj = SimpleNamespace(client=daemon, t=Speech("en"))
    return CliRunner().invoke(pairing.pairing, arguments, obj=obj, input=typed)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "LOOK_EVERY_S", 0)


def test_the_questions_are_listed_in_words() -> None:
    shown = run(Daemon([SHOWS]), "list")

    assert "affiche un code à six chiffres" in shown.output
    assert "25" in shown.output


def test_a_code_is_passed_on_as_soon_as_it_is_asked_for() -> None:
    daemon = Daemon([], [], [SHOWS])
    ran = run(daemon, "answer", "123456")

    assert (ran.exit_code, daemon.told) == (0, [("pairing", "7", "answer", {"code": "123456"})])
    assert ran.output.count("Nothing is asked yet") == 1


def test_without_one_the_person_is_asked_for_it() -> None:
    daemon = Daemon([SHOWS])
    ran = run(daemon, "answer", typed="123 456\n")

    assert f"{SHOWS['sentence']} (25 s)" in ran.output
    assert daemon.told == [("pairing", "7", "answer", {"code": "123 456"})]


def test_a_code_to_be_typed_on_the_device_is_shown_and_nothing_is_passed_on() -> None:
    daemon = Daemon([HAS_KEYS])
    ran = run(daemon, "answer")

    assert (ran.exit_code, "Tapez 000 042." in ran.output, daemon.told) == (0, True, [])


@pytest.mark.parametrize(
    ("arguments", "typed", "agreed"),
    [((), "y\n", True), ((), "n\n", False), (("--agree",), "", True), (("--refuse",), "", False)],
)
def test_a_device_without_a_code_is_agreed_to_or_refused(
    arguments: tuple[str, ...], typed: str, agreed: bool
) -> None:
    daemon = Daemon([HAS_NO_CODE])
    ran = run(daemon, "answer", *arguments, typed=typed)

    assert daemon.told == [("pairing", "7", "answer", {"agree": agreed})]
    assert ("Not paired." in ran.output) is not agreed


def test_of_several_questions_one_is_named() -> None:
    other = {**SHOWS, "number": 8}
    daemon = Daemon([SHOWS, other])
    unnamed = run(daemon, "answer", "123456")
    run(daemon, "answer", "123456", "--number", "8")

    assert isinstance(unnamed.exception, Refused)
    assert daemon.told == [("pairing", "8", "answer", {"code": "123456"})]


def test_when_nothing_is_asked_the_person_is_told_what_to_do() -> None:
    ran = run(Daemon([]), "answer", "--wait", "0")

    assert isinstance(ran.exception, Refused)
    assert "bring it into its pairing mode" in str(ran.exception)


def test_a_device_is_read_now() -> None:
    daemon = Daemon([])
    obj = SimpleNamespace(client=daemon, t=Speech("fr"))
    ran = CliRunner().invoke(devices, ["read", str(SHOWS["device"])], obj=obj)

    assert daemon.told == [("devices", "read", {"device": SHOWS["device"]})]
    assert "L'appareil est lu dès qu'il est en vue." in ran.output


def test_a_device_is_forgotten() -> None:
    daemon = Daemon([])
    obj = SimpleNamespace(client=daemon, t=Speech("en"))
    ran = CliRunner().invoke(devices, ["forget", str(SHOWS["device"])], obj=obj)

    assert daemon.told == [("devices", "forget", {"device": SHOWS["device"]})]
    assert "The bond is dropped." in ran.output
