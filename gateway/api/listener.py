"""A TCP port that a stranger cannot take all of: bounded in connections, and in patience.

Whoever shares the network, or has an account on the machine, can open connections without being let
in. Each takes a file descriptor, of which the journal, the radios and the ports want some too.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

MOST = 128
"""Connections at once. A browser opens six, and a kiosk's page one that stays."""
MOST_OF_ONE = 32
"""Of these, of one address: a few browsers with some tabs each."""
REQUEST_S = 20.0
"""For a request to arrive, and between two; a telephone at the edge of the Wi-Fi takes seconds."""


class Listener(socket.socket):
    """A listening socket that hangs up on whoever comes when too many are there."""

    def __init__(self, host: str, port: int) -> None:
        """Take the port. Raises OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__(family, socket.SOCK_STREAM)
        self._there: list[tuple[socket.socket, str]] = []
        try:
            self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family is socket.AF_INET6:
                self.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self.bind((host, port))
        except OSError:
            self.close()
            raise

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept the next connection. Raises ConnectionAbortedError for one too many."""
        came, address = super().accept()
        self._there = [each for each in self._there if each[0].fileno() != -1]
        alike = sum(host == address[0] for _, host in self._there)
        if len(self._there) >= MOST or alike >= MOST_OF_ONE:
            came.close()
            raise ConnectionAbortedError
        self._there.append((came, address[0]))
        return came, address


class Impatient(H11Protocol):
    """Hangs up on who asks nothing, and on who takes for ever to ask.

    uvicorn waits without a limit for a request whose first byte has come, and for the first one.
    """

    _answered: RequestResponseCycle | None = None
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._timer = self.loop.call_later(REQUEST_S, self._look)

    def _look(self) -> None:
        last: RequestResponseCycle | None = self.cycle
        asking = last is None or last.response_complete
        if asking and last is self._answered:
            self.transport.abort()
        else:
            self._answered = last
            self._wait()
