"""The other end of a virtual serial port."""

import asyncio
import os
from pathlib import Path


class Host:
    """Whoever opens the port at the other end, waiting without blocking the device."""

    def __init__(self, link: Path) -> None:
        self.descriptor = os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def write(self, written: bytes) -> None:
        os.write(self.descriptor, written)

    async def read(self, size: int) -> bytes:
        """Read so many bytes, or what came before the port went away."""
        loop, arrived = asyncio.get_running_loop(), b""
        while len(arrived) < size:
            readable = asyncio.Event()
            loop.add_reader(self.descriptor, readable.set)
            try:
                async with asyncio.timeout(20):
                    await readable.wait()
            finally:
                loop.remove_reader(self.descriptor)
            try:
                piece = os.read(self.descriptor, 4096)
            except BlockingIOError:
                continue
            if not piece:
                break
            arrived += piece
        return arrived
