"""Turns a sensor's samples into what a health record holds: mean and GMI over whole days.

A health space takes no single sample of a continuous sensor; it takes the mean glucose over 7, 14,
30 or 90 days, and the glucose management indicator that follows from it. Once per person and day,
when the first sample after midnight shows that the sensor has caught up, both over the days that
ended at that midnight become readings of their own kinds and travel like any other: journalled,
gated, delivered once. Where too few samples stand behind them, they are marked questionable: kept
and shown, not sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Protocol

from gateway.clock import Clock
from gateway.domain.device import Device
from gateway.domain.entry import Entry
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import DeviceTime, Kind, Measure, Quality, Reading
from gateway.domain.subject import SubjectId
from gateway.glucose.metrics import WINDOWS_DAYS, MeanGlucose, longest_mean
from gateway.glucose.trace import Sample
from gateway.journal.reader import Reader


class Recorder(Protocol):
    """The part of the journal that makes readings durable."""

    async def record(self, device: Device, readings: Sequence[Reading]) -> list[Entry]:
        """Make readings durable; returns the new ones."""
        ...


class Summaries:
    """Watches what is recorded and adds the daily mean of each sensor wearer."""

    def __init__(self, journal: Recorder, reader: Reader, clock: Clock, zone: tzinfo) -> None:
        self._journal = journal
        self._reader = reader
        self._clock = clock
        self._zone = zone

    async def after(self, recorded: Iterable[Entry]) -> None:
        """Add what has become due through these entries. Calling it again adds nothing."""
        newest: dict[SubjectId, Entry] = {}
        for entry in recorded:
            if entry.subject is not None and _is_trusted_sample(entry):
                known = newest.get(entry.subject)
                if known is None or known.timing.measured_at < entry.timing.measured_at:
                    newest[entry.subject] = entry
        for subject, entry in newest.items():
            await self._add(subject, entry)

    async def _add(self, subject: SubjectId, entry: Entry) -> None:
        end = self._midnight_before(entry.timing.measured_at)
        if self._has_mean(subject, end):
            return
        since = end - timedelta(days=max(WINDOWS_DAYS))
        mean = longest_mean(self._samples(subject, since, end), end)
        if mean is not None:
            await self._journal.record(entry.device, self._readings(subject, entry, end, mean))

    def _samples(self, subject: SubjectId, since: datetime, end: datetime) -> list[Sample]:
        samples: list[Sample] = []
        for sample in self._reader.glucose(subject, since, end):
            value = sample.limit if sample.mg_dl is None else sample.mg_dl
            if value is not None:
                samples.append((sample.at, value))
        return samples

    def _has_mean(self, subject: SubjectId, end: datetime) -> bool:
        kind = Kind.MEAN_INTERSTITIAL_GLUCOSE
        latest = self._reader.entries(limit=1, subject=subject, kind=kind)
        return bool(latest) and latest[0].entry.timing.measured_at >= end

    def _midnight_before(self, at: datetime) -> datetime:
        day = at.astimezone(self._zone).date()
        return datetime.combine(day, time(), tzinfo=self._zone)

    def _readings(
        self, subject: SubjectId, entry: Entry, end: datetime, mean: MeanGlucose
    ) -> list[Reading]:
        both = (
            (
                "mean",
                Kind.MEAN_INTERSTITIAL_GLUCOSE,
                Measure.GLUCOSE,
                Quantity(value=mean.mean_mg_dl, unit=Unit.MILLIGRAM_PER_DECILITRE),
            ),
            (
                "gmi",
                Kind.GLUCOSE_MANAGEMENT_INDICATOR,
                Measure.GLUCOSE_MANAGEMENT_INDICATOR,
                Quantity(value=mean.gmi_percent, unit=Unit.PERCENT),
            ),
        )
        return [
            Reading(
                device=entry.device.id,
                kind=kind,
                values={
                    measure: value,
                    Measure.DAYS: Quantity(value=Decimal(mean.days), unit=Unit.COUNT),
                    Measure.SAMPLES: Quantity(value=Decimal(mean.samples), unit=Unit.COUNT),
                },
                received=self._clock.now(),
                device_time=DeviceTime(
                    stamp=end.replace(tzinfo=None), raw=end.isoformat(), utc_offset=end.utcoffset()
                ),
                record=f"{name}/{subject}/{end.date().isoformat()}",
                slot=entry.reading.slot,
                live=False,
                quality=Quality.GOOD if mean.sufficient else Quality.QUESTIONABLE,
                period=timedelta(days=mean.days),
            )
            for name, kind, measure, value in both
        ]


def _is_trusted_sample(entry: Entry) -> bool:
    return entry.reading.kind is Kind.INTERSTITIAL_GLUCOSE and entry.timing.sendable
