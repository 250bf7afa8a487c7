"""Forms as browsers send them, and whether they come from one of our own pages."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Sequence
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from gateway.language.plain import without_steering

LONGEST = 16_384
"""Bytes. The longest form of ours, a consent with every kind, has some hundreds."""

WITHIN_S = 20.0
"""For a form to arrive; who sends it is not known yet."""


class Form:
    """The fields of a form; one may come several times."""

    def __init__(self, fields: Sequence[tuple[str, str]] = ()) -> None:
        self._fields = fields

    def get(self, name: str) -> str:
        """Return the first of that name, or nothing.

        Spaces around it, and signs that would turn a line around, are not with it.
        """
        found = next((value for field, value in self._fields if field == name), "")
        return without_steering(found).strip()

    def all(self, name: str) -> list[str]:
        """Return every one of that name."""
        return [value for field, value in self._fields if field == name]

    def but(self, *names: str) -> list[tuple[str, str]]:
        """Return every field, as it came, but those of these names."""
        return [(field, value) for field, value in self._fields if field not in names]


async def form_of(request: Request) -> Form | None:
    """Read the form of a request; None if it is too long, takes too long, or is no form."""
    body = bytearray()
    try:
        async with asyncio.timeout(WITHIN_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LONGEST:
                    return None
    except (TimeoutError, ClientDisconnect):
        return None
    try:
        return Form(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=64))
    except ValueError:
        return None


def from_here(request: Request) -> bool:
    """Tell whether the browser says that one of our own pages sent this."""
    headers = request.headers
    origin = headers.get("origin")
    own = f"{request.url.scheme}://{headers.get('host', '')}"
    return origin in (None, own) and headers.get("sec-fetch-site", "same-origin") in (
        "same-origin",
        "none",
    )


def carries(form: Form, token: str) -> bool:
    """Tell whether the form has the token that our pages put into it."""
    return hmac.compare_digest(form.get("token").encode(), token.encode())
