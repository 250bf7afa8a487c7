"""The other end of a virtual USB HID device."""

import asyncio
import socket
from pathlib import Path


class Host:
    """Whoever opens the device, waiting without blocking it."""

    def __init__(self, link: Path) -> None:
        self.end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self.end.connect(str(link))
        except OSError:
            self.end.close()
            raise
        self.end.setblocking(False)

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *_: object) -> None:
        self.end.close()

    async def write(self, packet: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.end, packet)

    async def read(self) -> bytes:
        """Read one packet; b"": the device is gone."""
        async with asyncio.timeout(20):
            try:
                return await asyncio.get_running_loop().sock_recv(self.end, 4096)
            except ConnectionResetError:
                return b""
