"""What is wrong here, each with what a person can do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.api.corrections import left_to_people
from gateway.api.hub import Hub, Status
from gateway.api.kiosk import at_counter
from gateway.api.missed import missing
from gateway.collect.patience import Outcome
from gateway.domain.device import DeviceId
from gateway.language.moments import moment
from gateway.language.words import Words
from gateway.web.standing import advice_about, trouble_of


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; `detail` is what was said technically, if anything was."""

    title: str
    advice: str
    detail: str | None = None
    pairs: str | None = None
    """The device that is to be paired anew, if that is what helps."""
    listed: bool = False
    """Whether the page of what is to be corrected has more."""


def problems(hub: Hub, lost: int, names: Mapping[DeviceId, str], words: Words) -> list[Problem]:
    """List what is wrong; `names` says what people call their devices.

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
        yield Problem(title, advice, problem, device if outcome == Outcome.PAIRING else None)


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
