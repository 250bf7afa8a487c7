"""The entrance: a browser comes with a code, and goes on with a cookie."""

from __future__ import annotations

from starlette.responses import Response

from gateway.api.browsers import Role
from gateway.web.visits import COOKIE, Visit, door_of, remember, see_other


async def door(visit: Visit) -> Response:
    """Show where the code goes. Following the link changes nothing: a browser may do so unasked."""
    code = visit.request.query_params.get("code", "")
    return visit.page("enter.html", code=code, refused=False)


async def enter(visit: Visit) -> Response:
    """Let the browser in if the code is good."""
    let_in = visit.site.browsers.admit(visit.form.get("code"), door_of(visit.request))
    if let_in is None:
        return visit.page("enter.html", 403, code="", refused=True)
    response = see_other("/kiosk" if let_in.role is Role.KIOSK else "/")
    remember(response, visit.request, let_in)
    return response


async def ask_to_leave(visit: Visit) -> Response:
    """Ask before a browser is forgotten: to come back takes a code, and so perhaps a person."""
    return visit.sure("leave", "/leave", {})


async def leave(visit: Visit) -> Response:
    """Forget this browser: neither its cookie nor a copy of it lets anybody in any more."""
    if visit.visitor is not None:
        visit.site.browsers.forget(visit.visitor)
    response = see_other("/enter")
    response.delete_cookie(COOKIE)
    return response


async def forget(visit: Visit) -> Response:
    """Forget the browsers at the counter, or the owner's others, and what they all began."""
    visit.site.pairings.give_up()
    if visit.form.get("role") == Role.KIOSK:
        visit.site.browsers.forget_all(Role.KIOSK)
        return visit.page("forgotten.html", role=Role.KIOSK)
    response = visit.page("forgotten.html", role=Role.OWNER)
    kept = visit.site.browsers.forget_all(Role.OWNER, visit.visitor)
    if kept is not None:
        remember(response, visit.request, kept)
    return response
