"""A USB HID device's end of its cable: a unix socket that carries one report per packet.

What a pty is to a serial line, a listening SOCK_SEQPACKET socket is to hidraw: the host connects to
`link` as it would open the device node, and each packet is one report, in either direction, without
the number that hidraw puts before it where a device has none. Unlike hidraw it serves one host at a
time: the newest. As there, a report waits until the host takes it, and a device does not notice
that its node was closed or opened.
"""

import asyncio
import errno
import socket
from pathlib import Path
from typing import Self

_MOST_OCTETS = 4096  # more than any report, so that one that is too long is seen as that


class HidPort:
    """The device's end; the host connects to `link`. Enter it to plug it in.

    Plugging in raises OSError for a `link` that no socket can have: one of more than 107 octets,
    or of something else.
    """

    def __init__(self, link: Path) -> None:
        self.link = link
        self._listener: socket.socket | None = None
        self._host: socket.socket | None = None
        self._stirred = asyncio.Event()
        self._room = asyncio.Event()
        self._moved = False
        self._watched: list[socket.socket] = []
        self._full: socket.socket | None = None

    def __enter__(self) -> Self:
        self.plug()
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()

    @property
    def is_plugged(self) -> bool:
        """Whether the device can be found."""
        return self._listener is not None

    def plug(self) -> None:
        """Make the device appear under its link; nothing happens if it is there."""
        if self._listener is not None:
            return
        if self.link.is_socket():  # left by who was killed
            self.link.unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            listener.setblocking(False)
            listener.bind(str(self.link))
            listener.listen(1)
        except OSError as error:
            listener.close()
            why = error.errno or errno.ENAMETOOLONG, error.strerror or str(error)
            raise OSError(*why, str(self.link)) from error
        self._listener = listener
        self._was_moved()

    def unplug(self) -> None:
        """Make the device disappear; a host reading from it gets to the end."""
        if self._listener is None:
            return
        self._hang_up()
        self.link.unlink(missing_ok=True)
        self._listener.close()
        self._listener = None
        self._was_moved()

    async def send(self, report: bytes) -> int:
        """Send one report, waiting until the host takes it; return how many octets it took.

        What finds nobody connected is lost.
        """
        while self._host is not None:
            self._room.clear()
            try:
                return self._host.send(report)
            except BlockingIOError:
                await self._until_there_is_room(self._host)
            except (BrokenPipeError, ConnectionResetError):
                self._hang_up()
        return 0

    async def receive(self) -> bytes:
        """Return the host's next packet, waiting for it; b"": the cable was moved meanwhile."""
        while not self._moved:
            self._stirred.clear()
            self._answer_the_door()
            if packet := self._packet():
                return packet
            self._watch()
            try:
                await self._stirred.wait()
            finally:
                self._stop_watching()
        self._moved = False
        return b""

    def part(self, report: bytes) -> bytes:
        """Return what arrives of a report when the cable is pulled half-way: USB delivers none."""
        return b""

    def host_baud(self) -> None:
        """Return that there is no speed to set."""

    def _answer_the_door(self) -> None:
        while self._listener is not None:
            try:
                host, _ = self._listener.accept()
            except BlockingIOError:
                return
            host.setblocking(False)
            self._hang_up()
            self._host = host

    def _packet(self) -> bytes:
        if self._host is None:
            return b""
        try:
            packet = self._host.recv(_MOST_OCTETS)
        except BlockingIOError:
            return b""
        except ConnectionResetError:
            packet = b""
        if not packet:
            self._hang_up()
        return packet

    def _hang_up(self) -> None:
        # Before a descriptor is closed: its number comes back with the next socket.
        self._stop_watching()
        if self._full is not None:
            asyncio.get_running_loop().remove_writer(self._full)
            self._full = None
            self._room.set()
        if self._host is not None:
            self._host.close()
            self._host = None
        self._stirred.set()

    async def _until_there_is_room(self, host: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._full = host
        loop.add_writer(host, self._room.set)
        try:
            await self._room.wait()
        finally:
            if self._full is host:
                loop.remove_writer(host)
                self._full = None

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        for end in (self._listener, self._host):
            if end is not None:
                loop.add_reader(end, self._stirred.set)
                self._watched.append(end)

    def _stop_watching(self) -> None:
        watched, self._watched = self._watched, []
        for end in watched:
            asyncio.get_running_loop().remove_reader(end)

    def _was_moved(self) -> None:
        self._moved = True
        self._stirred.set()
