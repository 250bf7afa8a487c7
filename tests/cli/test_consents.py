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
