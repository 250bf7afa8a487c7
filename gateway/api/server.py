"""The local API, version 1, as an ASGI application.

The interface is public: it serves its own OpenAPI document at /api/v1/openapi.json, and
`docs/openapi.json` is that of this release; a test holds the two together.
"""

from __future__ import annotations

from fastapi import FastAPI

from gateway import __version__
from gateway.api import (
    audit,
    consents,
    corrections,
    destination_pairing,
    devices,
    export,
    glucose,
    health,
    kiosk,
    missed,
    pairing,
    people,
    readings,
    screens,
)
from gateway.api.browsers import Browsers
from gateway.api.destination_pairing import Pairings
from gateway.api.errors import translate
from gateway.api.hub import Hub

PREFIX = "/api/v1"


def make_app(hub: Hub, browsers: Browsers | None = None, begun: Pairings | None = None) -> FastAPI:
    """Make the application over a hub. It serves no page that loads anything from elsewhere.

    `browsers` are those that see the screens of a running daemon, `begun` the pairings under way.
    """
    app = FastAPI(
        title="healthspace-gateway",
        version=__version__,
        description="The local interface of a personal health gateway.",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.hub = hub
    app.state.browsers = browsers
    app.state.pairings = begun or Pairings(hub)
    for part in (
        health,
        missed,
        people,
        devices,
        export,
        pairing,
        consents,
        destination_pairing,
        readings,
        glucose,
        corrections,
        kiosk,
        audit,
        screens,
    ):
        app.include_router(part.router, prefix=PREFIX)
    translate(app)
    return app
