"""Arguments that several commands share, and how they are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Any

import typer

from gateway.cli.speech import Speech
from gateway.client import Client, Refused
from gateway.language.words import LANGUAGES

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Since = Annotated[
    str, typer.Option(help="From when: now, a date and time, or days ago such as 90d.")
]

_AGO = re.compile(r"^(\d+)[dj]$")


def moment(text: str, zone: tzinfo) -> str:
    """Read a moment as the API wants it; a date and time that names no zone is the household's."""
    now = datetime.now(UTC)
    if text in ("now", "maintenant"):
        return now.isoformat()
    try:
        if ago := _AGO.match(text):
            return (now - timedelta(days=int(ago[1]))).isoformat()
        told = datetime.fromisoformat(text)
        here = told if told.tzinfo is not None else told.replace(tzinfo=zone)
        return here.astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        raise Refused(f"{text!r} is no moment: write now, 90d or 2026-03-14T09:30.") from None


def language(text: str | None) -> str | None:
    """Read a language that was asked for."""
    if text is not None and text not in LANGUAGES:
        raise Refused(f"Nothing is told in {text!r}: fr and en exist.")
    return text


def person(client: Client, text: str) -> Mapping[str, Any]:
    """Find a person by their id or by what the household calls them."""
    people = client.get("people")
    found = [p for p in people if text in (p["id"], p["label"])]
    if len(found) == 1:
        return dict(found[0])
    if found:
        raise Refused(f"{len(found)} people are called that: use the id (people list).")
    raise Refused("There is no such person here: see 'people list', or add one with 'people add'.")


def names(client: Client, t: Speech) -> Mapping[str, str]:
    """Return what the household calls people, by their ids."""
    return {p["id"]: p["label"] or t("a guest") for p in client.get("people")}
