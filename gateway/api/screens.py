"""The route that lets a browser in to the screens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict

from gateway.api.browsers import Browsers, Role
from gateway.errors import ConfigError

router = APIRouter(prefix="/screens", tags=["screens"])


class Wish(BaseModel):
    """What the browser is to see."""

    model_config = ConfigDict(extra="forbid")

    role: Role = Role.OWNER


def _browsers(request: Request) -> Browsers:
    browsers: Browsers | None = request.app.state.browsers
    if browsers is None:
        raise ConfigError("The daemon is not running: start it with 'healthspace-gateway run'.")
    return browsers


@router.post("/invitations", status_code=201)
async def invite(browsers: Annotated[Browsers, Depends(_browsers)], wish: Wish) -> dict[str, str]:
    """Draw a code that lets one browser in, once, within ten minutes."""
    invitation = browsers.invite(wish.role)
    return {"url": invitation.url, "code": invitation.code, "role": invitation.role}
