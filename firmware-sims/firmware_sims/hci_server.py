"""One bumble controller at a time, offered over HCI/TCP to a host in another process.

bumble's own tcp-server transport keeps its controller when the host dies, with every connection of
the dead host still up. Here a controller lives as long as its TCP connection.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from bumble.core import InvalidPacketError
from bumble.transport.common import PacketParser

_logger = logging.getLogger(__name__)


class HciServer:
    """Listens; a new host replaces the one before it.

    The newest wins because a killed host's end may be noticed only after its successor connects.
    """

    def __init__(self, join: Callable[[Any], Any], leave: Callable[[Any], None]) -> None:
        self._join = join
        self._leave = leave
        self._current: _HostLink | None = None
        self._server: asyncio.Server | None = None

    async def open(self, host: str, port: int) -> str:
        """Start listening; return "host:port" with the real port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, host, port)
        bound_host, bound_port = self._server.sockets[0].getsockname()[:2]
        return f"{bound_host}:{bound_port}"

    async def close(self) -> None:
        """Stop listening and drop the host, if there is one."""
        if self._server is not None:
            self._server.close()
            if self._current is not None:
                self._current.hang_up()
            await self._server.wait_closed()

    def _accept(self) -> asyncio.Protocol:
        if self._current is not None:
            self._current.hang_up()
        self._current = _HostLink(self._join, self._leave)
        return self._current


class _HostLink(asyncio.Protocol):
    """One TCP connection and the controller that belongs to it; also that controller's sink."""

    def __init__(self, join: Callable[[Any], Any], leave: Callable[[Any], None]) -> None:
        self._join = join
        self._leave = leave
        self._controller: Any = None
        self._transport: asyncio.Transport | None = None
        self._parser = PacketParser()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the host a controller of its own."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            self._controller = self._join(self)
            self._parser.set_packet_sink(self._controller)

    def data_received(self, data: bytes) -> None:
        """Pass whole HCI packets to the controller; hang up on what is not HCI."""
        if self._controller is None:
            return
        try:
            self._parser.feed_data(data)
        except InvalidPacketError:
            _logger.warning("the host sent something that is not HCI; hanging up")
            self.hang_up()

    def connection_lost(self, exc: Exception | None) -> None:
        """Throw the controller away."""
        self._retire()

    def on_packet(self, packet: bytes) -> None:
        """Send a packet from the controller to the host (bumble's sink interface)."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(packet)

    def hang_up(self) -> None:
        """End this host's turn now."""
        if self._transport is not None:
            self._transport.abort()
        self._retire()

    def _retire(self) -> None:
        controller, self._controller = self._controller, None
        if controller is not None:
            self._leave(controller)
