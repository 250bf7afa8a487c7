"""Hands the hub to the routes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from gateway.api.hub import Hub


def _hub(request: Request) -> Hub:
    hub: Hub = request.app.state.hub
    return hub


HubHere = Annotated[Hub, Depends(_hub)]
