"""Arguments that several commands share, and how they are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from gateway.client import Client, Refused

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Since = Annotated[
    str, typer.Option(help="From when: now, a date and time, or days ago such as 90d.")
]

_AGO = re.compile(r"^(\d+)d$")


def moment(text: str) -> str:
    """Read a moment as the API wants it; a date and time without a zone is the local one's."""
    now = datetime.now(UTC)
    if text == "now":
        return now.isoformat()
    if ago := _AGO.match(text):
        return (now - timedelta(days=int(ago[1]))).isoformat()
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    except ValueError:
        raise Refused(f"{text!r} is no moment: write now, 90d or 2026-03-14T09:30.") from None


def person(client: Client, text: str) -> Mapping[str, Any]:
    """Find a person by their id or by what the household calls them."""
    people = client.get("people")
    found = [p for p in people if text in (p["id"], p["label"])]
    if len(found) == 1:
        return dict(found[0])
    if found:
        raise Refused(f"{len(found)} people are called that: use the id (people list).")
    raise Refused("There is no such person here: see 'people list', or add one with 'people add'.")
