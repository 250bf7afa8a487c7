"""What the demonstration shows: each reading on its way, and the sums at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from gateway.demo.sums import Sum

Json = Mapping[str, Any]

_WORDS = {
    "due": "waiting to be sent",
    "sending": "being sent",
    "unsettled": "answer lost, will ask",
    "settled": "accepted",
    "withheld": "held",
    "parked": "refused, needs a person",
    "dropped": "removed",
    "no_grant": "held: no consent",
    "withdrawn": "held: consent withdrawn",
    "unclaimed": "held: nobody's yet",
    "before_grant": "held: older than the consent",
    "perhaps_before_grant": "held: perhaps older than the consent",
    "kind_not_covered": "held: kind not consented to",
    "time_unknown": "held: time unknown",
    "time_pending": "held: the hub does not know the time",
    "not_reliable": "held: the device doubts it",
    "refused_there": "held: refused there",
    "address_changed": "held: another address",
}


def way(
    held: Sequence[Json], readings: Sequence[Json], people: Mapping[str, str], headline: str
) -> Table:
    """Draw how far the newest readings have come; `held` are those the devices still hold."""
    names = {subject: name for name, subject in people.items()}
    table = Table(title=headline, title_justify="left", show_edge=False, pad_edge=False)
    for heading in ("measured", "device", "reading", "person", "on disk", "its way"):
        table.add_column(heading, no_wrap=True)
    for line in held:
        table.add_row(
            _clock(line["measured_at"]), line["device"], line["kind"], "", "not yet", "measured"
        )
    for reading in readings:
        table.add_row(
            _clock(reading["measured_at"]),
            reading["device"],
            _values(reading),
            names.get(reading["subject"], "nobody yet"),
            "yes",
            _state(reading),
        )
    return table


def _clock(at: str) -> str:
    return f"{datetime.fromisoformat(at).astimezone():%H:%M:%S}"


def _values(reading: Json) -> str:
    if reading["limit"] is not None:
        return f"{reading['kind']}: {reading['limit']} range"
    values = list(reading["values"].values())
    shown = "/".join(value["value"] for value in values[:2])
    return f"{reading['kind']} {shown} {values[0]['unit']}"


def _state(reading: Json) -> str:
    for delivery in reading["deliveries"]:
        return _WORDS.get(delivery["reason"]) or _WORDS[delivery["state"]]
    return "stays here: no place for it there"


def summary(found: Iterable[Sum], readings: Sequence[Json]) -> RenderableType:
    """Draw the sums, and where every reading ended up."""
    ends = Counter(_state(reading) for reading in readings)
    return Group(sums(found), "", counted("Where they ended up", ends))


def sums(found: Iterable[Sum]) -> Table:
    """Draw the sums, each with its verdict."""
    drawn = Table(title="Sums", title_justify="left", show_edge=False, pad_edge=False)
    for heading, justify in (("", "left"), ("expected", "right"), ("found", "right"), ("", "left")):
        drawn.add_column(heading, justify="right" if justify == "right" else "left")
    for each in found:
        verdict = "ok" if each.holds else f"WRONG {each.detail}"
        drawn.add_row(each.statement, str(each.expected), str(each.found), verdict)
    return drawn


def counted(title: str, ends: Counter[str]) -> Table:
    """Draw how many readings ended up where."""
    drawn = Table(title=title, title_justify="left", show_edge=False)
    drawn.add_column("")
    drawn.add_column("readings", justify="right")
    for ending, count in ends.most_common():
        drawn.add_row(ending, str(count))
    return drawn
