"""What is computed from a sensor's samples, as readings: means, indicators, the report. Pure.

They name the device whose sample came last, and state the end of their period, so that the journal
keeps them as it keeps every reading: once, sealed, gated, delivered once.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from decimal import Decimal

from gateway.clock import Instant
from gateway.domain.device import DeviceId
from gateway.domain.document import Document
from gateway.domain.identity import ReadingId
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import DeviceTime, Kind, Measure, Quality, Reading
from gateway.domain.subject import SubjectId
from gateway.glucose.metrics import MeanGlucose


def mean_reading(
    device: DeviceId,
    subject: SubjectId,
    mean: MeanGlucose,
    received: Instant,
    instead_of: ReadingId | None = None,
) -> Reading:
    """Return the mean over a period as a reading; one that is instead of another is another."""
    value = Quantity(value=mean.mean_mg_dl, unit=Unit.MILLIGRAM_PER_DECILITRE)
    return _over(
        mean.end,
        mean.days,
        device=device,
        kind=Kind.MEAN_INTERSTITIAL_GLUCOSE,
        values={Measure.GLUCOSE: value} | _counts(mean.days, mean.samples),
        received=received,
        record=_record("mean", subject, mean, instead_of),
        quality=_quality(mean),
    )


def gmi_reading(
    device: DeviceId,
    subject: SubjectId,
    mean: MeanGlucose,
    received: Instant,
    instead_of: ReadingId | None = None,
) -> Reading:
    """Return the glucose management indicator of a period as a reading; see `mean_reading`."""
    value = Quantity(value=mean.gmi_percent, unit=Unit.PERCENT)
    measured = {Measure.GLUCOSE_MANAGEMENT_INDICATOR: value}
    return _over(
        mean.end,
        mean.days,
        device=device,
        kind=Kind.GLUCOSE_MANAGEMENT_INDICATOR,
        values=measured | _counts(mean.days, mean.samples),
        received=received,
        record=_record("gmi", subject, mean, instead_of),
        quality=_quality(mean),
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


def _record(name: str, subject: SubjectId, mean: MeanGlucose, instead_of: ReadingId | None) -> str:
    record = f"{name}/{subject}/{mean.days}/{mean.end.date().isoformat()}"
    return record if instead_of is None else f"{record}/{instead_of}"


def _quality(mean: MeanGlucose) -> Quality:
    """Mark what too little stands behind: it is kept and not sent."""
    return Quality.GOOD if mean.sufficient else Quality.QUESTIONABLE


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
        period=timedelta(days=days),
        document=document,
    )
