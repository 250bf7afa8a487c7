"""What every screen does first: who looks, in which language, and whether a form is one of ours."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gateway.api.browsers import COOKIE_LIVES, Browsers, Door, Role, Visitor
from gateway.api.context import person
from gateway.api.destination_pairing import Pairings
from gateway.api.errors import status_of
from gateway.api.hub import Hub
from gateway.domain.subject import Subject
from gateway.errors import GatewayError
from gateway.journal.views import Salvage
from gateway.language.sentences import problems
from gateway.language.words import LANGUAGES, Words
from gateway.web.forms import Form, carries, form_of, from_here
from gateway.web.rendering import Rendering
from gateway.web.turn import going_on
from gateway.web.words import words

COOKIE = "visitor"
LANGUAGE_COOKIE = "language"
PART = "x-part"
"""The header by which a script asks for what is inside the page only."""
_OUR_PATH = re.compile(r"/(?:[a-z]+(?:/[a-z]+)*)?")
"""What a path of one of our pages looks like, and no address of anybody else's."""
_LANGUAGE_LIVES_S = 400 * 86400
DAMAGE_SHOWS = timedelta(days=30)
"""So long the owner's page says what damage cost: else nothing would ever be well again. `audit
damage` says it for good."""
LANGUAGE_WAITS_S = 120
"""So long the counter invites in a language that somebody chose there, who did not begin."""

Screen = Callable[["Visit"], Awaitable[Response]]


@dataclass(frozen=True)
class Site:
    """What all screens share."""

    hub: Hub
    browsers: Browsers
    pairings: Pairings
    rendering: Rendering
    stopping: asyncio.Event
    """Set when the daemon ends: an answer that goes on for ever ends too."""
    one_by_one: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by what would go wrong if it were done twice at once, as by a double click."""

    @property
    def lost(self) -> int:
        """How many readings a damaged journal cost lately."""
        since = self.hub.clock.now().utc - DAMAGE_SHOWS
        return sum(len(salvage.lost) for salvage in self._salvaged if salvage.at > since)

    @cached_property
    def _salvaged(self) -> list[Salvage]:
        """What was salvaged; that is done at a start, so it is asked once."""
        return self.hub.reader.salvaged()


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a browser that may see the screen."""

    site: Site
    request: Request
    visitor: Visitor | None
    words: Words
    form: Form

    @property
    def hub(self) -> Hub:
        """The daemon."""
        return self.site.hub

    @property
    def person(self) -> Subject | None:
        """Whom the form names; None if nobody here is."""
        return person(self.hub, self.form.get("subject"))

    @property
    def lasts(self) -> bool:
        """Whether the browser may still come in: it may be forgotten while an answer goes on."""
        cookie = None if self.visitor is None else self.visitor.cookie
        return self.site.browsers.recognise(cookie, door_of(self.request)) is not None

    @property
    def part(self) -> bool:
        """Whether a script asks for what is inside the page only."""
        return PART in self.request.headers

    def page(self, template: str, status: int = 200, **values: object) -> HTMLResponse:
        """Return a page, or only its inside where that was asked for."""
        visitor = self.visitor
        content = self.site.rendering.render(
            template,
            layout="part.html" if self.part else "page.html",
            t=self.words,
            token=visitor.form_token if visitor is not None else "",
            owner=visitor is not None and visitor.role is Role.OWNER,
            tell=self._tell,
            **values,
        )
        return HTMLResponse(content, status)

    def sure(self, key: str, action: str, about: Mapping[str, str], **named: str) -> HTMLResponse:
        """Ask before something is done that one tap should not do; `key` has the words."""
        more = self.words.or_none(f"{key}.more")
        return self.page(
            "sure.html",
            title=self.words(f"{key}.title", **named),
            explain=self.words(f"{key}.explain", **named),
            more=None if more is None else more.format(**named),
            action=action,
            about=about,
            yes=self.words(f"{key}.yes"),
            no=self.words(f"{key}.no"),
        )

    def _tell(self, detail: str) -> tuple[str, str]:
        """Tell what the layers below said, and in which language that is."""
        told = problems(self.words.language).again(detail)
        return (detail, "en") if told is None else (told, self.words.language)

    def problem(self, error: GatewayError | HTTPException) -> HTMLResponse:
        """Return the page of something that did not work."""
        back = "/kiosk" if self.visitor and self.visitor.role is Role.KIOSK else "/"
        if isinstance(error, HTTPException):
            return self.page("problem.html", error.status_code, detail=error.detail, back=back)
        return self.page("problem.html", status_of(error), detail=str(error), back=back)


