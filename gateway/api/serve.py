"""Serves the API: on a unix socket that only its owner may open, and on loopback with a token."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from gateway.api.auth import TokenGuard
from gateway.api.headers import EVERY_ANSWER, with_headers
from gateway.api.listener import Impatient, Listener
from gateway.errors import ConfigError


class _Server(uvicorn.Server):
    """A server that leaves the signals to the daemon, and sleeps while nobody asks it anything.

    uvicorn's own looks around ten times a second, to see whether it should end and what the header
    `Date` is by now: an idle hub would never sleep for longer.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ended = asyncio.Event()

    def end(self) -> None:
        """End now, with what is under way."""
        self.should_exit = self.force_exit = True
        self._ended.set()

    async def main_loop(self) -> None:
        """Wait for the end."""
        await self._ended.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the daemon."""
        yield


@contextlib.contextmanager
def listening(at: Path, port: int | None) -> Iterator[list[socket.socket]]:
    """Take the unix socket, and the port if there is one. Raises ConfigError if it is taken."""
    sockets = [_unix_socket(at)]
    try:
        if port is not None:
            sockets.append(_loopback_socket(port))
        yield sockets
    finally:
        for each in sockets:
            each.close()
        at.unlink(missing_ok=True)


def address(sockets: list[socket.socket]) -> str | None:
    """Return the address of the loopback port, for a browser on this machine; None without one."""
    for each in sockets:
        if each.family is socket.AF_INET:
            host, port = each.getsockname()
            return f"http://{host}:{port}"
    return None


async def serve(app: ASGIApp, sockets: list[socket.socket], token: str, pages: ASGIApp) -> None:
    """Answer requests until cancelled: those of the API, and of the pages."""
    await until_cancelled(TokenGuard(app, token, pages), sockets)


async def until_cancelled(
    app: ASGIApp, sockets: list[socket.socket], trust: ssl.SSLContext | None = None
) -> None:
    """Serve until cancelled, then end what is under way. Nothing stands between us and clients.

    Every answer has the headers that any of the hub's needs, refusals too.
    """
    config = uvicorn.Config(
        with_headers(app, EVERY_ANSWER, dated=True),
        http=Impatient,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        ssl_context_factory=None if trust is None else lambda *_: trust,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=sockets))
    try:
        await asyncio.shield(serving)
    finally:
        server.end()
        await serving


def _unix_socket(at: Path) -> socket.socket:
    """Bind the socket privately. A file left by a daemon that was killed is in nobody's use.

    The journal's lock, taken before, proves that no other daemon of this state folder lives.
    """
    at.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        made.bind(str(at))
    except OSError as error:
        made.close()
        raise ConfigError(f"{at}: the socket cannot be made ({error}).") from error
    finally:
        os.umask(before)
    return made


def _loopback_socket(port: int) -> socket.socket:
    try:
        return Listener("127.0.0.1", port)
    except OSError as error:
        raise ConfigError(
            f"Port {port} of 127.0.0.1 is taken: name another as [api] port."
        ) from error
