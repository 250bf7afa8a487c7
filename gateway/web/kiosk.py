"""The kiosk's screen: one page, one person at a time, and nothing of them once they have gone.

The page is one address for everything, so its history tells nothing. A script swaps what is inside
it whenever the turn changes, of which the server tells it; without scripts the page reloads itself.
Every form names the session it was made for: what one person left on the screen cannot act on the
next one's turn.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from starlette.responses import Response, StreamingResponse

from gateway.api.browsers import Role
from gateway.api.context import person
from gateway.api.hub import Hub, PairsBy
from gateway.api.kiosk import Opening, Staying, at_counter, close_session, open_session
from gateway.api.kiosk import keep as stay
from gateway.api.qr_code import qr_code
from gateway.domain.kiosk import ClosedBy, KioskSession, OpenedBy
from gateway.errors import ConfigError, GatewayError, JournalError
from gateway.journal.views import EntryView
from gateway.language.moments import clock
from gateway.language.words import LANGUAGES, Words
from gateway.web import consents
from gateway.web.agreements import agreements
from gateway.web.giver import Unclear, giver
from gateway.web.home import Shown
from gateway.web.pairing import reason
from gateway.web.saying import said
from gateway.web.turn import is_over, limit_of, present, soon_s
from gateway.web.visits import LANGUAGE_WAITS_S, Visit, see_other, speak
from gateway.web.ways import ways
from gateway.web.words import words

_LONGEST_NAME = 80
_LOOK_EVERY_S = 0.3
"""Whether anything was committed is one comparison; a reading is on the screen before the cuff is
off the arm."""
_CHANGED = "event: turn\ndata: changed\n\n"
_ALIVE_EVERY_S = 10.0
"""So often the screen hears that the gateway lives; it empties itself when it does not."""


async def screen(visit: Visit) -> Response:
    """Show the turn, or that the devices are free."""
    if visit.hub.counter is None:
        raise ConfigError(
            "There is no [kiosk] in the configuration: name the counter's devices there."
        )
    return _turn(visit)


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
        await open_session(visit.hub, opening)
    if by is OpenedBy.STAFF:
        # The screen of the counter leads nowhere else, so the staff does not go there.
        return see_other("/") if visit.form.get("from") == "home" else await _again(visit)
    # In the language that the screen invited in; who begins after another's goodbye saw none.
    language = visit.form.get("language")
    begun = replace(visit, words=words(language if language in LANGUAGES else visit.hub.language))
    response = await _again(begun)
    speak(visit, response, begun.words.language)
    return response


async def ask_to_end(visit: Visit) -> Response:
    """Ask before all is erased; who says nothing to it has gone, and it is in a minute."""
    session = _of_this_turn(visit)
    if session is None:
        return await _again(visit)
    if session.keep:
        return await end(visit)
    soon = timedelta(seconds=soon_s(visit.hub))
    with suppress(JournalError):  # the limit has just passed
        session = await visit.hub.journal.end_kiosk_in(soon)
    agreed = any(each.given for each in agreements(visit.hub, session.subject, visit.words))
    return _page(visit, "ending", session, agreed=agreed)


async def end(visit: Visit) -> Response:
    """End the turn, and say what became of it."""
    if _of_this_turn(visit) is None:
        return await _again(visit)
    ended = await close_session(visit.hub, ClosedBy.PERSON)
    return visit.page("kiosk.html", view="bye", session=0, ended=ended)


async def prolong(visit: Visit) -> Response:
    """Give the person as much time again, from now on."""
    session = _of_this_turn(visit)
    if session is not None:
        await _longer(visit, session)
    return await _again(visit)


async def name(visit: Visit) -> Response:
    """Ask for the name to be kept under, where a page without scripts may stay for it."""
    session = _of_this_turn(visit)
    if session is None:
        return await _again(visit)
    return _page(visit, "name", await _longer(visit, session))


async def keep(visit: Visit) -> Response:
    """Let the person stay known here, by the name they typed."""
    name = visit.form.get("called")[:_LONGEST_NAME].strip()
    if _of_this_turn(visit) is not None and name:
        await stay(visit.hub, Staying(label=name))
    return await _again(visit)


async def ask(visit: Visit, *, nothing: bool = False, unclear: Unclear | None = None) -> Response:
    """Show the text of consent, and ask; again where `nothing` was ticked, or who agrees unclear.

    Readings are those of whoever is at the counter, unless somebody says that they agree for them.
    """
    session = _of_this_turn(visit)
    if session is None:
        return await _again(visit)
    session = await _longer(visit, session)
    ticked = visit.form.all("kind") if unclear else () if nothing else None
    to = visit.form.get("destination")
    return _page(
        visit,
        "consent",
        session,
        question=consents.question(visit.hub, to, visit.words, ticked=ticked),
        taken=bool(present(visit.hub).readings),
        nothing=nothing,
        name=visit.words("kiosk.giver_self"),
        **consents.of_the_giver(visit, session.subject, unclear),
    )


async def give(visit: Visit) -> Response:
    """Record the person's consent; to what they measured before it only if they chose so."""
    session = _of_this_turn(visit)
    if session is not None:
        since = session.opened_at if visit.form.get("earlier") else None
        now, zone = visit.hub.clock.now(), visit.hub.zone
        by = giver(visit.form, _label(visit, session), now, zone)
        if isinstance(by, Unclear):
            return await ask(visit, unclear=by)
        if not await consents.record(visit, session.subject, by, since):
            return await ask(visit, nothing=True)
    return await _again(visit)


