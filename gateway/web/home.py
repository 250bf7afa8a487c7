"""The owner's page: people and their last readings, what became of each, devices, problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from starlette.responses import Response

from gateway.api import glucose
from gateway.api.context import aside
from gateway.api.corrections import dismiss as dismissed
from gateway.api.corrections import reassign as reassigned
from gateway.api.export import Wanted, export
from gateway.api.hub import Hub
from gateway.api.people import Claim
from gateway.api.readings import claim as claimed
from gateway.api.timeline import sentences
from gateway.domain.device import Device, DeviceId
from gateway.domain.device_time import Correction
from gateway.domain.identity import ReadingId
from gateway.domain.reading import Kind
from gateway.domain.subject import Attribution, Subject, SubjectId
from gateway.journal.views import DeviceView, EntryView
from gateway.language.moments import moment
from gateway.language.plain import plain
from gateway.language.words import Words
from gateway.web import sharing
from gateway.web.agreements import Agreement, agreements
from gateway.web.kiosk.pictures import picture_of
from gateway.web.problems import problems
from gateway.web.questions import asked
from gateway.web.saying import Said, measured, said
from gateway.web.standing import Whereabouts
from gateway.web.visits import Visit, see_other
from gateway.web.ways import ways

_NOBODY = "nobody"
"""What a choice of a person says for none of them; nothing chosen is no choice."""
_CAN_BE_ANOTHERS = {Attribution.ASSIGNMENT, Attribution.SESSION, Attribution.CLAIM}
"""What was computed follows its readings."""
_OF_A_KIND = 3
"""Last readings shown of each kind: the latest, and two to compare it with."""
_UNCLAIMED = 10


@dataclass(frozen=True, slots=True)
class Shown:
    """A reading on the page."""

    id: ReadingId
    said: Said
    when: str
    device: str
    whereabouts: Sequence[Whereabouts]
    number: str | None = None
    """Its number on the device, where what comes under it can be made one person's."""


@dataclass(frozen=True, slots=True)
class Card:
    """A person on the page."""

    id: SubjectId
    label: str
    readings: Mapping[Kind, Sequence[Shown]]
    """The latest of each kind first."""
    agreements: Sequence[Agreement]
    reportable: bool
    """Whether there are sensor readings to make the glucose report of."""


@dataclass(frozen=True, slots=True)
class Thing:
    """A device on the page."""

    device: DeviceId
    name: str
    battery_percent: int | None
    owners: Sequence[Subject]
    last: str | None
    near: bool
    idle: bool
    """It is near, and nobody talks with it."""


async def home(visit: Visit) -> Response:
    """Show the page."""
    hub, words = visit.hub, visit.words
    people = household(hub)
    names = names_of_devices(hub, words)
    nobodys, held = hub.reader.nobodys(_UNCLAIMED)
    timeless = _timeless(hub, nobodys)
    cards = [_card(hub, subject, names, words) for subject in people]
    devices = [known for known in hub.reader.devices() if known.adopted]
    turn = hub.reader.kiosk()
    return visit.page(
        "home.html",
        questions=await asked(visit),
        problems=problems(hub, visit.site.lost, people, names, words),
        people=cards,
        awaits=any(agreement.awaits for card in cards for agreement in card.agreements),
        unclaimed=[
            _to_be_given(hub, view, names, words) for view in nobodys if view not in timeless
        ],
        timeless=[show(hub, view, names, words) for view in timeless],
        devices=list(_things(hub, devices, people, words)),
        earlier=[(names[each.device], each) for each in held],
        counter=hub.counter is not None,
        picture=None if turn is None else words(f"kiosk.picture.{picture_of(turn)}"),
    )


async def story(visit: Visit) -> Response:
    """Tell what happened to one reading, in order."""
    hub, words = visit.hub, visit.words
    view = hub.reader.entry(ReadingId(visit.form.get("reading")))
    if view is None:
        return see_other("/")
    now = hub.clock.now().utc
    names = names_of_devices(hub, words)
    happened = await aside(hub, lambda reader: reader.story(view.entry.id))
    told = sentences(view, happened, words.language, hub.title)
    steps = [(moment(at, now, hub.zone, words), sentence) for at, _, sentence in told]
    others = [each for each in household(hub) if each.id != view.entry.subject]
    return visit.page(
        "story.html",
        reading=_to_be_given(hub, view, names, words),
        steps=steps,
        others=others if view.entry.attribution in _CAN_BE_ANOTHERS else None,
        by_days=bool(others) and sharing.by_days(hub, view.entry),
    )


async def report(visit: Visit) -> Response:
    """Give the glucose report of the last two weeks, to keep or to print."""
    person = visit.person
    if person is None:
        return see_other("/")
    made = await glucose.report(
        visit.hub, person.id, glucose.Format.PDF, language=visit.words.language
    )
    made.headers["Content-Disposition"] = 'attachment; filename="report.pdf"'
    return made


async def take_along(visit: Visit) -> Response:
    """Give a person all that is here of them, in one file."""
    person = visit.person
    if person is None:
        return see_other("/")
    made = await export(visit.hub, person.id, Wanted(language=visit.words.language))
    name = visit.words("export.file")
    made.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return made


