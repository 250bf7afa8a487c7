"""Whose turn a form is of, and whether its person is there to send it.

Each touch says so. After some time without one the screen hides what it shows, and only the turn's
picture brings it back. It does nothing else: what was being done is shown as it was left, for
somebody else may have done it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import wraps

from starlette.responses import Response

from gateway.api.hub import Hub, unattended
from gateway.api.kiosk import close_session
from gateway.domain.identity import ReadingId
from gateway.domain.kiosk import ClosedBy, KioskSession
from gateway.errors import JournalError
from gateway.web.kiosk.page import again, asked, idle
from gateway.web.kiosk.pictures import picture_of
from gateway.web.turn import going_on, is_attended
from gateway.web.visits import Visit, see_other

_Answer = Callable[[Visit], Awaitable[Response]]


def of_theirs(answer: Callable[[Visit, KioskSession], Awaitable[Response]]) -> _Answer:
    """Answer a form by `answer` only if the person of its session sent it."""

    @wraps(answer)
    async def answered(visit: Visit) -> Response:
        session = await _theirs(visit)
        return session if isinstance(session, Response) else await answer(visit, session)

    return answered


async def _theirs(visit: Visit) -> KioskSession | Response:
    """Return the session that a form is of, whose person sent it; else what to show instead.

    A picture that is not the turn's ends it: whoever chose it was not there before.
    """
    hub, session = visit.hub, going_on(visit.hub)
    if session is None or visit.form.get("session") != str(session.number):
        return await again(visit)
    there = unattended(hub)
    if is_attended(hub, session):
        with suppress(JournalError):  # a limit has just passed
            return await hub.journal.attend_kiosk(session.number, there)
        return session if _goes_on(hub, session) else await again(visit)
    picture = visit.form.get("picture")
    if not picture:
        return asked(visit, session)
    async with visit.site.one_by_one:  # there is one guess, also while it ends the turn
        if not _goes_on(hub, session):
            return await again(visit)
        if picture != picture_of(session):
            await close_session(hub, ClosedBy.NEXT, session.number)
            return idle(visit, mistaken=True)
        return await hub.journal.come_back_to_kiosk(session.number, there)


def _goes_on(hub: Hub, session: KioskSession) -> bool:
    now_on = going_on(hub)
    return now_on is not None and now_on.number == session.number


@of_theirs
async def here(visit: Visit, session: KioskSession) -> Response:
    """Take down that the person is there: they touched the screen, or said so."""
    return Response(status_code=204) if visit.part else see_other("/kiosk")


@of_theirs
async def come_back(visit: Visit, session: KioskSession) -> Response:
    """Show the turn to who has chosen its picture, with what came meanwhile if that is theirs."""
    if visit.form.get("mine"):
        await _claim(visit, session)
    return await again(visit)


@of_theirs
async def mine(visit: Visit, session: KioskSession) -> Response:
    """Take down that a reading which came while nobody showed to be there is the person's."""
    await _claim(visit, session)
    return await again(visit)


async def _claim(visit: Visit, session: KioskSession) -> None:
    for reading in visit.form.all("reading"):
        with suppress(JournalError):  # the owner gave it to somebody, meanwhile
            await visit.hub.journal.claim_at_kiosk(session.number, ReadingId(reading))


async def longer(visit: Visit, session: KioskSession) -> KioskSession:
    """Begin the time anew for who asks for it, or has something to read or to type."""
    counter = visit.hub.counter
    if counter is not None:
        with suppress(JournalError):  # the limit has just passed
            lasts, there = counter.lasts, counter.unattended
            return await visit.hub.journal.prolong_kiosk(lasts, there, session.number)
    return session
