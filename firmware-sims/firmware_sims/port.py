"""A serial port made of a pty, with a name that stays the same when it is plugged in again.

A pty differs from a wire in two ways that matter here. Bytes sent while nobody has the port open
wait in the kernel (up to a few kilobytes, until the next opener flushes them), where a wire loses
them: ask `is_open_elsewhere` before measuring to keep the comparison fair. And speed and parity are
not enforced: pacing is ours, `host_baud` tells the speed that the host set, and parity is invisible
(Linux ptys are always 8N1).
"""

import asyncio
import os
import termios
import tty
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

_PIECE_BYTES = 8  # what a USB bridge typically hands over at once at these speeds; a guess
_BAUD = {
    termios.B1200: 1200,
    termios.B2400: 2400,
    termios.B4800: 4800,
    termios.B9600: 9600,
    termios.B19200: 19200,
    termios.B38400: 38400,
    termios.B57600: 57600,
    termios.B115200: 115200,
}


class Port:
    """The device's end of a serial line; the host opens `link`.

    Enter it to plug it in. `bytes_per_s` paces what is sent (960 is 9600 baud, 8N1; None: at once).
    `pause` is how it waits, in seconds. The port keeps its own slave end open, so that the master
    survives a host that closes the port; only `unplug` closes it, as pulling the cable does.
    """

    def __init__(
        self,
        link: Path,
        *,
        bytes_per_s: float | None = None,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.link = link
        self._bytes_per_s = bytes_per_s
        self._pause = pause
        self._master: int | None = None
        self._slave: int | None = None
        self._slave_path = ""
        self._stirred = asyncio.Event()
        self._moved = False
        self._watching: tuple[asyncio.AbstractEventLoop, int] | None = None

    def __enter__(self) -> Self:
        self.plug()
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()

    @property
    def is_plugged(self) -> bool:
        """Whether the port exists."""
        return self._master is not None

    def plug(self) -> None:
        """Make the port appear under its link; nothing happens if it is there."""
        if self._master is not None:
            return
        self._master, self._slave = os.openpty()
        os.set_blocking(self._master, False)
        # Raw from the start: a line discipline that echoes would talk back to the device.
        tty.setraw(self._slave)
        self._slave_path = os.ttyname(self._slave)
        fresh = self.link.with_name(f"{self.link.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self._slave_path)
        fresh.replace(self.link)
        self._was_moved()

    def unplug(self) -> None:
        """Make the port disappear; a host reading from it gets a hang-up."""
        if self._master is None or self._slave is None:
            return
        self._stop_watching()
        self.link.unlink(missing_ok=True)
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = None
        self._was_moved()

    async def send(self, data: bytes) -> int:
        """Send at the line's pace; return how many bytes the line took.

        There is no flow control: what finds the port unplugged, or the host's buffer full, is lost.
        """
        size = len(data) if self._bytes_per_s is None else _PIECE_BYTES
        taken = 0
        for start in range(0, len(data), max(size, 1)):
            piece = data[start : start + size]
            taken += self._write(piece)
            if self._bytes_per_s is not None:
                await self._pause(len(piece) / self._bytes_per_s)
        return taken

    def written_by_host(self) -> bytes:
        """Return what the host wrote since last asked."""
        written = bytearray()
        while self._master is not None:
            try:
                written += os.read(self._master, 4096)
            except BlockingIOError:
                break
        return bytes(written)

    async def receive(self) -> bytes:
        """Return what the host wrote, waiting for it; b"": the cable was moved meanwhile."""
        while not self._moved:
            self._stirred.clear()
            if written := self.written_by_host():
                return written
            self._watch()
            try:
                await self._stirred.wait()
            finally:
                self._stop_watching()
        self._moved = False
        return b""

    def part(self, frame: bytes) -> bytes:
        """Return what arrives of a frame when the cable is pulled half-way."""
        return frame[: len(frame) // 2]

    def host_baud(self) -> int | None:
        """Return the speed the host has set; None: not plugged in, or an unusual one.

        A host that sets none leaves a fresh pty at 38400.
        """
        if self._master is None:
            return None
        return _BAUD.get(termios.tcgetattr(self._master)[5])

    def is_open_elsewhere(self) -> bool:
        """Tell whether another descriptor of this user's processes has the port open."""
        own = Path(f"/proc/{os.getpid()}/fd/{self._slave}")
        return any(
            descriptor != own and _points_to(descriptor, self._slave_path)
            for process in Path("/proc").iterdir()
            if process.name.isdigit()
            for descriptor in _descriptors(process)
        )

    def _watch(self) -> None:
        if self._master is not None:
            loop = asyncio.get_running_loop()
            loop.add_reader(self._master, self._stirred.set)
            self._watching = (loop, self._master)

    def _stop_watching(self) -> None:
        # Before the descriptor is closed: its number comes back with the next pty.
        if self._watching is not None:
            loop, master = self._watching
            loop.remove_reader(master)
            self._watching = None

    def _was_moved(self) -> None:
        self._moved = True
        self._stirred.set()

    def _write(self, piece: bytes) -> int:
        if self._master is None:
            return 0
        try:
            return os.write(self._master, piece)
        except BlockingIOError:
            return 0


def _descriptors(process: Path) -> list[Path]:
    try:
        return list((process / "fd").iterdir())
    except OSError:
        # Somebody else's process, or one that ended meanwhile.
        return []


def _points_to(descriptor: Path, path: str) -> bool:
    try:
        return str(descriptor.readlink()) == path
    except OSError:
        return False
