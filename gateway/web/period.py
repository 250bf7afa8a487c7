"""Somebody used a device of another's for some days: what it measured then becomes theirs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from http import HTTPStatus

from starlette.responses import Response

from gateway.api.corrections import Past, hand_over
from gateway.api.hub import Hub
from gateway.domain.device_time import EARLIEST
from gateway.domain.entry import Entry
from gateway.domain.identity import ReadingId
from gateway.domain.subject import SubjectId
from gateway.journal.views import Handover
from gateway.language.plain import plain
from gateway.language.words import Words
from gateway.web import sharing
from gateway.web.home import called, household
from gateway.web.visits import Visit, see_other


@dataclass(frozen=True, slots=True)
class _Told:
    """What the form says, and what is unclear of it: the name of its words, or nothing."""

    past: Past | None
    unclear: str | None = None


async def ask(visit: Visit) -> Response:
    """Ask who used the device of a reading, and on which days."""
    entry = _entry(visit)
    return see_other("/") if entry is None else _ask(visit, entry)


async def look(visit: Visit) -> Response:
    """Say what becomes of how many readings, and ask whether that is to be."""
    entry = _entry(visit)
    if entry is None:
        return see_other("/")
    told = _told(visit, entry)
    if told.past is None:
        return _ask(visit, entry, told.unclear)
    done = await hand_over(visit.hub, told.past.model_copy(update={"only_look": True}))
    (name,) = (each.label for each in household(visit.hub) if each.id == told.past.subject)
    return visit.page(
        "period_sure.html",
        name=name,
        lines=list(_lines(visit, done)),
        about={key: visit.form.get(key) for key in ("reading", "subject", "first", "last")},
    )


async def give(visit: Visit) -> Response:
    """Have it so."""
    entry = _entry(visit)
    past = None if entry is None else _told(visit, entry).past
    if past is not None:
        await hand_over(visit.hub, past)
    return see_other("/")


def _entry(visit: Visit) -> Entry | None:
    view = visit.hub.reader.entry(ReadingId(visit.form.get("reading")))
    return view.entry if view is not None and sharing.by_days(visit.hub, view.entry) else None


def _ask(visit: Visit, entry: Entry, unclear: str | None = None) -> Response:
    slot = entry.reading.slot
    day = entry.timing.measured_at.astimezone(visit.hub.zone).date().isoformat()
    said = {key: visit.form.get(key) for key in ("subject", "first", "last")}
    return visit.page(
        "period.html",
        HTTPStatus.OK if unclear is None else HTTPStatus.BAD_REQUEST,
        reading=entry.id,
        device=called(entry.device, visit.words),
        number=None if slot is None else plain(slot),
        people=[each for each in household(visit.hub) if each.id != entry.subject],
        unclear=unclear,
        said={**said, "first": said["first"] or day, "last": said["last"] or day},
    )


def _told(visit: Visit, entry: Entry) -> _Told:
    """Read the form: whole days of the household, the last of them up to now at most."""
    hub, subject = visit.hub, visit.form.get("subject")
    if subject not in {each.id for each in household(hub)}:
        return _Told(None, "nobody")
    try:
        first, last = (date.fromisoformat(visit.form.get(key)) for key in ("first", "last"))
    except ValueError:
        return _Told(None, "no_days")
    now = hub.clock.now().utc
    today = now.astimezone(hub.zone).date()
    if not first <= min(last, today):
        return _Told(None, "no_days")
    since = EARLIEST if first <= EARLIEST.date() else _midnight(hub, first)
    until = now if last >= today else _midnight(hub, last + timedelta(days=1))
    if until <= EARLIEST:
        return _Told(None, "no_days")
    reading = entry.reading
    past = Past(
        device=reading.device,
        subject=SubjectId(subject),
        slot=reading.slot,
        since=since,
        until=until,
    )
    return _Told(past)


def _midnight(hub: Hub, day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=hub.zone)


def _lines(visit: Visit, done: Handover) -> Iterator[str]:
    words: Words = visit.words
    yield words.count("period.readings", done.readings)
    for destination, number in sorted(done.there.items()):
        yield words(
            "period.there", destination=visit.hub.title(destination), number=words.number(number)
        )
    if done.unsure:
        yield words.count("period.unsure", done.unsure)
    if done.standing:
        yield words.count("period.standing", done.standing)
