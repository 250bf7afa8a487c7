"""Pairing a person with a destination: what was begun and waits for its code, and the routes.

What was begun is good for one return within `LIVES`, for the person and destination it was begun
for. It is kept in memory only: after a restart the person begins again.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from gateway.api.context import Body, HubHere, destination
from gateway.api.hub import Authorization, Hub
from gateway.domain.subject import SubjectId
from gateway.errors import CodeRefused, ConfigError, GatewayError

LIVES = timedelta(minutes=10)
"""Signing in with a second factor takes minutes; a code lives ten at most (RFC 6749 4.1.2)."""
_MOST = 32
"""Begun and not come back: more than a household or a counter has within `LIVES`."""

router = APIRouter(prefix="/pairings", tags=["consent"])


@dataclass(frozen=True, slots=True)
class Begun:
    """A pairing under way, and the person it is for."""

    subject: SubjectId
    destination: str
    authorization: Authorization


class Pairings:
    """Begins and ends pairings, and remembers what was begun by its `state`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._begun: dict[str, tuple[Begun, float]] = {}

    def begin(self, subject: SubjectId, destination: str, back_to: str | None) -> Begun:
        """Begin one; the oldest makes room where there are too many. Raises ConfigError.

        Without an address to go back to, the destination shows the person the code.
        """
        begun = Begun(subject, destination, self._hub.authorize(destination, back_to))
        while len(self._begun) >= _MOST:
            del self._begun[next(iter(self._begun))]
        until_s = self._hub.clock.now().monotonic + LIVES.total_seconds()
        self._begun[begun.authorization.state] = (begun, until_s)
        return begun

    def take(self, state: str) -> Begun | None:
        """Return what was begun under this state, spent by this; None if it is not, or too old."""
        begun, until_s = self._begun.pop(state, (None, 0.0))
        return begun if self._hub.clock.now().monotonic < until_s else None

    def give_up(self) -> None:
        """Let nobody end what was begun: who began it may not be let in any more."""
        self._begun.clear()

    async def finish(
        self, subject: SubjectId, destination: str, code: str, state: str | None = None
    ) -> None:
        """Exchange a typed code, by what was begun under `state` if given.

        Raises CodeRefused, ConfigError and UplinkError.
        """
        begun = None
        if state is not None:
            begun = self.take(state)
            if begun is None or (begun.subject, begun.destination) != (subject, destination):
                raise CodeRefused("This pairing is over, or was begun too long ago: begin it anew.")
        authorization = None if begun is None else begun.authorization
        await self._hub.pair(subject, destination, code.strip(), authorization)


async def _pairings(request: Request) -> Pairings:
    pairings: Pairings = request.app.state.pairings
    return pairings


PairingsHere = Annotated[Pairings, Depends(_pairings)]


async def end_all(hub: Hub, subject: SubjectId) -> None:
    """End every pairing of somebody who is being erased, whatever the destinations say.

    Before they are, for what is kept of them; and after, for what was given meanwhile.
    """
    for name in {*hub.routes, *hub.reader.pairings(subject)}:
        with suppress(GatewayError):
            await hub.unpair(subject, name)


class PairingWish(Body):
    """Who is to be paired with what."""

    subject: SubjectId
    destination: str


class PairingBegun(BaseModel):
    """Where to sign in, with any browser; the code that is shown there ends the pairing."""

    url: str
    state: str
    """Goes back with the code."""


class NewPairing(Body):
    """The code that the destination showed the person, and the state of what was begun, if so."""

    subject: SubjectId
    destination: str
    code: str
    state: str | None = None


@router.post("/begin", status_code=201)
async def begin(hub: HubHere, pairings: PairingsHere, wish: PairingWish) -> PairingBegun:
    """Begin a pairing by a code that is shown where the person signs in, with PKCE."""
    destination(hub, wish.destination)
    asked = pairings.begin(wish.subject, wish.destination, None).authorization
    return PairingBegun(url=asked.url, state=asked.state)


@router.post("", status_code=201)
async def pair(hub: HubHere, pairings: PairingsHere, new: NewPairing) -> dict[str, str]:
    """Exchange the code that the destination showed the person for lasting credentials."""
    destination(hub, new.destination)
    await pairings.finish(new.subject, new.destination, new.code, new.state)
    return {"subject": new.subject, "destination": new.destination}


class PairingEnded(BaseModel):
    """A pairing that is forgotten here."""

    revoked: bool
    """Whether the destination said that it is over there too."""
    left: int
    """Readings that were on their way at that moment and had left."""


@router.post("/end", status_code=201)
async def unpair(hub: HubHere, ended: PairingWish) -> PairingEnded:
    """End a pairing: its credentials are forgotten here and revoked there; consent stays as it is.

    What is due of the person there waits until they pair again.
    """
    if ended.destination not in hub.reader.pairings(ended.subject):
        raise ConfigError(f"This person is not paired with {ended.destination!r}: nothing ends.")
    left = await hub.quiesce(ended.subject, ended.destination)
    return PairingEnded(revoked=await hub.unpair(ended.subject, ended.destination), left=left)
