"""Routes about readings, and about what is owed to destinations."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query

from gateway.api.context import Body, HubHere, destination
from gateway.api.hub import Hub
from gateway.api.people import Claim
from gateway.domain.identity import ReadingId
from gateway.domain.quantity import Unit
from gateway.domain.reading import Kind, Measure
from gateway.domain.subject import Attribution, SubjectId
from gateway.domain.suggestion import Suggestion, suggest
from gateway.journal.views import DeliveryCount, EntryView, Position

router = APIRouter(tags=["readings"])

LARGEST_PAGE = 1000


class Retry(Body):
    """The destination whose parked readings are to be sent again."""

    destination: str


@router.get("/readings")
async def readings(
    hub: HubHere,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 50,
    before: str | None = None,
    subject: SubjectId | None = None,
    kind: Kind | None = None,
    unclaimed: bool = False,
) -> list[dict[str, Any]]:
    """List readings, the latest measured first; go on with `before`, the last one's `position`."""
    page = hub.reader.entries(
        limit=limit,
        before=position(before) if before is not None else None,
        subject=subject,
        kind=kind,
        unclaimed=unclaimed,
    )
    return [{**_shown(view), "suggestion": _suggested(hub, view)} for view in page]


@router.get("/readings/{reading}")
async def reading(hub: HubHere, reading: ReadingId) -> dict[str, Any]:
    """Return one reading and where it is on its way."""
    view = hub.reader.entry(reading)
    if view is None:
        raise HTTPException(404, "There is no reading of that id: see 'journal'.")
    return {**_shown(view), "suggestion": _suggested(hub, view)}


@router.post("/readings/{reading}/claim", status_code=201)
async def claim(hub: HubHere, reading: ReadingId, claim: Claim) -> dict[str, Any]:
    """Say whose an unclaimed reading is; what is owed of it becomes due."""
    await hub.journal.claim_entry(reading, claim.subject)
    return {"id": reading, "subject": claim.subject}


@router.get("/outbox")
async def outbox(hub: HubHere) -> list[DeliveryCount]:
    """Count the deliveries by destination, state and reason."""
    return list(hub.reader.delivery_counts())


@router.post("/outbox/retry", status_code=201)
async def retry(hub: HubHere, retry: Retry) -> dict[str, int]:
    """Make parked deliveries due again, after what they were refused for was mended."""
    destination(hub, retry.destination)
    return {"retried": await hub.journal.retry_parked(destination=retry.destination)}


def _suggested(hub: Hub, view: EntryView) -> Suggestion | None:
    """Suggest whose an unclaimed weighing is; for a person to accept, never done by itself."""
    entry = view.entry
    weight = entry.reading.values.get(Measure.WEIGHT)
    if entry.subject is not None or weight is None or weight.unit is not Unit.KILOGRAM:
        return None
    suggestion = suggest(weight.value, hub.reader.last_weights(entry.timing.measured_at))
    return None if entry.attribution is Attribution.DISMISSED else suggestion


def _shown(view: EntryView) -> dict[str, Any]:
    entry, timing = view.entry, view.entry.timing
    told = entry.reading.device_time
    return {
        "id": entry.id,
        "kind": entry.reading.kind,
        "device": entry.device.id,
        "slot": entry.reading.slot,
        "values": {
            measure: quantity.model_dump(mode="json", exclude_none=True)
            for measure, quantity in entry.reading.values.items()
        },
        "limit": entry.reading.limit,
        "quality": entry.reading.quality,
        "flags": sorted(entry.reading.flags),
        "subject": entry.subject,
        "attribution": entry.attribution,
        "measured_at": timing.measured_at.isoformat(),
        "uncertainty_s": None if timing.uncertainty is None else timing.uncertainty.total_seconds(),
        "device_said": told.stamp.isoformat() if told and told.stamp else None,
        "correction_s": timing.correction.total_seconds(),
        "correction_reason": timing.reason,
        "earlier": [
            {"measured_at": was.measured_at.isoformat(), "correction_reason": was.reason}
            for was in view.earlier
        ],
        "received_at": entry.reading.received.utc.isoformat(),
        "recorded_at": view.recorded_at.isoformat(),
        "deliveries": [
            {
                "destination": delivery.destination,
                "state": delivery.state,
                "reason": delivery.reason,
                "may_have_arrived": delivery.may_have_arrived,
                "due_at": delivery.due_at.isoformat() if delivery.due_at else None,
                "attempts": delivery.attempts,
                "changed_at": delivery.changed_at.isoformat(),
            }
            for delivery in view.deliveries
        ],
        "position": position_of(view),
    }


def position_of(view: EntryView) -> str:
    """Write where a reading stands among all, to go on from there."""
    return f"{view.position.measured_us}-{view.position.number}"


def position(text: str) -> Position:
    """Read such a place. Raises HTTPException."""
    measured_us, _, number = text.rpartition("-")
    try:
        return Position(int(measured_us), int(number))
    except ValueError:
        raise HTTPException(422, "before: take the position of the last reading shown.") from None
