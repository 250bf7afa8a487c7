"""What is wrong here, each with what a person can do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.api.corrections import left_to_people
from gateway.api.hub import Hub, ShutOut, Status
from gateway.api.kiosk import at_counter
from gateway.api.missed import missing
from gateway.collect.patience import Outcome
from gateway.domain.device import DeviceId
from gateway.domain.subject import Subject
from gateway.language.moments import moment
from gateway.language.words import Words
from gateway.web.standing import advice_about, trouble_of


@dataclass(frozen=True, slots=True)
class Remedy:
    """A button that helps: what it says, and the form it sends."""

    says: str
    path: str
    about: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; `detail` is what was said technically, if anything was."""

    title: str
    advice: str
    detail: str | None = None
    remedy: Remedy | None = None
    listed: bool = False
    """Whether the page of what is to be corrected has more."""


def problems(
    hub: Hub,
    lost: int,
    people: Sequence[Subject],
    names: Mapping[DeviceId, str],
    words: Words,
) -> list[Problem]:
    """List what is wrong for the household; `names` says what people call their devices.

    `lost` counts readings that could not be saved from a damaged journal.
    """
    status = hub.status()
    return [
        *_of_the_hub(hub, lost, words),
        *_of_transports(status, words),
        *_of_devices(status, names, words),
        *_of_the_counter(hub, words),
        *_of_silence(hub, names, words),
        *_of_destinations(hub, status, words),
        *_of_access(hub, status, people, words),
    ]


def _of_the_hub(hub: Hub, lost: int, words: Words) -> Iterator[Problem]:
    if not hub.clock.now().trusted:
        yield Problem(words("problem.time.title"), words("problem.time.advice"))
    if lost:
        yield Problem(words.count("problem.salvaged.title", lost), words("problem.salvaged.advice"))


def _of_transports(status: Status, words: Words) -> Iterator[Problem]:
    for part in status.transports:
        if part.problem is not None:
            key = trouble_of(part.name)
            advice = words.or_none(f"{key}.{part.reason}") or words(f"{key}.unknown")
            name = part.name.removeprefix("serial:").removeprefix("hid:")  # as the owner calls it
            yield Problem(words(f"{key}.title", name=name), advice, part.problem)


def _of_devices(status: Status, names: Mapping[DeviceId, str], words: Words) -> Iterator[Problem]:
    kept_from = [
        problem
        for device, problem in status.problems.items()
        if status.outcomes.get(device) == Outcome.JOURNAL
    ]
    if kept_from:  # of the hub, however many devices meet it
        yield Problem(words("problem.journal"), words("problem.device.journal"), kept_from[0])
    for device, problem in status.problems.items():
        title = words("problem.device.title", name=names.get(DeviceId(device), device))
        outcome = status.outcomes.get(device)
        if outcome == Outcome.JOURNAL:
            continue
        advice = words.or_none(advice_about(device, outcome)) or words("problem.device.unknown")
        anew = Remedy(words("problem.device.anew"), "/device/anew", {"device": device})
        yield Problem(title, advice, problem, anew if outcome == Outcome.PAIRING else None)


def _of_the_counter(hub: Hub, words: Words) -> Iterator[Problem]:
    _, missing_there = at_counter(hub)
    for device in missing_there:
        yield Problem(words("problem.counter.title", name=device), words("problem.counter.advice"))


def _of_silence(hub: Hub, names: Mapping[DeviceId, str], words: Words) -> Iterator[Problem]:
    now = hub.clock.now().utc
    people = {known.id: known.label for known in hub.reader.subjects()}
    for it in missing(hub):
        title = words(
            "problem.missed.title",
            person=people[it.subject],
            kind=words(f"kind.{it.kind}"),
            when=moment(it.since, now, hub.zone, words),
        )
        key = "problem.missed.advice"
        days = it.usual_days
        advice = words(f"{key}.sensor") if days is None else words.count(key, days)
        yield Problem(title, advice, names.get(it.device))


def _of_destinations(hub: Hub, status: Status, words: Words) -> Iterator[Problem]:
    for part in status.destinations:
        if part.problem is not None:
            title = words("problem.destination.title", name=hub.title(part.name))
            yield Problem(title, words("problem.destination.advice"), part.problem)
    for counted in hub.reader.parked():
        title = words.count("problem.parked.title", counted.count)
        advice = words("problem.parked.advice", name=hub.title(counted.destination))
        yield Problem(title, advice, counted.reason)
    owed = len(left_to_people(hub))
    if owed:
        title = words.count("problem.correction.title", owed)
        yield Problem(title, words("problem.correction.advice"), listed=True)


def _of_access(
    hub: Hub, status: Status, people: Sequence[Subject], words: Words
) -> Iterator[Problem]:
    """Tell whose access is not accepted: that of the gateway once, that of a person by name."""
    held = {part.name: part.held for part in status.destinations}
    for name in hub.routes:
        named = {"destination": hub.title(name)}
        shut_out = {person: hub.shuts_out(person.id, name) for person in people}
        if ShutOut.GATEWAY in shut_out.values():
            advice = words("problem.access.advice", **named)
            yield Problem(words("problem.access.title", **named), advice, held.get(name))
        for person, matter in shut_out.items():
            if matter is ShutOut.PAIRING:
                over = name in hub.reader.pairings(person.id)
                key = "problem.pairing.over" if over else "problem.pairing.none"
                about = {"subject": person.id, "destination": name}
                remedy = Remedy(words("share.again" if over else "share.pair"), "/pairing", about)
                title = words(key, person=person.label, **named)
                yield Problem(title, words("problem.pairing.advice"), remedy=remedy)
