"""The screens as an ASGI application: every address, and who may see it.

No address names a person, and no answer is kept by the browser.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.api.browsers import Browsers, Role
from gateway.api.destination_pairing import Pairings
from gateway.api.headers import EVERY_ANSWER, with_headers
from gateway.api.hub import Hub
from gateway.web import (
    consents,
    earlier,
    entrance,
    home,
    household,
    pairing,
    past,
    period,
    questions,
)
from gateway.web.kiosk import events, presence, sharing, turns
from gateway.web.rendering import Rendering
from gateway.web.static_files import from_memory
from gateway.web.visits import (
    Screen,
    Site,
    Visit,
    choose_language,
    for_anybody,
    for_visitors,
    see_other,
)

OWNER, KIOSK = Role.OWNER, Role.KIOSK

SCREENS: tuple[tuple[str, str, Screen, tuple[Role, ...]], ...] = (
    ("GET", "/", home.home, (OWNER,)),
    ("GET", "/questions", questions.questions, (OWNER,)),
    ("POST", "/device/answer", questions.answer, (OWNER,)),
    ("POST", "/device/anew", questions.anew, (OWNER,)),
    ("POST", "/story", home.story, (OWNER,)),
    ("POST", "/readings", past.readings, (OWNER,)),
    ("GET", "/corrections", past.corrections, (OWNER,)),
    ("POST", "/corrections/done", past.corrected, (OWNER,)),
    ("POST", "/claim", home.claim, (OWNER,)),
    ("POST", "/reassign", home.reassign, (OWNER,)),
    ("POST", "/earlier", earlier.ask, (OWNER,)),
    ("POST", "/earlier/give", earlier.give, (OWNER,)),
    ("POST", "/period", period.ask, (OWNER,)),
    ("POST", "/period/look", period.look, (OWNER,)),
    ("POST", "/period/give", period.give, (OWNER,)),
    ("POST", "/consent", consents.ask, (OWNER,)),
    ("POST", "/consent/give", consents.give, (OWNER,)),
    ("POST", "/consent/withdraw", consents.withdraw, (OWNER,)),
    ("POST", "/consent/receipt", consents.receipt, (OWNER,)),
    ("POST", "/report", home.report, (OWNER,)),
    ("POST", "/export", home.take_along, (OWNER,)),
    ("POST", "/device/read", household.read, (OWNER,)),
    ("GET", "/devices", household.found, (OWNER,)),
    ("GET", "/devices/found", household.looked, (OWNER,)),
    ("POST", "/devices/choose", household.choose, (OWNER,)),
    ("POST", "/devices/add", household.add, (OWNER,)),
    ("POST", "/devices/end/ask", household.ask_to_end, (OWNER,)),
    ("POST", "/devices/end", household.end, (OWNER,)),
    ("POST", "/people/ask", household.ask_to_erase, (OWNER,)),
    ("POST", "/people/erase", household.erase, (OWNER,)),
    ("POST", "/pairing", pairing.begin, (OWNER,)),
    ("POST", "/pairing/code", pairing.type_code, (OWNER,)),
    ("POST", "/leave/ask", entrance.ask_to_leave, (OWNER,)),
    ("POST", "/leave", entrance.leave, (OWNER,)),
    ("POST", "/forget", entrance.forget, (OWNER,)),
    ("GET", "/kiosk", turns.screen, (OWNER, KIOSK)),
    ("GET", "/kiosk/events", events.events, (OWNER, KIOSK)),
    ("POST", "/kiosk/begin", turns.begin, (OWNER, KIOSK)),
    ("POST", "/kiosk/end/ask", turns.ask_to_end, (OWNER, KIOSK)),
    ("POST", "/kiosk/end", turns.end, (OWNER, KIOSK)),
    ("POST", "/kiosk/here", presence.here, (OWNER, KIOSK)),
    ("POST", "/kiosk/back", presence.come_back, (OWNER, KIOSK)),
    ("POST", "/kiosk/mine", presence.mine, (OWNER, KIOSK)),
    ("POST", "/kiosk/prolong", turns.prolong, (OWNER, KIOSK)),
    ("POST", "/kiosk/name", turns.name, (OWNER, KIOSK)),
    ("POST", "/kiosk/keep", turns.keep, (OWNER, KIOSK)),
    ("POST", "/kiosk/consent", sharing.ask, (OWNER, KIOSK)),
    ("POST", "/kiosk/consent/give", sharing.give, (OWNER, KIOSK)),
    ("POST", "/kiosk/consent/withdraw", sharing.withdraw, (OWNER, KIOSK)),
    ("POST", "/kiosk/receipt", sharing.receipt, (OWNER, KIOSK)),
    ("POST", "/kiosk/pairing", sharing.sign_in, (OWNER, KIOSK)),
    ("POST", "/kiosk/pairing/code", sharing.pair, (OWNER, KIOSK)),
)
"""What only a browser that was let in sees."""

OPEN: tuple[tuple[str, str, Screen], ...] = (
    ("GET", "/enter", entrance.door),
    ("POST", "/enter", entrance.enter),
    ("GET", pairing.BACK, pairing.back),
    ("POST", "/language", choose_language),
)
"""What any browser on this machine sees: nothing about anybody."""

HEADERS: Mapping[str, str] = {
    **EVERY_ANSWER,
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "same-origin",
}
"""With no-referrer a browser would send forms with the origin `null`, which is nobody's."""

_STATIC = Path(__file__).parent / "static"


def make_screens(hub: Hub, browsers: Browsers, begun: Pairings, stopping: asyncio.Event) -> ASGIApp:
    """Make the application over a running hub; `stopping` is set when it ends."""
    site = Site(hub, browsers, begun, Rendering(), stopping)
    routes = [
        Route(path, for_visitors(site, screen, *roles), methods=[method])
        for method, path, screen, roles in SCREENS
    ]
    routes += [
        Route(path, for_anybody(site, screen), methods=[method]) for method, path, screen in OPEN
    ]
    routes.append(Route("/static/{name}", from_memory(_STATIC)))

    unknown = for_anybody(site, _nowhere)

    async def not_found(request: Request, _: Exception) -> Response:
        return await unknown(request)

    async def not_so(request: Request, _: Exception) -> Response:
        """Show the page that the form was on: a browser restores the address of a sent form."""
        return see_other("/kiosk" if request.url.path.startswith("/kiosk/") else "/")

    handlers = {404: not_found, 405: not_so}
    return with_headers(Starlette(routes=routes, exception_handlers=handlers), HEADERS)


async def _nowhere(visit: Visit) -> Response:
    return visit.page("nowhere.html", 404)
