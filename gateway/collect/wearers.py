"""Past which midnight a person's sensor has been read, so that what was before can be summed up.

A sensor gives what it holds in its own order and in pieces, after hours out of reach as well. So
nothing is computed in the middle of that: the sensor must have gone past midnight, and nothing from
before midnight may have come for a quarter of an hour. A reader that is plugged in once a week, and
late in the evening, has gone past the midnight before: it is not asked to be there when the day is
over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from gateway.clock import Instant
from gateway.domain.device import Device
from gateway.domain.entry import Entry
from gateway.domain.reading import Kind, Measure, Quality
from gateway.domain.subject import Attribution, SubjectId
from gateway.glucose.consensus import WINDOWS_DAYS
from gateway.glucose.trace import Sample, beginning, counted, in_gaps, trace
from gateway.journal.reader import Reader
from gateway.journal.views import EntryView, LastRecorded
from gateway.journal.views import Sample as Stored

SETTLED_AFTER = timedelta(minutes=15)
_TICK = timedelta(microseconds=1)  # the journal's finest step of time
_DAY = timedelta(days=1)
_SHORTEST = timedelta(days=min(WINDOWS_DAYS))
_NEWEST = 20  # samples looked at for one whose time is known

Recorded = tuple[datetime, LastRecorded | None]
"""The end of a period, and what was recorded last in it."""


@dataclass(frozen=True, slots=True)
class Wearer:
    """A person, the sensor read last, and the midnight up to which all is in."""

    subject: SubjectId
    device: Device
    end: datetime


def wearers(reader: Reader, now: Instant, zone: tzinfo) -> Iterator[Wearer]:
    """Yield everyone whose sensor was read past a midnight of the hub's zone, in the last week."""
    if not now.trusted:
        return
    today = now.utc.astimezone(zone).date()
    for subject in reader.subjects():
        newest = reader.entries(limit=_NEWEST, subject=subject.id, kind=Kind.INTERSTITIAL_GLUCOSE)
        known = next((v.entry for v in newest if v.entry.timing.sendable), None)
        if known is None:
            continue
        day = min(known.timing.measured_at.astimezone(zone).date(), today)
        if today - day > _SHORTEST:
            continue
        end = datetime.combine(day, time(), tzinfo=zone)
        last = reader.last_recorded(
            subject.id, Kind.INTERSTITIAL_GLUCOSE, beginning(max(WINDOWS_DAYS), end), end
        )
        if last is not None and now.utc - last.at >= SETTLED_AFTER:
            yield Wearer(subject.id, known.device, end)


def recorded(reader: Reader, wearer: Wearer, days: int) -> Recorded:
    """Tell what there is of a period: as long as that is the same, so is what is computed of it."""
    since = beginning(days, wearer.end)
    kind = Kind.INTERSTITIAL_GLUCOSE
    return wearer.end, reader.last_recorded(wearer.subject, kind, since, wearer.end)


async def samples(
    reader: Reader, subject: SubjectId, days: int, end: datetime, told: int | None = None
) -> list[Sample]:
    """Return the subject's samples of the days that end at `end`, that moment included.

    Their first moment is not: it is the last one of the period before. Of those that were recorded
    after the entry `told`, only what lies in the gaps of the others counts. Three months of samples
    take a small hub seconds to open, so whatever else is to be done has its turn after each day.
    """
    found: list[Stored] = []
    since = beginning(days, end) + _TICK
    for day in range(days):
        start = since + day * _DAY
        found += reader.glucose(subject, start, min(start + _DAY, end + _TICK))
        await asyncio.sleep(0)
    if told is None:
        return counted(found)
    known = counted(each for each in found if each.number <= told)
    late = counted(each for each in found if each.number > told)
    return known + in_gaps(late, trace(known, days, end))


def computed(reader: Reader, subject: SubjectId, kind: Kind, limit: int) -> list[EntryView]:
    """Return the latest of a kind that is computed here, without those replaced since."""
    found = reader.entries(limit=limit, subject=subject, kind=kind)
    return [view for view in found if _counts(view.entry)]


def _counts(entry: Entry) -> bool:
    replaced = entry.attribution is Attribution.REPLACED
    whole = Measure.DAYS in entry.reading.values and entry.reading.quality is Quality.GOOD
    return whole and not replaced
