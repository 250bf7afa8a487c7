"""What a person is shown before they agree."""

from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import typer
from typer.testing import CliRunner

from gateway.cli import consents
from gateway.cli.arguments import moment
from gateway.cli.speech import Speech

TEXT = {
    "language": "fr",
    "text": "Le texte.",
    "title": "Mon espace santé",
    "address": "https://mes.example",
    "kinds": ["weight"],
}


class Daemon:
    def get(self, *path: str, **_asked: object) -> Any:
        return TEXT if path == ("consents", "text") else [{"id": "p-1", "label": "Odile"}]


def test_who_bounds_the_readings_and_the_consent_sees_both_bounds_before_agreeing() -> None:
    app, zone = typer.Typer(), ZoneInfo("Europe/Paris")
    consents.add(app)
    obj = SimpleNamespace(
        client=Daemon(), t=Speech("fr", zone=zone), moment=lambda text: moment(text, zone)
    )
    bounds = ["--until", "2099-08-01", "--expires", "2099-09-01"]

    ran = CliRunner().invoke(
        app, ["consent", "grant", "Odile", "--to", "mes", *bounds], obj=obj, input="n\n"
    )

    told = ran.output.replace("\N{NO-BREAK SPACE}", " ")
    assert "Seulement celles d'avant : le 1er août 2099 à 0 h 00" in told
    assert "Jusqu'à quand : le 1er septembre 2099 à 0 h 00" in told


class Ledger(Daemon):
    def get(self, *path: str, **asked: object) -> Any:
        if path != ("consents",):
            return super().get(*path, **asked)
        given = {
            "id": "grant-1",
            "at": "2026-03-14T09:26:53Z",
            "entry": "grant",
            "subject": "p-1",
            "destination": "mes",
            "kinds": ["weight"],
            "covers_from": "2026-03-14T09:26:53Z",
            "by": "Claude",
            "living": True,
        }
        return [given | {"expires": "2031-05-02T22:00:00Z"}, given | {"expires": None}]


def test_the_ledger_shows_until_when_a_consent_is_given() -> None:
    app, zone = typer.Typer(), ZoneInfo("Europe/Paris")
    consents.add(app)
    obj = SimpleNamespace(client=Ledger(), t=Speech("fr", zone=zone))

    ran = CliRunner().invoke(app, ["consent", "show"], obj=obj, env={"COLUMNS": "300"})

    told = ran.output.replace("\N{NO-BREAK SPACE}", " ")
    assert told.count("le 3 mai 2031 à 0 h 00") == 1
    assert told.count("Claude") == 2
