"""How the gateway's errors look to a client of the API: a status, and the sentence to show."""

from __future__ import annotations

import json

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response

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
    app.add_exception_handler(RequestValidationError, _unfit)
    app.add_exception_handler(UnicodeEncodeError, _no_text)


def status_of(error: Exception) -> int:
    """Return the HTTP status of one of the gateway's errors."""
    return next(status for kind, status in _STATUS if isinstance(error, kind))


async def _answer(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_of(error))


async def _unfit(request: Request, error: Exception) -> Response:
    """Say what does not fit and why, without repeating it: it may be personal, or no JSON."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  by its registration
    faults = [{name: fault[name] for name in ("type", "loc", "msg")} for fault in error.errors()]
    return Response(json.dumps({"detail": faults}), 422, media_type="application/json")


async def _no_text(request: Request, error: Exception) -> JSONResponse:
    """Refuse half a character (JSON can spell one): it can be neither kept nor looked for."""
    return JSONResponse({"detail": "What was asked has text in it that is no Unicode."}, 422)