def see_other(path: str) -> Response:
    """Send the browser on to another of our pages, which it gets with GET."""
    return RedirectResponse(path, 303)


def for_visitors(
    site: Site, screen: Screen, *roles: Role
) -> Callable[[Request], Awaitable[Response]]:
    """Let a screen be seen by these roles only, and its forms be sent by our pages only."""

    async def answer(request: Request) -> Response:
        visitor = _visitor(site, request)
        if visitor is None or visitor.role not in roles:
            return _not_let_in(request, visitor)
        form = await _form(request)
        visit = Visit(site, request, visitor, spoken(site, request), form or Form())
        if form is None or (request.method == "POST" and not carries(form, visitor.form_token)):
            return visit.page("stale.html", 403, back=request.url.path)
        try:
            response = await screen(visit)
        except (GatewayError, HTTPException) as error:
            return visit.problem(error)
        if request.method == "GET" and not visit.part:
            remember(response, request, visitor)
        return response

    return answer


def for_anybody(site: Site, screen: Screen) -> Callable[[Request], Awaitable[Response]]:
    """Let a screen be seen by any browser on this machine; it tells nothing about anybody."""

    async def answer(request: Request) -> Response:
        visitor = _visitor(site, request)
        form = await _form(request)
        visit = Visit(site, request, visitor, spoken(site, request), form or Form())
        if form is None:
            return visit.page("stale.html", 403, back=request.url.path)
        return await screen(visit)

    return answer


def door_of(request: Request) -> Door:
    """Tell by which port a request came: that of the network speaks TLS only."""
    return Door.NETWORK if request.url.scheme == "https" else Door.HUB


def _visitor(site: Site, request: Request) -> Visitor | None:
    return site.browsers.recognise(request.cookies.get(COOKIE), door_of(request))


def spoken(site: Site, request: Request) -> Words:
    """Return the words of the language that was chosen in this browser, or of the household.

    What was chosen in a turn at the counter is good until that ends, however it ends.
    """
    chosen, _, number = request.cookies.get(LANGUAGE_COOKIE, "").partition(".")
    session = going_on(site.hub) if number else None
    over = bool(number) and (session is None or str(session.number) != number)
    return words(chosen if chosen in LANGUAGES and not over else site.hub.language)


def speak(visit: Visit, response: Response, language: str) -> None:
    """Let the browser keep a language: that of the counter for the turn that is going on there.

    Before a turn it waits for one a while: who chose it may have gone.
    """
    at_counter = visit.visitor is not None and visit.visitor.role is Role.KIOSK
    session = going_on(visit.hub) if at_counter else None
    waits = at_counter and session is None
    response.set_cookie(
        LANGUAGE_COOKIE,
        language if session is None else f"{language}.{session.number}",
        max_age=LANGUAGE_WAITS_S if waits else _LANGUAGE_LIVES_S,
        samesite="lax",
        httponly=True,
    )


def remember(response: Response, request: Request, visitor: Visitor) -> None:
    """Let the browser keep who it is; no script and no other site gets to use it."""
    response.set_cookie(
        COOKIE,
        visitor.cookie,
        max_age=int(COOKIE_LIVES[visitor.role].total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


async def choose_language(visit: Visit) -> Response:
    """Keep the language chosen, and go back to where it was chosen."""
    back = visit.form.get("back")
    response = see_other(back if _OUR_PATH.fullmatch(back) else "/")
    chosen = visit.form.get("language")
    if chosen in LANGUAGES:
        speak(visit, response, chosen)
    return response


async def _form(request: Request) -> Form | None:
    """Return the form of one of our own pages, an empty one for GET; None for any other's."""
    if request.method != "POST":
        return Form()
    return await form_of(request) if from_here(request) else None


def _not_let_in(request: Request, visitor: Visitor | None) -> Response:
    if PART in request.headers:
        return Response(status_code=403)
    if visitor is not None and visitor.role is Role.KIOSK:
        return see_other("/kiosk")
    return see_other("/enter")
