"""What is on USB and nobody named: bound where the USB id tells the device, else only listed.

Most ids tell the chip in a cable. Behind such a port may be a cuff that a single byte starts, so it
is never opened: `scan` shows it, and the owner names it in the configuration. HID devices are not
even listed unless a driver knows their id.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from gateway.clock import Clock
from gateway.domain.device import DeviceId
from gateway.drivers.api import Driver, Fit, Line, Manifest, Reach, Sighting
from gateway.errors import RadioTrouble, RadioUnavailable
from gateway.transport.api import OpenLink
from gateway.transport.cable_trouble import gone
from gateway.transport.hid import known_ids, open_hid
from gateway.transport.hidraw import hid_devices
from gateway.transport.serial import POLL_S, open_port, usb_ports
from gateway.transport.usb_device import UsbDevice


class UsbSettings(BaseModel):
    """Talk with what is plugged in, if its USB id tells for sure what it is (a Dexcom receiver).

    An empty table turns it on. Any other serial port on USB is listed by `scan` and never opened;
    any other HID device, such as a keyboard, is not even listed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


def told(drivers: Iterable[Driver]) -> list[UsbDevice]:
    """List what is there now and tells by its USB id what it is."""
    manifests = [driver.manifest for driver in drivers]
    sure = {(manifest.reach, usb) for manifest in manifests for usb in manifest.usb}
    known = {usb for reach, usb in sure if reach is Reach.HID}
    there = (*usb_ports(), *hid_devices(known))
    return [device for device in there if (device.reach, device.usb) in sure]


class UsbTransport:
    """What is on this machine's USB, but for what the configuration names (`named`, paths)."""

    name = "usb"

    def __init__(
        self,
        drivers: Collection[Driver],
        named: Collection[str],
        clock: Clock,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        plugged: Callable[[], Sequence[UsbDevice]] | None = None,
    ) -> None:
        self._drivers = drivers
        self._named = named
        self._clock = clock
        self._pause = pause
        self._known = known_ids(drivers)
        self._plugged = plugged or self._on_usb
        self._there: dict[str, UsbDevice] = {}

    async def watch(self, seen: Callable[[Sighting], None], /) -> None:
        """Call `seen` every few seconds for what is there."""
        while True:
            there = self._unnamed()
            self._there = {device.path: device for device in there}
            for device in there:
                seen(self._sighting(device))
            await self._pause(POLL_S)

    def device_id(self, sighting: Sighting, /) -> DeviceId:
        """Name the device by its own serial number, and where it has none by its socket.

        Two cables may have the same number, so only a device that tells itself is named by one.
        """
        device = self._there[sighting.address]
        vendor, product = device.usb
        told = device.serial if sighting.driver is not None else None
        return DeviceId(f"usb:{vendor:04x}:{product:04x}:{told or device.socket}")

    async def open(self, sighting: Sighting, manifest: Manifest, /) -> OpenLink:
        """Open what told its device. Raises RadioUnavailable."""
        if sighting.driver is None:
            table = "[[hid]]" if sighting.reach is Reach.HID else "[[ports]]"
            raise RadioUnavailable(
                f"Port {sighting.address} does not tell what is behind it: name it, and its driver,"
                f" under {table}.",
                RadioTrouble.DENIED,
            )
        if sighting.address not in self._there:
            raise gone(sighting.address)
        name = self.device_id(sighting)
        if sighting.reach is Reach.HID:
            return await open_hid(sighting.address, self._known, name, self._clock)
        return await open_port(sighting.address, manifest.line or Line(), name, self._clock)

    def _on_usb(self) -> list[UsbDevice]:
        return [*usb_ports(), *hid_devices(self._known)]

    def _unnamed(self) -> list[UsbDevice]:
        named = {os.path.realpath(path) for path in self._named}
        return [each for each in self._plugged() if os.path.realpath(each.path) not in named]

    def _sighting(self, device: UsbDevice) -> Sighting:
        seen = Sighting(device.path, device.reach, name=device.product, usb=device.usb)
        sure = [driver for driver in self._drivers if driver.match(seen) is Fit.MODEL]
        driver = sure[0].manifest.name if len(sure) == 1 else None
        return replace(seen, driver=driver)
