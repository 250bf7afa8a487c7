"""A person's turn at the kiosk: begun, gone on with, kept, ended."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from starlette.responses import Response

from gateway.api.browsers import Role
from gateway.api.kiosk import Opening, at_counter, close_session, keep_guest, open_session
from gateway.domain.kiosk import ClosedBy, KioskSession, OpenedBy
from gateway.errors import ConfigError, JournalError
from gateway.language.words import LANGUAGES
from gateway.web.agreements import agreements
from gateway.web.kiosk.page import again, page, shown_turn
from gateway.web.kiosk.presence import longer, of_theirs
from gateway.web.turn import going_on, soon_s
from gateway.web.visits import Visit, see_other, speak
from gateway.web.words import words

_LONGEST_NAME = 80


async def screen(visit: Visit) -> Response:
    """Show the turn, or that the devices are free."""
    if visit.hub.counter is None:
        raise ConfigError(
            "There is no [kiosk] in the configuration: name the counter's devices there."
        )
    return shown_turn(visit)


async def begin(visit: Visit) -> Response:
    """Begin a turn; whoever had theirs before has no longer.

    The staff may open it for somebody known here: who comes again is not recognised by a screen.
    A device that nobody adopted yet does not keep the others from measuring.
    """
    counter = visit.hub.counter
    if counter is None:
        return see_other("/kiosk")
    role = visit.visitor.role if visit.visitor is not None else Role.KIOSK
    by = OpenedBy.STAFF if role is Role.OWNER else OpenedBy.PERSON
    minutes = counter.lasts // timedelta(minutes=1)
    known = visit.person if by is OpenedBy.STAFF else None
    here, _ = at_counter(visit.hub)
    opening = Opening(
        devices=[*(here or counter.devices)],
        subject=None if known is None else known.id,
        opened_by=by,
        minutes=minutes,
    )
    async with visit.site.one_by_one:
        if _is_of_another(visit):
            return await again(visit)
        await open_session(visit.hub, opening)
    if by is OpenedBy.STAFF:
        # The screen of the counter leads nowhere else, so the staff does not go there.
        return see_other("/") if visit.form.get("from") == "home" else await again(visit)
    # In the language that the screen invited in; who begins after another's goodbye saw none.
    language = visit.form.get("language")
    begun = replace(visit, words=words(language if language in LANGUAGES else visit.hub.language))
    response = await again(begun)
    speak(visit, response, begun.words.language)
    return response


def _is_of_another(visit: Visit) -> bool:
    """Tell whether the screen had not heard yet of the turn that is going on, or of its end."""
    seen, session = visit.form.get("session"), going_on(visit.hub)
    return seen not in ("", "0" if session is None else str(session.number))


@of_theirs
async def ask_to_end(visit: Visit, session: KioskSession) -> Response:
    """Ask before all is erased; who says nothing to it has gone, and it is in a minute."""
    if session.keep:
        return await end(visit)
    soon = timedelta(seconds=soon_s(visit.hub))
    with suppress(JournalError):  # the limit has just passed
        session = await visit.hub.journal.end_kiosk_in(soon, session.number)
    to = agreements(visit.hub, session.subject, visit.words)
    return page(visit, "ending", session, agreements=[each for each in to if each.given])


@of_theirs
async def end(visit: Visit, session: KioskSession) -> Response:
    """End the turn, and say what became of it."""
    ended = await close_session(visit.hub, ClosedBy.PERSON, session.number)
    if ended is None:
        return await again(visit)
    return visit.page("kiosk.html", view="bye", session=0, ended=ended)


@of_theirs
async def prolong(visit: Visit, session: KioskSession) -> Response:
    """Give the person as much time again, from now on."""
    await longer(visit, session)
    return await again(visit)


@of_theirs
async def name(visit: Visit, session: KioskSession) -> Response:
    """Ask for the name to be kept under, where a page without scripts may stay for it."""
    return page(visit, "name", await longer(visit, session))


@of_theirs
async def keep(visit: Visit, session: KioskSession) -> Response:
    """Let the person stay known here, by the name they typed."""
    name = visit.form.get("called")[:_LONGEST_NAME].strip()
    if name:
        await keep_guest(visit.hub, name, session.number)
    return await again(visit)
