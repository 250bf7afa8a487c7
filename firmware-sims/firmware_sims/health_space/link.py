"""The listening port of the main link, which can be cut and restored on the same number."""

import asyncio
import socket
import ssl

from aiohttp import web


class Link:
    """One HTTPS port on the loopback interface.

    While cut, new connections are refused and old ones are dropped. A second socket, bound but
    never listening, keeps the number ours in the meantime. `up` is set while connections are taken.
    """

    def __init__(self, server: web.Server, context: ssl.SSLContext, port: int) -> None:
        self._server = server
        self._context = context
        self._wanted_port = port
        self._guard: socket.socket | None = None
        self._listener: asyncio.Server | None = None
        self._restoring: asyncio.Task[None] | None = None
        self.up = asyncio.Event()

    @property
    def port(self) -> int:
        """The port number; known once opened."""
        if self._guard is None:
            raise RuntimeError("the link was never opened")
        port: int = self._guard.getsockname()[1]
        return port

    async def open(self) -> None:
        """Claim the port and listen."""
        self._guard = _bound_socket(self._wanted_port)
        await self.restore()

    async def cut(self, for_s: float | None = None) -> None:
        """Refuse and drop everything, for a time in seconds or until restored."""
        self._forget_restoring()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            self.up.clear()
        for connection in self._server.connections:
            if connection.transport is not None:
                connection.transport.abort()
        if for_s is not None:
            self._restoring = asyncio.create_task(self._restore_after(for_s))

    async def restore(self) -> None:
        """Listen again on the same port."""
        self._forget_restoring()
        await self._listen()

    async def close(self) -> None:
        """Cut the link for good and give the port back."""
        await self.cut()
        if self._guard is not None:
            self._guard.close()

    async def _listen(self) -> None:
        if self._listener is None:
            loop = asyncio.get_running_loop()
            listening = _bound_socket(self.port)
            self._listener = await loop.create_server(
                self._server, sock=listening, ssl=self._context
            )
            self.up.set()

    async def _restore_after(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        await self._listen()

    def _forget_restoring(self) -> None:
        if self._restoring is not None:
            self._restoring.cancel()
            self._restoring = None


def _bound_socket(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        raise
    return bound
