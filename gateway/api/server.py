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
    glucose,
    health,
    kiosk,
    pairing,
    people,
    readings,
)
from gateway.api.errors import translate
from gateway.api.hub import Hub

PREFIX = "/api/v1"


def make_app(hub: Hub) -> FastAPI:
    """Make the application over a hub. It serves no page that loads anything from elsewhere."""
    app = FastAPI(
        title="healthspace-gateway",
        version=__version__,
        description="The local interface of a personal health gateway.",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.hub = hub
    for part in (health, people, pairing, consents, readings, glucose, corrections, kiosk, audit):
        app.include_router(part.router, prefix=PREFIX)
    translate(app)
    return app
