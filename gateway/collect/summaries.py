"""Turns a sensor's samples into what a health record holds: mean and GMI over whole days.

A health space takes no single sample of a continuous sensor; it takes the mean glucose over 7, 14,
30 or 90 days, and the glucose management indicator that follows from it. Each is made at the first
midnight at which its period is over: 7 days after the last one of 7 days, and so on, so that the
periods of one length never overlap. It is made if enough of the period was measured (70 %, and for
the indicator 14 days at least) and if somebody may have it: a grant covers all of the period.

A period is summed up again if samples of it come afterwards, or turn out to be another person's
while the gateway runs. If that changes a printed digit, the new value takes the place of the old
one, unless the old one has left: then it stays, and a correction is owed where it is if it is off
by more than anybody acts on. What a second sensor says of a time that was counted in it says
nothing against it.

After a restore or a salvage nobody knows what was made and sent meanwhile: where that could be, the
next period begins then, so that it overlaps with none of those.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, tzinfo
from functools import cached_property
from typing import Protocol

from gateway.clock import Clock
from gateway.collect.wearers import (
    SETTLED_AFTER,
    Recorded,
    Wearer,
    computed,
    recorded,
    samples,
    wearers,
)
from gateway.domain.device import Device
from gateway.domain.entry import Entry
from gateway.domain.identity import ReadingId
from gateway.domain.reading import Kind, Measure, Reading
from gateway.domain.subject import SubjectId
from gateway.glucose.computed import SUMMARIES, summary_reading
from gateway.glucose.consensus import NEEDS_DAYS, WINDOWS_DAYS, Consensus, Metric, consensus
from gateway.glucose.trace import beginning
from gateway.journal.computing import Outdated
from gateway.journal.reader import Reader
from gateway.journal.states import State
from gateway.journal.views import EntryView

Wanted = Callable[[SubjectId, Kind, datetime, datetime], bool]
"""Whether a living grant lets a kind of reading about this period go anywhere."""

_KEPT = 64
"""Of one kind there are some 25 in the longest period: 13 of 7 days, 7 of 14, and so on."""


class Recorder(Protocol):
    """The part of the journal that keeps what was computed."""

    async def compute(
        self,
        device: Device,
        subject: SubjectId,
        reading: Reading,
        *,
        instead_of: Outdated | None = None,
    ) -> Entry | None:
        """Make it durable; None if it is no news."""
        ...

    async def set_apart(self, outdated: Outdated) -> None:
        """Let it leave no more, or owe a correction where it is."""
        ...


class Summaries:
    """Adds what is due, for every sensor wearer. Calling it again adds nothing.

    `kept` is how long samples stay in the journal, None for ever: a sum of which samples have
    expired stands as it is.
    """

    def __init__(
        self,
        journal: Recorder,
        reader: Reader,
        clock: Clock,
        zone: tzinfo,
        wanted: Wanted,
        kept: timedelta | None = None,
    ) -> None:
        self._journal = journal
        self._reader = reader
        self._clock = clock
        self._zone = zone
        self._wanted = wanted
        self._kept = kept
        self._looked_at: dict[ReadingId, tuple[int, int]] = {}
        """The last entry of each summary's period, and how many they were, when it was looked at:
        more come late, and some turn out to be somebody else's."""
        self._too_little: dict[tuple[SubjectId, int], Recorded] = {}
        """What there was of a period that is due, and not enough: it takes long to find out."""

    async def make_due(self) -> None:
        """Add the summaries that have become due, and mend those that lack late samples."""
        now = self._clock.now()
        for subject in self._reader.subjects() if now.trusted else ():
            for kind in SUMMARIES:
                for view in computed(self._reader, subject.id, kind, _KEPT):
                    await self._mend(subject.id, view)
                    await asyncio.sleep(0)  # to count samples takes a small hub a while
        for wearer in wearers(self._reader, now, self._zone):
            for kind in SUMMARIES:
                made = computed(self._reader, wearer.subject, kind, _KEPT)
                for days in self._due(wearer, kind, made):
                    found = await self._full(wearer, days)
                    if found is not None:
                        await self._keep(wearer.subject, wearer.device, kind, found)

    def _due(self, wearer: Wearer, kind: Kind, made: list[EntryView]) -> Iterator[int]:
        for days in WINDOWS_DAYS:
            if kind is Kind.GLUCOSE_MANAGEMENT_INDICATOR and days < NEEDS_DAYS[Metric.GMI]:
                continue
            ends = [_end(view, self._zone).date() for view in made if _days(view) == days]
            length = timedelta(days=days)
            if self._gone_back and all(end + length <= self._gone_back for end in ends):
                ends.append(self._gone_back)
            if ends and wearer.end.date() < max(ends) + length:
                continue
            since = beginning(days, wearer.end)
            if self._wanted(wearer.subject, kind, since, wearer.end):
                yield days

    @cached_property
    def _gone_back(self) -> date | None:
        """The day from which on all that was made is known, if there is one."""
        at = self._reader.gone_back()
        return None if at is None else at.astimezone(self._zone).date()

    async def _mend(self, subject: SubjectId, view: EntryView) -> None:
        """Count again what a summary is of, if samples of it came or went after it was made."""
        entry, now = view.entry, self._clock.now().utc
        if any(delivery.state is State.SENDING for delivery in view.deliveries):
            return  # what becomes of it decides what can be done
        end = _end(view, self._zone)
        since = beginning(_days(view), end)
        if self._kept is not None and since < now - self._kept:
            return
        last = self._reader.last_recorded(subject, Kind.INTERSTITIAL_GLUCOSE, since, end)
        if last is not None and now - last.at < SETTLED_AFTER:
            return
        number, count = (0, 0) if last is None else (last.number, last.count)
        before = self._looked_at.get(entry.id, (view.position.number, count))
        if number > before[0] or count != before[1]:
            known_since = now if last is None or number <= before[0] else last.at
            await self._count_again(subject, view, Outdated(entry.id, known_since))
        self._looked_at[entry.id] = number, count

    async def _count_again(self, subject: SubjectId, view: EntryView, outdated: Outdated) -> None:
        entry, days, end = view.entry, _days(view), _end(view, self._zone)
        has_left = any(it.state is State.SETTLED or it.may_have_arrived for it in view.deliveries)
        told_by = view.position.number if has_left else None
        found = await self._sum(subject, days, end, told_by)
        summary = SUMMARIES[entry.reading.kind]
        told = entry.reading.values[summary.measure].value
        if found is None:
            await self._journal.set_apart(outdated)
            return
        off = abs(summary.number(found) - told)
        if has_left and off > summary.within:
            await self._journal.set_apart(outdated)
        elif off and not has_left:
            await self._keep(subject, entry.device, entry.reading.kind, found, outdated)

    async def _full(self, wearer: Wearer, days: int) -> Consensus | None:
        """Sum up a period that is due; None if too little of it was measured."""
        period = wearer.subject, days
        there_is = recorded(self._reader, wearer, days)
        if self._too_little.get(period) == there_is:
            return None
        found = await self._sum(wearer.subject, days, wearer.end)
        if found is not None and found.is_full:
            return found
        self._too_little[period] = there_is
        return None

    async def _sum(
        self, subject: SubjectId, days: int, end: datetime, told: int | None = None
    ) -> Consensus | None:
        return consensus(await samples(self._reader, subject, days, end, told), days, end)

    async def _keep(
        self,
        subject: SubjectId,
        device: Device,
        kind: Kind,
        found: Consensus,
        instead_of: Outdated | None = None,
    ) -> None:
        before = None if instead_of is None else instead_of.entry
        reading = summary_reading(kind, device.id, subject, found, self._clock.now(), before)
        await self._journal.compute(device, subject, reading, instead_of=instead_of)


def _days(view: EntryView) -> int:
    return int(view.entry.reading.values[Measure.DAYS].value)


def _end(view: EntryView, zone: tzinfo) -> datetime:
    return view.entry.timing.measured_at.astimezone(zone)
