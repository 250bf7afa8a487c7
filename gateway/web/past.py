"""What the owner's page has no room for: all readings of a kind, and what is wrong elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from gateway.api.corrections import left_to_people
from gateway.api.hub import Hub
from gateway.api.readings import position, position_of
from gateway.domain.reading import Kind
from gateway.domain.subject import SubjectId
from gateway.journal.views import CorrectionOwed, EntryView
from gateway.web.home import Shown, names_of_devices, show
from gateway.web.visits import Visit, see_other

_ON_A_PAGE = 30


@dataclass(frozen=True, slots=True)
class Task:
    """What a person is to put right at a destination: readings that are wrong there alike."""

    what: str
    readings: Sequence[tuple[int, Shown]]
    """Each with the number of its correction, in order."""


async def readings(visit: Visit) -> Response:
    """Show a person's readings of one kind, the latest first, a page at a time."""
    person, kind, before = visit.person, visit.form.get("kind"), visit.form.get("before")
    if person is None or kind not in set(Kind):
        return see_other("/")
    views = visit.hub.reader.entries(
        limit=_ON_A_PAGE,
        before=position(before) if before else None,
        subject=person.id,
        kind=Kind(kind),
    )
    if not views:
        return see_other("/")
    more = position_of(views[-1]) if len(views) == _ON_A_PAGE else None
    names = names_of_devices(visit.hub, visit.words)
    shown = [show(visit.hub, view, names, visit.words) for view in views]
    about = {"subject": person.id, "kind": kind}
    return visit.page("readings.html", name=person.label, shown=shown, about=about, more=more)


async def corrections(visit: Visit) -> Response:
    """Show what is to be put right, where, and why."""
    tasks = list(_tasks(visit))
    return visit.page("corrections.html", tasks=tasks) if tasks else see_other("/")


async def corrected(visit: Visit) -> Response:
    """Note that a person put it right there; with `last`, all that is wrong alike up to that one.

    What came to be wrong since the page was shown is none of it.
    """
    first, last = visit.form.get("number"), visit.form.get("last")
    for alike in _alike(visit.hub):
        numbers = [owed.number for owed, _ in alike]
        if first in map(str, numbers):
            until = int(last) if last in map(str, numbers) else int(first)
            done = [number for number in numbers if int(first) <= number <= until]
            await visit.hub.journal.correction_done(*done)
    return await corrections(visit)


def _tasks(visit: Visit) -> Iterator[Task]:
    hub, words, names = visit.hub, visit.words, names_of_devices(visit.hub, visit.words)
    people = {known.id: known.label for known in hub.reader.subjects()}
    for alike in _alike(hub):
        owed, _ = alike[0]
        what = words.count(
            f"corrections.{owed.wrong}",
            len(alike),
            destination=hub.title(owed.destination),
            name=people.get(owed.subject or SubjectId(""), ""),
        )
        readings = [(each.number, show(hub, view, names, words)) for each, view in alike]
        yield Task(what, readings)


def _alike(hub: Hub) -> list[list[tuple[CorrectionOwed, EntryView]]]:
    """Part what is left to people by what is wrong where, in whose record, of what device."""
    found = defaultdict(list)
    for owed in left_to_people(hub):
        view = hub.reader.entry(owed.entry)
        if view is not None:
            reading = view.entry.reading
            where = owed.destination, owed.subject, owed.wrong
            found[(*where, reading.device, reading.kind)].append((owed, view))
    return list(found.values())