async def withdraw(visit: Visit) -> Response:
    """Take the person's consent back."""
    session = _of_this_turn(visit)
    if session is not None:
        await consents.take_back(visit, session.subject, _label(visit, session))
    return await _again(visit)


async def sign_in(visit: Visit) -> Response:
    """Show where to sign in with one's own telephone, and the place for the code it shows."""
    session = _of_this_turn(visit)
    if session is None:
        return await _again(visit)
    return _pairing(visit, await _longer(visit, session), None)


async def pair(visit: Visit) -> Response:
    """Pair the person by the code that their health space showed them."""
    session = _of_this_turn(visit)
    if session is None:
        return await _again(visit)
    state = visit.form.get("state") or None
    try:
        await visit.site.pairings.finish(
            session.subject, visit.form.get("destination"), visit.form.get("code"), state
        )
    except GatewayError as error:
        return _pairing(visit, session, error)
    return await _again(visit)


async def events(visit: Visit) -> Response:
    """Tell the screen whenever the turn has changed; not how: it then asks for what to show."""
    return StreamingResponse(
        _changes(visit),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


async def _changes(visit: Visit) -> AsyncIterator[str]:
    hub, stopping = visit.hub, visit.site.stopping
    shown, commits, told_s = None, -1, hub.clock.now().monotonic
    while not stopping.is_set():
        if not visit.lasts:
            yield _CHANGED  # it asks what to show, and is sent to the entrance
            return
        now_s = hub.clock.now().monotonic
        turn = shown
        if hub.journal.commits != commits or is_over(hub, shown):
            commits = hub.journal.commits
            turn = present(hub)
        if shown is None or turn != shown:
            shown, told_s = turn, now_s
            yield _CHANGED
        elif now_s - told_s >= _ALIVE_EVERY_S:
            told_s = now_s
            yield "event: alive\ndata: yes\n\n"
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_EVERY_S):
                await stopping.wait()


def _page(visit: Visit, view: str, session: KioskSession, **values: Any) -> Response:
    """Show one view of an open session; `values` are what its template wants besides."""
    limit = limit_of(visit.hub, session, visit.words)
    return visit.page("kiosk.html", view=view, session=session.number, limit=limit, **values)


def _turn(visit: Visit) -> Response:
    hub, words = visit.hub, visit.words
    turn = present(hub)
    session = turn.session
    if session is None:
        away = words.language != hub.language
        returns_s = LANGUAGE_WAITS_S if away else None
        return visit.page("kiosk.html", view="idle", session=0, returns_s=returns_s)
    readings = [_shown(hub, view, words) for view in turn.readings]
    return _page(
        visit,
        "turn",
        session,
        keep=session.keep,
        name=_name(hub, session),
        doubtful=turn.doubtful,
        key=_key(readings, doubtful=turn.doubtful),
        readings=readings,
        agreements=list(agreements(hub, session.subject, words, turn.readings)),
    )


def _name(hub: Hub, session: KioskSession) -> str | None:
    """Return whose turn the staff opened: a person sees it where another was taken for them.

    What somebody typed themselves is not shown: it may have a number, for who else is known here.
    """
    if not session.keep or session.opened_by is not OpenedBy.STAFF:
        return None
    known = person(hub, session.subject)
    return None if known is None else known.label


def _key(readings: Sequence[Shown], *, doubtful: int) -> str:
    """Return what differs whenever the readings look different."""
    told = [(each.id, each.whereabouts) for each in readings]
    return hashlib.sha256(repr((doubtful, told)).encode()).hexdigest()[:16]


def _pairing(visit: Visit, session: KioskSession, error: GatewayError | None) -> Response:
    hub, destination = visit.hub, visit.form.get("destination")
    begun = None
    if hub.pairs_by(destination) is PairsBy.SIGNING_IN:
        begun = visit.site.pairings.begin(session.subject, destination, None)
    return _page(
        visit,
        "pairing",
        session,
        destination=destination,
        title=hub.title(destination),
        code=None if begun is None else qr_code(begun.authorization.url),
        state="" if begun is None else begun.authorization.state,
        refusal=None if error is None else reason(error),
    )


def _shown(hub: Hub, view: EntryView, words: Words) -> Shown:
    asked_for = tuple(each for each in view.deliveries if each.reason != "no_grant")
    return Shown(
        id=view.entry.id,
        said=said(view.entry.reading, words),
        when=clock(view.entry.timing.measured_at, hub.zone, words),
        device="",
        whereabouts=ways(hub, replace(view, deliveries=asked_for), words),
    )


def _of_this_turn(visit: Visit) -> KioskSession | None:
    """Return the session that the form belongs to; None if that is over."""
    session = visit.hub.reader.kiosk()
    mine = session is not None and visit.form.get("session") == str(session.number)
    return session if mine else None


async def _longer(visit: Visit, session: KioskSession) -> KioskSession:
    """Begin the time anew for who asks for it, or has something to read or to type."""
    counter = visit.hub.counter
    if counter is not None:
        with suppress(JournalError):  # the limit has just passed
            return await visit.hub.journal.prolong_kiosk(counter.lasts)
    return session


def _label(visit: Visit, session: KioskSession) -> str:
    """Return the name they chose, or that it is whoever is at the counter."""
    known = person(visit.hub, session.subject)
    named = None if known is None else known.label
    return named or visit.words("kiosk.giver", number=session.number)


async def _again(visit: Visit) -> Response:
    """Show the turn again: to a script what is inside the page, else by going there."""
    return _turn(visit) if visit.part else see_other("/kiosk")
