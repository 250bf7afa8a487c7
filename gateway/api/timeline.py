"""The timeline of one reading, in plain French or English."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from gateway.domain.device_time import Timing
from gateway.errors import ConfigError
from gateway.journal.views import EntryView, Event
from gateway.language.words import LANGUAGES, Words, words

_OF_A_PERSON = frozenset({"recorded", "attributed", "reassigned", "dismissed"})

_TRIED_NO_MORE = frozenset({"postponed", "unsettled", "parked"})
"""What came of an attempt that a withdrawal met is not followed by another."""

_IN_ONE_MOMENT = {
    event: place
    for place, event in enumerate(
        ("received", "measured", "corrected", "recorded", "attributed", "whose")
    )
}
"""How what happened in one moment follows each other; anything else is later, waiting last."""

Told = tuple[datetime, str, str]


def sentences(
    view: EntryView | None,
    story: Sequence[Event],
    language: str,
    title: Callable[[str], str],
) -> list[Told]:
    """Tell what happened to a reading, in order. Raises ConfigError for an unknown language.

    Without a view, because it is kept no longer, only what the audit log says is told.
    `title` says what people call a destination.
    """
    if language not in LANGUAGES:
        raise ConfigError(f"There is no timeline in {language!r}: fr and en exist.")
    say = words(language)
    told = [] if view is None else _known(view, story, say, title)
    retimed = iter(() if view is None else (*view.earlier, view.entry.timing)[1:])
    dropped: set[str | None] = set()
    for event in story:
        reason, name = event.detail, event.name
        if name == "dropped":
            dropped.add(event.destination)
        elif name == "released":
            dropped.discard(event.destination)
        elif name in _TRIED_NO_MORE and event.destination in dropped:
            name = f"{name}_dropped"
        if event.name == "timed":
            timing = next(retimed, None)
            reason = None if timing is None else timing.reason
        if f"timeline.{name}" in say:
            sentence = say(
                f"timeline.{name}",
                destination=title(event.destination) if event.destination else "?",
                detail=event.detail or "?",
                why=say.or_none(f"why.{reason}") or reason or "?",
            )
            told.append((event.at, event.name, sentence))
    return sorted(told, key=_in_order)


def _in_order(told: Told) -> tuple[datetime, int]:
    at, event, _ = told
    later = len(_IN_ONE_MOMENT) + (event == "waiting")
    return at, _IN_ONE_MOMENT.get(event, later)


def _known(
    view: EntryView, story: Sequence[Event], say: Words, title: Callable[[str], str]
) -> list[Told]:
    """Tell what the journal itself knows of a reading."""
    received = view.entry.reading.received.utc
    first = (*view.earlier, view.entry.timing)[0]
    told = [(received, "received", say("timeline.received")), _measured(view.entry.timing, say)]
    if first.correction:
        by = _span(abs(first.correction), say)
        sign = "-" if first.correction < timedelta() else "+"
        sentence = say("timeline.corrected", by=sign + by, why=say(f"why.{first.reason}"))
        told.append((received, "corrected", sentence))
    said = [event.at for event in story if event.name in _OF_A_PERSON]
    whose = say("timeline.whose", why=say(f"why.{view.entry.attribution}"))
    told.append((max(said, default=view.recorded_at), "whose", whose))
    for delivery in view.deliveries:
        if delivery.state in ("due", "unsettled"):
            sentence = say("timeline.waiting", destination=title(delivery.destination))
            told.append((delivery.changed_at, "waiting", sentence))
    return told


def _measured(timing: Timing, say: Words) -> Told:
    if timing.uncertainty is None:
        return timing.measured_at, "measured", say("timeline.measured_unknown")
    doubt = _span(timing.uncertainty, say)
    return timing.measured_at, "measured", say("timeline.measured", doubt=doubt)


def _span(length: timedelta, say: Words) -> str:
    seconds = round(length.total_seconds())
    if seconds < 120:
        return say("span.s", number=seconds)
    if seconds < 2 * 3600:
        return say("span.min", number=round(seconds / 60))
    if seconds < 2 * 86400:
        return say("span.h", number=round(seconds / 3600))
    return say("span.d", number=round(seconds / 86400))
