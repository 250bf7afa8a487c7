"""Serial ports: ttys, USB adapters, ptys, and ports served over the network (pyserial URLs).

A port with a file descriptor is read by the event loop; one without (`rfc2217://`) by a thread.
Nothing is written that a driver did not write: on a port of unknown wiring a single byte may start
a cuff. DTR and RTS are raised while a port is open, since meter cables draw their power from them.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import socket
import termios
from collections.abc import Awaitable, Callable
from pathlib import Path

import serial
from serial.tools.list_ports_linux import SysFS

from gateway.clock import Clock
from gateway.domain.device import DeviceId
from gateway.drivers.api import Line, Manifest, Reach, Sighting
from gateway.errors import ConfigError
from gateway.transport.api import OpenLink
from gateway.transport.cable_trouble import POLL_S, unavailable
from gateway.transport.descriptor import DescriptorLink
from gateway.transport.settings import PortSettings
from gateway.transport.threaded import ThreadedLink
from gateway.transport.usb_device import UsbDevice

_KEEPALIVE = (
    (socket.TCP_KEEPIDLE, 30),
    (socket.TCP_KEEPINTVL, 10),
    (socket.TCP_KEEPCNT, 6),
)
"""Seconds of silence before a server is asked whether it lives, between questions, and how many go
unanswered before it does not: a minute and a half in all."""
_ON_USB = re.compile(r"tty(USB|ACM|XRUSB)\d+")
"""What Linux calls serial ports on USB: by usb-serial, cdc-acm, and a driver of Exar's."""
_THREAD_WAKES_S = 0.2  # how long a closing port without a descriptor may wait for its reader


class SerialTransport:
    """One configured port."""

    def __init__(
        self,
        port: PortSettings,
        clock: Clock,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._port = port
        self._clock = clock
        self._pause = pause

    @property
    def name(self) -> str:
        """What the operator calls it."""
        return self._port.device

    async def watch(self, seen: Callable[[Sighting], None], /) -> None:
        """Call `seen` every few seconds while the port exists; a URL is assumed to."""
        while True:
            sighting = self._look()
            if sighting is not None:
                seen(sighting)
            await self._pause(POLL_S)

    def device_id(self, sighting: Sighting, /) -> DeviceId:
        """Name the device after its configured port."""
        return self._port.device

    async def open(self, sighting: Sighting, manifest: Manifest, /) -> OpenLink:
        """Open the port for this process alone. Raises RadioUnavailable, ConfigError."""
        line = self._port.line(manifest.line or Line())
        return await open_port(self._port.path, line, self.name, self._clock)

    def _look(self) -> Sighting | None:
        if self._port.absence() is not None:
            return None
        path = self._port.path
        return Sighting(path, Reach.SERIAL, driver=self._port.driver, usb=_usb(path))


async def open_port(path: str, line: Line, name: str, clock: Clock) -> OpenLink:
    """Open a port for this process alone. Raises RadioUnavailable, ConfigError."""
    opening = asyncio.ensure_future(asyncio.to_thread(_open, path, line))
    try:
        port = await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unwanted)
        raise
    descriptor = _descriptor(port)
    if descriptor is None:
        return ThreadedLink(port, name, clock)
    return DescriptorLink(descriptor, name, clock, lambda: _close(port))


def usb_ports(folder: Path = Path("/dev")) -> list[UsbDevice]:
    """List the serial ports on USB that are there now; reads sysfs of those alone.

    pyserial's own list looks through the folder seven times and at every other port: ten times as
    long where there is none on USB, and an idle hub looks 1,440 times an hour.
    """
    there = os.listdir(folder)  # noqa: PTH208  the faster
    names = sorted(filter(_ON_USB.fullmatch, there))
    return [
        UsbDevice(
            found.device,
            (found.vid, found.pid),
            found.serial_number or None,
            found.location or found.device,
            found.product,
            plugging=_plugging(found),
        )
        for found in (SysFS(str(folder / name)) for name in names)
        if found.vid is not None and found.pid is not None
    ]


def _plugging(found: SysFS) -> str | None:
    """Return the number that Linux gave the device when it was plugged in; the next has another."""
    if found.usb_device_path is None:
        return None
    try:
        return Path(found.usb_device_path, "devnum").read_text(encoding="ascii").strip()
    except OSError:  # it is being pulled out
        return None


def _open(path: str, line: Line) -> serial.Serial:
    try:
        port = serial.serial_for_url(
            path,
            baudrate=line.baud,
            bytesize=line.data_bits,
            parity=line.parity,
            stopbits=line.stop_bits,
            timeout=_THREAD_WAKES_S,
            exclusive=True,
        )
    except (OSError, termios.error) as error:
        raise unavailable(path, error) from error
    except ValueError as error:
        raise ConfigError(
            f"Port {path} cannot be set as the configuration says: {error}."
        ) from error
    if "://" in path:
        _notice_a_dead_server(port)
    if _is_tty(path):
        # The lock of `exclusive` stops only those who ask for it; ModemManager does not. Not on a
        # pty: there the flag would outlive this process for as long as the other end is open.
        with contextlib.suppress(OSError):
            fcntl.ioctl(port.fileno(), termios.TIOCEXCL)
    return port


def _notice_a_dead_server(port: serial.Serial) -> None:
    """Have the connection end when the server has lost its power, or the network its cable.

    Otherwise a port that is only listened to would be silent for ever. pyserial does not show its
    connection, and does not do this itself.
    """
    connection: socket.socket = port._socket  # type: ignore[attr-defined]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        connection.setsockopt(socket.IPPROTO_TCP, name, value)


def _close(port: serial.Serial) -> None:
    with contextlib.suppress(OSError, termios.error):
        port.close()


def _close_unwanted(opening: asyncio.Future[serial.Serial]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        _close(opening.result())


def _descriptor(port: serial.Serial) -> int | None:
    try:
        return port.fileno()
    except OSError:  # io.UnsupportedOperation: a URL handler with threads of its own
        return None


def _is_tty(path: str) -> bool:
    return "://" not in path and not os.path.realpath(path).startswith("/dev/pts/")


def _usb(path: str) -> tuple[int, int] | None:
    if "://" in path:
        return None
    known = SysFS(os.path.realpath(path))
    if known.vid is None or known.pid is None:
        return None
    return known.vid, known.pid
