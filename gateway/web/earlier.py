"""What a device held from before it was anybody's here: said whose in one go, or left as it is."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import Response

from gateway.api.corrections import Past, hand_over
from gateway.domain.device_time import EARLIEST
from gateway.domain.subject import SubjectId
from gateway.journal.views import Earlier
from gateway.language.plain import plain
from gateway.web.home import household, names_of_devices
from gateway.web.visits import Visit, see_other


async def ask(visit: Visit) -> Response:
    """Ask whose they are."""
    held = _held(visit)
    return see_other("/") if held is None else _ask(visit, held)


async def give(visit: Visit) -> Response:
    """Make them somebody's: the device measured that person until it was anybody's here."""
    held, subject = _held(visit), visit.form.get("subject")
    if held is None:
        return see_other("/")
    if subject not in {each.id for each in household(visit.hub)}:
        return _ask(visit, held, unclear=True)
    past = Past(
        device=held.device,
        subject=SubjectId(subject),
        slot=held.slot,
        since=EARLIEST,
        until=min(held.until, visit.hub.clock.now().utc),
    )
    await hand_over(visit.hub, past)
    return see_other("/")


def _held(visit: Visit) -> Earlier | None:
    device, slot = visit.form.get("device"), visit.form.get("slot") or None
    _, there = visit.hub.reader.nobodys(0)
    return next((each for each in there if (each.device, each.slot) == (device, slot)), None)


def _ask(visit: Visit, held: Earlier, *, unclear: bool = False) -> Response:
    return visit.page(
        "earlier.html",
        HTTPStatus.BAD_REQUEST if unclear else HTTPStatus.OK,
        id=held.device,
        slot=held.slot or "",
        device=names_of_devices(visit.hub, visit.words)[held.device],
        number=None if held.slot is None else plain(held.slot),
        count=held.count,
        people=household(visit.hub),
        unclear=unclear,
    )
