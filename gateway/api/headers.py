"""What every answer tells the browser that gets it: to keep nothing, and to trust it with nothing.

Readings are about people, and an answer that a browser or a proxy keeps is one that nobody erases.
What an answer says of itself stands: the screens are pages and say more, their style and scripts
are about nobody and may be kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

EVERY_ANSWER: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "bluetooth=(), camera=(), geolocation=(), hid=(), microphone=(), serial=(), usb=()"
    ),
}
"""Spec: RFC 9111 5.2.2.5; Content Security Policy 3; Fetch (nosniff, CORP); Permissions Policy."""


def with_headers(app: ASGIApp, headers: Mapping[str, str], *, dated: bool = False) -> ASGIApp:
    """Let every answer have these headers, but for those that it has already.

    If `dated`, it also says when it was made (RFC 9110 6.6.1).
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = MutableHeaders(scope=message)
                for name, value in headers.items():
                    said.setdefault(name, value)
                if dated:
                    said["Date"] = formatdate(usegmt=True)
            await send(message)

        await app(scope, receive, sending)

    return wrapped
