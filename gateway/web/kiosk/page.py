"""What the kiosk's page shows of the turn of now."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from gateway.api.context import person
from gateway.api.hub import Hub
from gateway.domain.identity import ReadingId
from gateway.domain.kiosk import KioskSession, OpenedBy
from gateway.journal.views import EntryView
from gateway.language.moments import clock
from gateway.language.words import Words
from gateway.web.agreements import agreements
from gateway.web.home import Shown
from gateway.web.kiosk.pictures import PICTURES, picture_of
from gateway.web.saying import said
from gateway.web.turn import asking_of, limit_of, present
from gateway.web.visits import LANGUAGE_WAITS_S, Visit, see_other
from gateway.web.ways import ways

_ASKED_ANEW = {
    "/kiosk/consent": "/kiosk/consent",
    "/kiosk/consent/give": "/kiosk/consent",
    "/kiosk/name": "/kiosk/name",
    "/kiosk/keep": "/kiosk/name",
    "/kiosk/pairing": "/kiosk/pairing",
    "/kiosk/pairing/code": "/kiosk/pairing",
    "/kiosk/receipt": "/kiosk/receipt",
}
"""Where what a form asked for is asked anew: who sent it need not be who has the picture."""


async def again(visit: Visit) -> Response:
    """Show the turn again: to a script what is inside the page, else by going there."""
    return shown_turn(visit) if visit.part else see_other("/kiosk")


def page(visit: Visit, view: str, session: KioskSession, **values: Any) -> Response:
    """Show one view of an open session; `values` are what its template wants besides."""
    hub = visit.hub
    return visit.page(
        "kiosk.html",
        view=view,
        session=session.number,
        limit=limit_of(hub, session, visit.words),
        asking=asking_of(hub, session),
        **values,
    )


def idle(visit: Visit, *, mistaken: bool = False) -> Response:
    """Show that the devices are free; `mistaken` where a wrong picture ended the turn."""
    returns_s = LANGUAGE_WAITS_S if visit.words.language != visit.hub.language else None
    return visit.page("kiosk.html", view="idle", session=0, returns_s=returns_s, mistaken=mistaken)


def asked(visit: Visit, session: KioskSession) -> Response:
    """Ask whether the person of the turn is there still; what they were doing is shown then."""
    hub, words, form = visit.hub, visit.words, visit.form
    unanswered = present(hub).unanswered
    anew = _ASKED_ANEW.get(visit.request.url.path)
    return page(
        visit,
        "away",
        session,
        pictures=PICTURES,
        action=anew or "/kiosk/back",
        fields=form.but("token", "session", "picture") if anew else [],
        claims=anew is None,
        unanswered=_unanswered(hub, unanswered, words),
    )


def shown_turn(visit: Visit) -> Response:
    """Show the turn of now, or that the devices are free."""
    hub, words = visit.hub, visit.words
    turn = present(hub)
    session = turn.session
    if session is None:
        return idle(visit)
    if not turn.attended:
        return asked(visit, session)
    readings = [_shown(hub, view, words) for view in turn.readings]
    return page(
        visit,
        "turn",
        session,
        keep=session.keep,
        name=named(hub, session),
        picture=picture_of(session),
        unanswered=_unanswered(hub, turn.unanswered, words),
        doubtful=turn.doubtful,
        key=_key(readings, turn.unanswered, doubtful=turn.doubtful),
        readings=readings,
        agreements=list(agreements(hub, session.subject, words, turn.readings)),
    )


def named(hub: Hub, session: KioskSession) -> str | None:
    """Return whose turn the staff opened: a person sees it where another was taken for them.

    What somebody typed themselves is not shown, nor is anything that differs with it: it may have a
    number, for who else is known here.
    """
    if not session.keep or session.opened_by is not OpenedBy.STAFF:
        return None
    known = person(hub, session.subject)
    return None if known is None else known.label


def _unanswered(
    hub: Hub, views: Sequence[EntryView], words: Words
) -> list[tuple[ReadingId, str, str]]:
    """Say of readings that may be the person's what they are of and when they came; no value."""
    return [
        (
            view.entry.id,
            said(view.entry.reading, words).title,
            clock(view.entry.timing.measured_at, hub.zone, words),
        )
        for view in views
    ]


def _key(readings: Sequence[Shown], unanswered: Sequence[EntryView], *, doubtful: int) -> str:
    """Return what differs whenever the readings look different."""
    told = [(each.id, each.whereabouts) for each in readings]
    asked_of = [view.entry.id for view in unanswered]
    return hashlib.sha256(repr((doubtful, told, asked_of)).encode()).hexdigest()[:16]


def _shown(hub: Hub, view: EntryView, words: Words) -> Shown:
    asked_for = tuple(each for each in view.deliveries if each.reason != "no_grant")
    return Shown(
        id=view.entry.id,
        said=said(view.entry.reading, words),
        when=clock(view.entry.timing.measured_at, hub.zone, words),
        device="",
        whereabouts=ways(hub, replace(view, deliveries=asked_for), words),
    )
