"""What `journal` says of a reading, in the words of the screens."""

from types import SimpleNamespace
from typing import Any

import typer
from typer.testing import CliRunner

from gateway.cli import journal
from gateway.cli.speech import Speech

READING = {
    "id": "0" * 32,
    "measured_at": "2026-03-14T09:26:53+00:00",
    "uncertainty_s": 1.0,
    "kind": "body_temperature",
    "values": {"temperature": {"value": "36.9", "unit": "Cel"}},
    "limit": None,
    "subject": None,
    "suggestion": None,
    "deliveries": [],
}


class Daemon:
    def get(self, *path: str, **_asked: object) -> Any:
        return [READING] if path == ("readings",) else []


def test_a_reading_that_no_destination_takes_is_kept_here() -> None:
    app = typer.Typer()
    journal.add(app)
    obj = SimpleNamespace(client=Daemon(), t=Speech("fr"))

    told = CliRunner().invoke(app, ["journal"], obj=obj).output

    assert "36,9 °C" in told
    assert "Gardée ici" in told
