"""Says how a reading stands, and what is wrong; for the command too, which loads no journal."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.collect.patience import Outcome
from gateway.language.words import Words

_MARKS = {
    "settled": "arrived",
    "due": "waiting",
    "sending": "waiting",
    "unsettled": "waiting",
    "withheld": "kept",
    "dropped": "kept",
    "parked": "wrong",
}


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """How a reading stands with one destination; `mark` is its colour and its sign."""

    mark: str
    sentence: str


def standing(
    state: str, reason: str | None, title: str, words: Words, *, may_have_arrived: bool
) -> Whereabouts:
    """Say it; `title` is what people call the destination.

    What ended here while its outcome was open is not said to be here alone.
    """
    said = _standing(state, reason, title, words)
    if not may_have_arrived or said.mark == "waiting":
        return said
    perhaps = words("delivery.perhaps_there", stands=said.sentence, destination=title)
    return Whereabouts(said.mark, perhaps)


def _standing(state: str, reason: str | None, title: str, words: Words) -> Whereabouts:
    mark = _MARKS[state]
    if state == "withheld":
        why = words(f"withheld.{reason}", destination=title)
        return Whereabouts(mark, words("delivery.withheld", why=why))
    if reason == "replaced":
        return Whereabouts(mark, words("delivery.replaced"))
    return Whereabouts(mark, words(f"delivery.{state}", destination=title))


def trouble_of(transport: str) -> str:
    """Name the words about a transport in trouble: of a cable, or of a radio."""
    return "problem.cable" if transport.startswith(("serial:", "hid:", "usb")) else "problem.radio"


def advice_about(device: str, outcome: str | None) -> str:
    """Name the words about a device in trouble: nobody is to move one on a cable nearer."""
    if outcome == Outcome.LINK and trouble_of(device) == "problem.cable":
        return "problem.cable.unknown"
    return f"problem.device.{outcome or 'unknown'}"
