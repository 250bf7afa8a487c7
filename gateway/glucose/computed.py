"""What is computed from a sensor's samples, as readings: means, indicators, the report. Pure.

They name the device whose sample came last, and state the end of their period, so that the journal
keeps them as it keeps every reading: once, sealed, gated, delivered once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import attrgetter

from gateway.clock import Instant
from gateway.domain.device import DeviceId
from gateway.domain.document import Document
from gateway.domain.identity import ReadingId
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import DeviceTime, Kind, Measure, Quality, Reading
from gateway.domain.subject import SubjectId
from gateway.glucose.consensus import Consensus
from gateway.glucose.trace import beginning


@dataclass(frozen=True, slots=True)
class Summary:
    """A number that is told of a period: as what it is measured, and where it is found."""

    name: str
    measure: Measure
    unit: Unit
    number: Callable[[Consensus], Decimal]
    within: Decimal
    """One that was told and is off by no more is not wrong: a tenth of the indicator, which is what
    it is told to, and what a mean of 4.2 mg/dL makes of it."""


SUMMARIES: Mapping[Kind, Summary] = {
    Kind.MEAN_INTERSTITIAL_GLUCOSE: Summary(
        *("mean", Measure.GLUCOSE, Unit.MILLIGRAM_PER_DECILITRE, attrgetter("mean_mg_dl")),
        within=Decimal("4.2"),
    ),
    Kind.GLUCOSE_MANAGEMENT_INDICATOR: Summary(
        *("gmi", Measure.GLUCOSE_MANAGEMENT_INDICATOR, Unit.PERCENT, attrgetter("gmi_percent")),
        within=Decimal("0.1"),
    ),
}


def summary_reading(
    kind: Kind,
    device: DeviceId,
    subject: SubjectId,
    found: Consensus,
    received: Instant,
    instead_of: ReadingId | None,
) -> Reading:
    """Return a summary of a period as a reading; one that is instead of another is another.

    Where too little stands behind it, it is marked: it is kept and not sent.
    """
    summary = SUMMARIES[kind]
    value = Quantity(value=summary.number(found), unit=summary.unit)
    record = f"{summary.name}/{subject}/{found.days}/{found.end.date().isoformat()}"
    return _over(
        found.end,
        found.days,
        device=device,
        kind=kind,
        values={summary.measure: value} | _counts(found.days, found.samples),
        received=received,
        record=record if instead_of is None else f"{record}/{instead_of}",
        quality=Quality.GOOD if found.is_full else Quality.QUESTIONABLE,
    )


def report_reading(
    device: DeviceId,
    subject: SubjectId,
    document: Document,
    *,
    days: int,
    samples: int,
    end: datetime,
    received: Instant,
) -> Reading:
    """Return the report of a period as a reading; the same bytes are the same reading."""
    digest = hashlib.sha256(document.content).hexdigest()
    return _over(
        end,
        days,
        device=device,
        kind=Kind.GLUCOSE_REPORT,
        values=_counts(days, samples),
        received=received,
        record=f"report/{subject}/{days}/{end.date().isoformat()}/{digest}",
        document=document,
    )


def _counts(days: int, samples: int) -> dict[Measure, Quantity]:
    return {
        Measure.DAYS: Quantity(value=Decimal(days), unit=Unit.COUNT),
        Measure.SAMPLES: Quantity(value=Decimal(samples), unit=Unit.COUNT),
    }


def _over(
    end: datetime,
    days: int,
    *,
    device: DeviceId,
    kind: Kind,
    values: dict[Measure, Quantity],
    received: Instant,
    record: str,
    quality: Quality = Quality.GOOD,
    document: Document | None = None,
) -> Reading:
    return Reading(
        device=device,
        kind=kind,
        values=values,
        received=received,
        device_time=DeviceTime(
            stamp=end.replace(tzinfo=None), raw=end.isoformat(), utc_offset=end.utcoffset()
        ),
        record=record,
        live=False,
        quality=quality,
        period=end - beginning(days, end),
        document=document,
    )
