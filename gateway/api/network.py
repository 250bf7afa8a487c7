"""Serves the screens to the household's own network: over TLS only, and never the API.

Who may see them is decided by the screens themselves. A name that is not the hub's is refused: a
page in somebody's browser cannot reach them through a name of its own (DNS rebinding).
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.api.listener import Listener
from gateway.api.serve import until_cancelled
from gateway.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Front:
    """A port of the network, with the certificate it shows and the names it answers to."""

    socket: socket.socket
    trust: ssl.SSLContext
    names: Sequence[str]

    @property
    def address(self) -> str:
        """What to open in a browser."""
        port = self.socket.getsockname()[1]
        return f"https://{self.names[0]}:{port}"


class NameGuard:
    """Lets a request pass only if it names the hub."""

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with the refusal."""
        host = Headers(scope=scope).get("host", "").lower()
        name, _, port = host.rpartition(":")
        if (name if port.isdigit() else host) in self._names:
            await self._app(scope, receive, send)
        else:
            await PlainTextResponse("This is not a name of this hub.", 421)(scope, receive, send)


@contextlib.contextmanager
def front(
    listen: str, port: int, names: Sequence[str], certificate: Path, key: Path
) -> Iterator[Front]:
    """Take a port of the network. Raises ConfigError if it is taken, or the files are no good."""
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        trust.load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"[screens] certificate_file or key_file cannot be used ({error.strerror}): check that"
            " they are PEM files the gateway's user may read."
        ) from error
    try:
        made = Listener(listen, port)
    except OSError as error:
        raise ConfigError(
            f"Port {port} of {listen} cannot be taken ({error.strerror}): name another as"
            " [screens] port, or another address as listen."
        ) from error
    with made:
        yield Front(made, trust, names)


async def serve_network(pages: ASGIApp, at: Front) -> None:
    """Answer requests until cancelled."""
    await until_cancelled(NameGuard(pages, at.names), [at.socket], at.trust)
