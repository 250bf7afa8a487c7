"""Routes about continuous glucose: the consensus metrics, and the report of one page."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Response
from pydantic import AfterValidator, BaseModel

from gateway.api.consents import good
from gateway.api.context import Body, HubHere, person
from gateway.api.hub import Hub
from gateway.consent.gate import covers
from gateway.domain.identity import ReadingId
from gateway.domain.reading import Kind
from gateway.domain.subject import SubjectId
from gateway.errors import ConfigError
from gateway.glucose.computed import report_reading
from gateway.glucose.consensus import WINDOWS_DAYS, Metric
from gateway.glucose.report import Report, make_report
from gateway.glucose.trace import beginning, counted
from gateway.language.words import Language

router = APIRouter(tags=["glucose"])

_NO_READINGS = "There are no sensor readings of this person in these days."
_TICK = timedelta(microseconds=1)
"""The journal's finest step of time: a period has its last moment and not its first."""


def _window(days: int) -> int:
    if days not in WINDOWS_DAYS:
        raise ValueError("7, 14, 30 and 90 days can be asked for")
    return days


Days = Annotated[
    int, Query(description="7, 14, 30 or 90 whole days, up to midnight."), AfterValidator(_window)
]


class Format(StrEnum):
    """As what the report is wanted."""

    PDF = "pdf"
    SVG = "svg"
    TEXT = "txt"


_MEDIA_TYPES = {
    Format.PDF: "application/pdf",
    Format.SVG: "image/svg+xml",
    Format.TEXT: "text/plain; charset=utf-8",
}


class Figure(BaseModel):
    """One metric; `sufficient` tells whether there are enough data for it."""

    value: Decimal | None
    sufficient: bool


class Glucose(BaseModel):
    """The metrics of whole days. Means in mg/dL and mmol/L, all others in percent."""

    days: int
    end: datetime
    samples: int
    days_worn: int
    active_percent: Decimal
    mean_mmol_l: Decimal
    tight_percent: Decimal
    metrics: dict[Metric, Figure]


@router.get("/people/{subject}/glucose")
async def glucose(hub: HubHere, subject: SubjectId, days: Days = 14) -> Glucose:
    """Return the consensus metrics of a sensor wearer."""
    found = _report(hub, subject, days).metrics
    if found is None:
        raise HTTPException(404, _NO_READINGS)
    values = {
        Metric.MEAN: found.mean_mg_dl,
        Metric.GMI: found.gmi_percent,
        Metric.CV: found.cv_percent,
        **found.ranges_percent,
    }
    return Glucose(
        days=found.days,
        end=found.end,
        samples=found.samples,
        days_worn=found.days_worn,
        active_percent=found.active_percent,
        mean_mmol_l=found.mean_mmol_l,
        tight_percent=found.tight_percent,
        metrics={m: Figure(value=values[m], sufficient=found.sufficient(m)) for m in Metric},
    )


@router.get("/people/{subject}/report.{form}", response_class=Response)
async def report(
    hub: HubHere,
    subject: SubjectId,
    form: Format,
    days: Days = 14,
    language: Language | None = None,
) -> Response:
    """Return the glucose report of one page, in the given language or the hub's."""
    from gateway.glucose import formats  # only where it is wanted

    made, spoken = _report(hub, subject, days), language or hub.language
    content: bytes | str
    match form:
        case Format.PDF:
            content = formats.to_pdf(made, spoken)
        case Format.SVG:
            content = formats.to_svg(made, spoken)
        case Format.TEXT:
            content = formats.to_text(made, spoken)
    return Response(content, media_type=_MEDIA_TYPES[form])


class NewDeposit(Body):
    """The period to report, in whole days up to midnight, and the language of the page."""

    days: Annotated[int, AfterValidator(_window)] = 14
    language: Language | None = None


class Deposited(BaseModel):
    """A report that was made and is to be deposited, and where."""

    id: ReadingId
    destinations: list[str]
    without_consent: list[str]
    """Those of them for which the person has not consented to documents of this period."""


@router.post("/people/{subject}/report/deposit", status_code=201)
async def deposit(hub: HubHere, subject: SubjectId, new: NewDeposit) -> Deposited:
    """Make the report of one page and have it deposited wherever documents go."""
    from gateway.glucose.document import document  # only where it is wanted

    places = sorted(name for name, kinds in hub.routes.items() if Kind.GLUCOSE_REPORT in kinds)
    if not places:
        raise ConfigError(
            "There is no destination for documents in the configuration: add one of type documents."
        )
    made = _report(hub, subject, new.days)
    newest = hub.reader.entries(limit=1, subject=subject, kind=Kind.INTERSTITIAL_GLUCOSE)
    if made.metrics is None or not newest:
        raise HTTPException(404, _NO_READINGS)
    device = newest[0].entry.device
    reading = report_reading(
        device.id,
        subject,
        document(made, new.language or hub.language),
        days=new.days,
        samples=made.metrics.samples,
        end=made.on_grid.end,
        received=hub.clock.now(),
    )
    entry = await hub.journal.compute(device, subject, reading)
    if entry is None:
        raise HTTPException(409, "This very page was made before: see 'journal' for where it is.")
    consenting = {
        grant.destination
        for grant in good(hub, hub.reader.ledger(subject))
        if covers(grant, Kind.GLUCOSE_REPORT, made.first, made.on_grid.end, hub.clock.now().utc)
    }
    without = [name for name in places if name not in consenting]
    return Deposited(id=entry.id, destinations=places, without_consent=without)


def _report(hub: Hub, subject: SubjectId, days: int) -> Report:
    wearer = person(hub, subject)
    if wearer is None:
        raise HTTPException(404, "There is no such person here.")
    now = hub.clock.now().utc.astimezone(hub.zone)
    end = datetime.combine(now.date(), time(), tzinfo=hub.zone)
    since = beginning(days, end) + _TICK
    samples = counted(hub.reader.glucose(subject, since, end + _TICK))
    return make_report(wearer.label, samples, days, end, now)
