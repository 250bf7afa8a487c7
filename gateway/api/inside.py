"""Calls the API inside this process, without a server: for the command while no daemon runs."""

from __future__ import annotations

import asyncio
from urllib.parse import unquote, urlsplit

from starlette.types import ASGIApp, Message, Scope


async def request(app: ASGIApp, method: str, target: str, content: bytes) -> tuple[int, bytes]:
    """Send one request to an ASGI application; returns the status and the body."""
    parts = urlsplit(target)
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": [(b"host", b"gateway"), (b"content-type", b"application/json")],
        "client": None,
        "server": None,
    }
    status = 500
    body = bytearray()

    messages: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]

    async def receive() -> Message:
        if not messages:  # an answer in pieces asks whether anybody still waits for it: we do
            await asyncio.Event().wait()
        return messages.pop()

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            body.extend(message.get("body", b""))

    await app(scope, receive, send)
    return status, bytes(body)
