"""Hands the hub to the routes, and finds what they name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict

from gateway.api.hub import Hub
from gateway.domain.reading import Kind
from gateway.domain.subject import Subject
from gateway.errors import ConfigError
from gateway.journal.reader import Reader

T = TypeVar("T")


async def _hub(request: Request) -> Hub:
    hub: Hub = request.app.state.hub
    return hub


HubHere = Annotated[Hub, Depends(_hub)]


class Body(BaseModel):
    """What a request says: a field that nobody knows is refused, and no error quotes a value."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def destination(hub: Hub, name: str) -> frozenset[Kind]:
    """Return the kinds that a destination of the configuration takes. Raises ConfigError."""
    if name in hub.routes:
        return hub.routes[name]
    if not hub.routes:
        raise ConfigError(f"There is no destination {name!r} in the configuration.")
    known = ", ".join(sorted(hub.routes))
    raise ConfigError(f"There is no destination {name!r} in the configuration: {known}.")


def person(hub: Hub, subject: str) -> Subject | None:
    """Return who has this id; None if nobody here has."""
    return next((each for each in hub.reader.subjects() if each.id == subject), None)


async def aside(hub: Hub, look: Callable[[Reader], T]) -> T:
    """Look into the journal for long, in a thread of its own: devices are heard out meanwhile."""

    def looked() -> T:
        with hub.reader.another() as reader:
            return look(reader)

    return await asyncio.to_thread(looked)
