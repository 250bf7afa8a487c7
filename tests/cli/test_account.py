"""A person's account on a terminal: all of it, however long."""

import json
from types import SimpleNamespace
from typing import Any

from typer.testing import CliRunner

from gateway.cli.audit import audit
from gateway.cli.speech import Speech

READINGS = [f"r-{number}" for number in range(5)]
AT = "2026-03-14T09:30:00+00:00"


class Daemon:
    """Has two readings on each page, and one that expired."""

    def get(self, *path: str, before: str | None = None) -> Any:
        if path == ("people",):
            return [{"id": "p-1", "label": "Odile"}]
        start = 0 if before is None else int(before) + 1
        page = [
            {
                "reading": reading,
                "kind": "weight",
                "measured_at": AT,
                "deliveries": [],
                "expired": None,
                "position": str(number),
            }
            for number, reading in list(enumerate(READINGS))[start : start + 2]
        ]
        if before is None:
            page.append(
                {"reading": "r-old", "deliveries": [], "expired": {"at": AT, "why": "delivered"}}
            )
        return page


def asked(*arguments: str) -> str:
    obj = SimpleNamespace(client=Daemon(), t=Speech("fr"))
    return CliRunner().invoke(audit, ["account", "Odile", *arguments], obj=obj).output


def test_every_page_is_told_and_what_expired_at_the_end() -> None:
    told = json.loads(asked("--json"))

    assert [line["reading"] for line in told] == [*READINGS, "r-old"]


def test_to_people_it_is_told_in_words() -> None:
    told = asked()

    assert told.count("Poids") == len(READINGS)
    assert told.rstrip().endswith(
        "r-old n'est plus gardée ; elle était arrivée partout.".replace(" ;", "\N{NO-BREAK SPACE};")
    )
