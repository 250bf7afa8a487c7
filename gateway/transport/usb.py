"""Serial ports on USB that nobody named: bound where the USB id tells the device, else only listed.

Most ids tell the chip in a cable. Behind such a port may be a cuff that a single byte starts, so it
is never opened: `scan` shows it, and the owner names it in the configuration.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection, Sequence

from pydantic import BaseModel, ConfigDict

from gateway.clock import Clock
from gateway.domain.device import DeviceId
from gateway.drivers.api import Driver, Fit, Line, Manifest, Reach, Sighting
from gateway.errors import RadioTrouble, RadioUnavailable
from gateway.transport.api import OpenLink
from gateway.transport.serial import POLL_S, UsbPort, gone, open_port, usb_ports


class UsbSettings(BaseModel):
    """Talk with what is plugged in, if its USB id tells for sure what it is (a Dexcom receiver).

    An empty table turns it on. Anything else on USB is listed by `scan` and never opened.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


class UsbTransport:
    """The USB serial ports of this machine, but for those the configuration names (`named`)."""

    name = "usb"

    def __init__(
        self,
        drivers: Collection[Driver],
        named: Collection[str],
        clock: Clock,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        ports: Callable[[], Sequence[UsbPort]] | None = None,
    ) -> None:
        self._drivers = drivers
        self._named = named
        self._clock = clock
        self._pause = pause
        self._ports = ports or usb_ports
        self._there: dict[str, UsbPort] = {}

    async def watch(self, seen: Callable[[Sighting], None], /) -> None:
        """Call `seen` every few seconds for each port that is there."""
        while True:
            ports = self._unnamed()
            self._there = {port.path: port for port in ports}
            for port in ports:
                seen(self._sighting(port))
            await self._pause(POLL_S)

    def device_id(self, sighting: Sighting, /) -> DeviceId:
        """Name the device by its own serial number, and where it has none by its socket.

        Two cables may have the same number, so only a device that tells itself is named by one.
        """
        port = self._there[sighting.address]
        vendor, product = port.usb
        told = port.serial if sighting.driver is not None else None
        return DeviceId(f"usb:{vendor:04x}:{product:04x}:{told or port.socket}")

    async def open(self, sighting: Sighting, manifest: Manifest, /) -> OpenLink:
        """Open a port that told its device. Raises RadioUnavailable."""
        if sighting.driver is None:
            raise RadioUnavailable(
                f"Port {sighting.address} does not tell what is behind it: name it, and its driver,"
                " under [[ports]].",
                RadioTrouble.DENIED,
            )
        if sighting.address not in self._there:
            raise gone(sighting.address)
        name = self.device_id(sighting)
        return await open_port(sighting.address, manifest.line or Line(), name, self._clock)

    def _unnamed(self) -> list[UsbPort]:
        named = {os.path.realpath(path) for path in self._named}
        return [port for port in self._ports() if os.path.realpath(port.path) not in named]

    def _sighting(self, port: UsbPort) -> Sighting:
        seen = Sighting(port.path, Reach.SERIAL, name=port.product, usb=port.usb)
        sure = [driver for driver in self._drivers if driver.match(seen) is Fit.MODEL]
        driver = sure[0].manifest.name if len(sure) == 1 else None
        return Sighting(port.path, Reach.SERIAL, name=port.product, usb=port.usb, driver=driver)
