"""How the gateway's errors look to a client of the API: a status, and the sentence to show."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from gateway.errors import (
    ConfigError,
    GatewayError,
    JournalError,
    JournalFull,
    LinkError,
    UplinkError,
)

_STATUS: tuple[tuple[type[GatewayError], int], ...] = (
    (JournalFull, 507),
    (JournalError, 409),
    (UplinkError, 502),
    (LinkError, 503),
    (ConfigError, 422),
    (GatewayError, 500),
)


def translate(app: FastAPI) -> None:
    """Answer with one sentence wherever a route raises one of the gateway's errors."""
    app.add_exception_handler(GatewayError, _answer)


def status_of(error: Exception) -> int:
    """Return the HTTP status of one of the gateway's errors."""
    return next(status for kind, status in _STATUS if isinstance(error, kind))


async def _answer(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_of(error))