async def reassign(visit: Visit) -> Response:
    """Give a reading of somebody's to another, or to nobody here; what was sent is put right."""
    reading, subject = ReadingId(visit.form.get("reading")), visit.form.get("subject")
    if subject == _NOBODY:
        await dismissed(visit.hub, reading)
    elif subject in {known.id for known in household(visit.hub)}:
        await reassigned(visit.hub, reading, Claim(subject=SubjectId(subject)))
        await _with_later(visit, reading, SubjectId(subject))
    return see_other("/")


async def claim(visit: Visit) -> Response:
    """Say whose a reading is, or that it is nobody's here; nothing if nothing was chosen."""
    reading = ReadingId(visit.form.get("reading"))
    subject = visit.form.get("subject")
    if subject == _NOBODY:
        await dismissed(visit.hub, reading)
    elif subject:
        await claimed(visit.hub, reading, Claim(subject=SubjectId(subject)))
        await _with_later(visit, reading, SubjectId(subject))
    return see_other("/")


async def _with_later(visit: Visit, reading: ReadingId, subject: SubjectId) -> None:
    """Give them what comes later under the number of this one as well, if they want it."""
    if visit.form.get("later") == "yes":
        view = visit.hub.reader.entry(reading)
        if view is not None:
            await sharing.keep(visit.hub, view.entry, subject)


def named(device: Device) -> str | None:
    """Return what a device calls itself, if it has said so yet."""
    made = " ".join(part for part in (device.manufacturer, device.model) if part)
    name = made or device.name
    return None if name is None else plain(name)


def called(device: Device, words: Words) -> str:
    """Return what people would call a device: what it is, as long as it has said no name."""
    family = words.or_none(f"family.{device.driver.partition('/')[0]}")
    at = device.id.partition(":")[2]
    return named(device) or plain(device.id if family is None else f"{family} ({at})")


def names_of_devices(hub: Hub, words: Words) -> Mapping[DeviceId, str]:
    """Return what people would call each device."""
    return {known.device.id: called(known.device, words) for known in hub.reader.devices()}


def household(hub: Hub) -> list[Subject]:
    """List the people of the owner's page: a guest at the kiosk is not on it."""
    return [each for each in hub.reader.subjects() if not _a_guest(hub, each.id)]


def _a_guest(hub: Hub, subject: SubjectId) -> bool:
    """Tell whether the person is at the kiosk now and nowhere else: they are not the owner's."""
    session = hub.reader.kiosk()
    return session is not None and session.subject == subject and not session.keep


def _card(hub: Hub, subject: Subject, names: Mapping[DeviceId, str], words: Words) -> Card:
    readings, found = {}, []
    for kind in Kind:
        limit = 1 if kind is Kind.INTERSTITIAL_GLUCOSE else _OF_A_KIND
        views = hub.reader.entries(limit=limit, subject=subject.id, kind=kind)
        if views:
            readings[kind] = [show(hub, view, names, words) for view in views]
            found += views
    given = list(agreements(hub, subject.id, words, found))
    reportable = Kind.INTERSTITIAL_GLUCOSE in readings
    return Card(subject.id, subject.label, readings, given, reportable)


def show(hub: Hub, view: EntryView, names: Mapping[DeviceId, str], words: Words) -> Shown:
    """Say a reading in words; `names` says what people call their devices."""
    entry = view.entry
    return Shown(
        id=entry.id,
        said=said(entry.reading, words),
        when=measured(entry.timing, hub.clock.now().utc, hub.zone, words),
        device=names.get(entry.device.id, entry.device.id),
        whereabouts=ways(hub, view, words),
    )


def _timeless(hub: Hub, views: Sequence[EntryView]) -> list[EntryView]:
    """Return what is nobody's only until the hub knows the time: nobody is asked whose it is."""
    if hub.clock.now().trusted:
        return []
    waits = Correction.HUB_CLOCK_UNSET
    return [view for view in views if view.entry.timing.reason is waits]


def _to_be_given(hub: Hub, view: EntryView, names: Mapping[DeviceId, str], words: Words) -> Shown:
    """Show a reading beside the question whose it is."""
    return replace(show(hub, view, names, words), number=sharing.number(hub, view.entry))


def _things(
    hub: Hub, devices: Sequence[DeviceView], people: Sequence[Subject], words: Words
) -> Iterator[Thing]:
    now = hub.clock.now().utc
    here = {person.id: person for person in people}
    near = {seen.device for seen in hub.sightings() if _lately(seen.seen_at, now)}
    busy = set(hub.status().sessions)
    assignments = [each for each in hub.reader.assignments() if each.until is None]
    for known in devices:
        owners = [
            here[each.subject]
            for each in assignments
            if each.device == known.device.id and each.subject in here
        ]
        last = known.last_reading_at
        yield Thing(
            device=known.device.id,
            name=called(known.device, words),
            battery_percent=known.device.battery_percent,
            owners=[owner for at, owner in enumerate(owners) if owner not in owners[:at]],
            last=None if last is None else moment(last, now, hub.zone, words),
            near=known.device.id in near | busy,
            idle=known.device.id in near - busy,
        )


def _lately(at: datetime, now: datetime) -> bool:
    return now - at < timedelta(minutes=2)
