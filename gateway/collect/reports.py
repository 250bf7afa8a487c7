"""Makes the glucose report of one page, so that it can be deposited where a person wants it.

Made by itself every so many days, under the same conditions as the summaries: the sensor is read up
to midnight, enough of the period was measured, and somebody may have it. Or on demand: see the API.
"""

from __future__ import annotations

from datetime import tzinfo

from gateway.clock import Clock
from gateway.collect.summaries import Recorder, Wanted
from gateway.collect.wearers import (
    Recorded,
    Wearer,
    computed,
    recorded,
    samples,
    wearers,
)
from gateway.domain.reading import Kind
from gateway.domain.subject import SubjectId
from gateway.glucose.computed import report_reading
from gateway.glucose.report import make_report
from gateway.glucose.trace import beginning
from gateway.journal.reader import Reader

_KIND = Kind.GLUCOSE_REPORT


class Reports:
    """Adds what is due, for every sensor wearer. Calling it again adds nothing."""

    def __init__(
        self,
        journal: Recorder,
        reader: Reader,
        clock: Clock,
        zone: tzinfo,
        wanted: Wanted,
        *,
        days: int,
        every_days: int,
        language: str,
    ) -> None:
        self._journal = journal
        self._reader = reader
        self._clock = clock
        self._zone = zone
        self._wanted = wanted
        self._days = days
        self._every_days = every_days
        self._language = language
        self._too_little: dict[SubjectId, Recorded] = {}
        """What there was of a period that is due, and not enough for a page."""

    async def make_due(self) -> None:
        """Make the reports that have become due."""
        for wearer in wearers(self._reader, self._clock.now(), self._zone):
            since = beginning(self._days, wearer.end)
            if self._is_due(wearer) and self._wanted(wearer.subject, _KIND, since, wearer.end):
                await self._make(wearer)

    def _is_due(self, wearer: Wearer) -> bool:
        last = computed(self._reader, wearer.subject, _KIND, limit=1)
        if not last:
            return True
        ended = last[0].entry.timing.measured_at.astimezone(self._zone).date()
        return (wearer.end.date() - ended).days >= self._every_days

    async def _make(self, wearer: Wearer) -> None:
        from gateway.glucose.document import document  # only where it is wanted

        there_is = recorded(self._reader, wearer, self._days)
        if self._too_little.get(wearer.subject) == there_is:
            return
        now = self._clock.now()
        counted = await samples(self._reader, wearer.subject, self._days, wearer.end)
        made_at = now.utc.astimezone(self._zone)
        report = make_report("", counted, self._days, wearer.end, made_at)
        if report.metrics is None or not report.metrics.is_full:
            self._too_little[wearer.subject] = there_is
            return
        reading = report_reading(
            wearer.device.id,
            wearer.subject,
            document(report, self._language),
            days=self._days,
            samples=report.on_grid.samples,
            end=wearer.end,
            received=now,
        )
        await self._journal.compute(wearer.device, wearer.subject, reading)
