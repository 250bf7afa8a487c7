"""Hands the hub to the routes, and finds what they name."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from gateway.api.hub import Hub
from gateway.domain.reading import Kind
from gateway.errors import ConfigError


def _hub(request: Request) -> Hub:
    hub: Hub = request.app.state.hub
    return hub


HubHere = Annotated[Hub, Depends(_hub)]


def destination(hub: Hub, name: str) -> frozenset[Kind]:
    """Return the kinds that a destination of the configuration takes. Raises ConfigError."""
    try:
        return hub.routes[name]
    except KeyError:
        known = ", ".join(sorted(hub.routes)) or "none"
        raise ConfigError(
            f"There is no destination {name!r} in the configuration: {known}."
        ) from None
