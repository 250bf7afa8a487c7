"""The routes that let a browser in to the screens, and no longer."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from gateway.api.browsers import Browsers, Role
from gateway.api.context import Body
from gateway.api.destination_pairing import PairingsHere
from gateway.errors import NotRunning

router = APIRouter(prefix="/screens", tags=["screens"])


class Wish(Body):
    """What the browser is to see, or what those see that are meant."""

    role: Role = Role.OWNER


async def _browsers(request: Request) -> Browsers:
    browsers: Browsers | None = request.app.state.browsers
    if browsers is None:
        raise NotRunning
    return browsers


BrowsersHere = Annotated[Browsers, Depends(_browsers)]


@router.post("/invitations", status_code=201)
async def invite(browsers: BrowsersHere, wish: Wish) -> dict[str, str]:
    """Draw a code that lets one browser in, once, within ten minutes."""
    invitation = browsers.invite(wish.role)
    return {"url": invitation.url, "code": invitation.code, "role": invitation.role}


@router.post("/forget", status_code=201)
async def forget(browsers: BrowsersHere, pairings: PairingsHere, wish: Wish) -> dict[str, str]:
    """Let in none of the browsers that were before, nor by a code that is still open.

    No pairing with a destination that is under way comes to its end either.
    """
    pairings.give_up()
    browsers.forget_all(wish.role)
    return {"role": wish.role}
