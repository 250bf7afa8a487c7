"""Pairing in a browser: sent to the health space, it comes back with a code; or the code is typed.

It comes back from another site, so the cookie of the visitor, which other sites cannot use, is not
with it. Another cookie, made for this one pairing, tells that the browser that comes back is that
which was sent. The state is good for one return, within `LIVES`, to the address that was asked for:
of several health spaces each has one of its own, or a first one could send the browser on to a
second and be brought the code that is good there.

Spec: RFC 6749 section 4.1, RFC 7636, RFC 9700 sections 2.1 and 4.4.2.2.
"""

from __future__ import annotations

import hashlib
import hmac
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.responses import HTMLResponse, Response

from gateway.api.destination_pairing import LIVES, Begun
from gateway.api.hub import PairsBy
from gateway.api.qr_code import qr_code
from gateway.domain.subject import SubjectId
from gateway.errors import (
    AccountTaken,
    CodeRefused,
    GatewayError,
    UplinkUnauthorised,
    UplinkUnavailable,
)
from gateway.web.visits import Visit, see_other

BACK = "/pairing/back"
COOKIE = "pairing"
_OF = "of"
"""What names the destination in the address that it sends the browser back to."""
_REFUSALS = frozenset({"access_denied", "server_error", "temporarily_unavailable", "invalid_scope"})
"""Answers of RFC 6749 section 4.1.2.1 that have words of their own; the others are the operator's:
this gateway asked in a way that the health space does not take."""


async def begin(visit: Visit) -> Response:
    """Show the way to the health space, and the place to type a code in."""
    person, destination = visit.person, visit.form.get("destination")
    if person is None or visit.hub.pairs_by(destination) is PairsBy.NOTHING:
        return see_other("/")
    return _ways(visit, person.id, destination, None)


async def type_code(visit: Visit) -> Response:
    """Exchange a code that the person typed."""
    subject, destination = SubjectId(visit.form.get("subject")), visit.form.get("destination")
    state = visit.form.get("state") or None
    try:
        await visit.site.pairings.finish(subject, destination, visit.form.get("code"), state)
    except GatewayError as error:
        return _ways(visit, subject, destination, error)
    return visit.page("paired.html", title=visit.hub.title(destination))


async def back(visit: Visit) -> Response:
    """Receive the browser that comes back, exchange its code, and say how it went."""
    query = visit.request.query_params
    begun = visit.site.pairings.take(query.get("state", ""))
    if begun is None:
        return _refused(visit, "over", HTTPStatus.BAD_REQUEST)
    if not hmac.compare_digest(visit.request.cookies.get(COOKIE, "").encode(), _mark(begun)):
        return _refused(visit, "other_browser", HTTPStatus.FORBIDDEN)
    if not _is_asked_for(visit, begun):
        return _forgetting(_refused(visit, "not_understood", HTTPStatus.FORBIDDEN, begun))
    error = query.get("error")
    if error is not None:
        key = error if error in _REFUSALS else "not_understood"
        return _forgetting(_refused(visit, key, HTTPStatus.OK, begun))
    code = query.get("code", "")
    try:
        await visit.hub.pair(begun.subject, begun.destination, code, begun.authorization)
    except GatewayError as refusal:
        response = _refused(visit, reason(refusal), HTTPStatus.BAD_GATEWAY, begun, str(refusal))
        return _forgetting(response)
    return _forgetting(visit.page("paired.html", title=visit.hub.title(begun.destination)))


def reason(error: GatewayError) -> str:
    """Name the words for what kept a code from being exchanged."""
    if isinstance(error, CodeRefused):
        return "code"
    if isinstance(error, AccountTaken):
        return "account"
    if isinstance(error, UplinkUnauthorised):
        return "gateway"
    return "unreachable" if isinstance(error, UplinkUnavailable) else "failed"


def _ways(
    visit: Visit, subject: SubjectId, destination: str, error: GatewayError | None
) -> HTMLResponse:
    """Show both ways to pair; each time anew, for a state is good for one return."""
    begun = shown = None
    if visit.hub.pairs_by(destination) is PairsBy.SIGNING_IN:
        pairings = visit.site.pairings
        begun = pairings.begin(subject, destination, _back_to(visit, destination))
        shown = pairings.begin(subject, destination, None)
    response = visit.page(
        "pairing.html",
        HTTPStatus.OK if error is None else HTTPStatus.BAD_REQUEST,
        title=visit.hub.title(destination),
        subject=subject,
        destination=destination,
        there=None if begun is None else begun.authorization.url,
        elsewhere=None if shown is None else shown.authorization.url,
        code=None if shown is None else qr_code(shown.authorization.url),
        state="" if shown is None else shown.authorization.state,
        refusal=None if error is None else reason(error),
        detail=None if error is None else str(error),
    )
    if begun is not None:
        response.set_cookie(
            COOKIE,
            _mark(begun).decode(),
            max_age=int(LIVES.total_seconds()),
            path=BACK,
            httponly=True,
            samesite="lax",
            secure=visit.request.url.scheme == "https",
        )
    return response


def _back_to(visit: Visit, destination: str) -> str:
    """Return where the browser is to come back, at the address where it reached us."""
    hub, own = visit.hub, str(visit.request.base_url).rstrip("/")
    several = sum(hub.pairs_by(each) is PairsBy.SIGNING_IN for each in hub.routes) > 1
    return f"{own}{BACK}?{urlencode({_OF: destination})}" if several else f"{own}{BACK}"


def _is_asked_for(visit: Visit, begun: Begun) -> bool:
    """Tell whether the browser came back to where this health space was asked to send it."""
    asked = dict(parse_qsl(urlsplit(begun.authorization.redirect_uri).query))
    return visit.request.query_params.get(_OF) == asked.get(_OF)


def _mark(begun: Begun) -> bytes:
    """Return what the browser that was sent holds: made of what never leaves the gateway."""
    secret = begun.authorization.verifier.encode()
    return hashlib.sha256(b"browser " + secret).hexdigest().encode()


def _refused(
    visit: Visit, key: str, status: HTTPStatus, begun: Begun | None = None, detail: str = ""
) -> HTMLResponse:
    title = "" if begun is None else visit.hub.title(begun.destination)
    return visit.page("not_paired.html", status, refusal=key, title=title, detail=detail)


def _forgetting(response: HTMLResponse) -> HTMLResponse:
    response.delete_cookie(COOKIE, path=BACK)
    return response
