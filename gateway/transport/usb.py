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
from functools import partial

from gateway.clock import Clock
from gateway.domain.device import Device, DeviceId
from gateway.drivers.api import Driver, Fit, Line, Manifest, Numbered, Reach, Sighting
from gateway.drivers.registry import fit
from gateway.errors import RadioTrouble, RadioUnavailable
from gateway.transport.api import OpenLink
from gateway.transport.cable_trouble import POLL_S, gone
from gateway.transport.hid import known_ids, open_hid
from gateway.transport.hidraw import hid_devices
from gateway.transport.serial import open_port, usb_ports
from gateway.transport.unrecorded import UnrecordedSession
from gateway.transport.usb_device import UsbDevice
from gateway.transport.usb_numbers import Numbers


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
        self._numbers = Numbers()

    async def watch(self, seen: Callable[[Sighting], None], /) -> None:
        """Call `seen` every few seconds for what is there, once it said its number if it has one.

        One that cannot be asked for it is `unseen`, and keeps nobody from the others.
        """
        try:
            while True:
                self._look(seen)
                await self._pause(POLL_S)
        finally:
            self._numbers.stop()

    @property
    def unseen(self) -> RadioUnavailable | None:
        """Why a device that is plugged in is not seen, if there is one."""
        return self._numbers.trouble

    def device_id(self, sighting: Sighting, /) -> DeviceId:
        """Name the device by the number it says when asked, or has on USB, or else by its socket.

        Two cables may have the same number, so only a device that tells itself is named by one.
        """
        device = self._there[sighting.address]
        vendor, product = device.usb
        told = device.serial if sighting.driver is not None else None
        name = self._numbers.of(device) or told or device.socket
        return DeviceId(f"usb:{vendor:04x}:{product:04x}:{name}")

    async def open(self, sighting: Sighting, manifest: Manifest, /) -> OpenLink:
        """Open what told its device. Raises RadioUnavailable; DriverError if it told no number."""
        if sighting.driver is None:
            table = "[[hid]]" if sighting.reach is Reach.HID else "[[ports]]"
            raise RadioUnavailable(
                f"Port {sighting.address} does not tell what is behind it: name it, and its driver,"
                f" under {table}.",
                RadioTrouble.DENIED,
            )
        device = self._device(sighting)
        if isinstance(self._sighting(device)[1], Numbered):
            self._numbers.check(device)
        return await self._opened(device, manifest)

    def _device(self, sighting: Sighting) -> UsbDevice:
        """Return what was seen, if it is still plugged in; raises RadioUnavailable."""
        device = self._there.get(sighting.address)
        if device is None or device.plugging != sighting.plugging:
            raise gone(sighting.address)
        return device

    async def _opened(self, device: UsbDevice, manifest: Manifest) -> OpenLink:
        link = await self._open(device, manifest)
        if device not in self._plugged():  # another one may have its path by now
            await link.close()
            raise gone(device.path)
        return link

    async def _open(self, device: UsbDevice, manifest: Manifest) -> OpenLink:
        vendor, product = device.usb
        name = f"usb:{vendor:04x}:{product:04x}"  # it is in errors, and they are in the log
        if device.reach is Reach.HID:
            return await open_hid(device.path, {device.usb}, name, self._clock)
        return await open_port(device.path, manifest.line or Line(), name, self._clock)

    def _look(self, seen: Callable[[Sighting], None]) -> None:
        there = self._unnamed()
        self._there = {device.path: device for device in there}
        self._numbers.keep(there)
        for device in there:
            sighting, driver = self._sighting(device)
            if not isinstance(driver, Numbered) or self._is_told(device, driver, sighting):
                seen(sighting)

    def _is_told(self, device: UsbDevice, driver: Numbered, sighting: Sighting) -> bool:
        return self._numbers.is_told(device, partial(self._ask, driver, sighting))

    async def _ask(self, driver: Numbered, sighting: Sighting) -> str:
        unnamed = Device(id=self.device_id(sighting), driver=driver.manifest.name)
        link = await self._opened(self._device(sighting), driver.manifest)
        try:
            session = UnrecordedSession(link, unnamed, sighting, self._clock, self._pause)
            return await driver.number(session)
        finally:
            await link.close()

    def _on_usb(self) -> list[UsbDevice]:
        return [*usb_ports(), *hid_devices(self._known)]

    def _unnamed(self) -> list[UsbDevice]:
        named = {os.path.realpath(path) for path in self._named}
        return [each for each in self._plugged() if os.path.realpath(each.path) not in named]

    def _sighting(self, device: UsbDevice) -> tuple[Sighting, Driver | None]:
        seen = Sighting(
            device.path,
            device.reach,
            name=device.product,
            usb=device.usb,
            plugging=device.plugging,
        )
        sure = [driver for driver in self._drivers if fit(driver, seen) is Fit.MODEL]
        if len(sure) != 1:
            return seen, None
        return replace(seen, driver=sure[0].manifest.name), sure[0]
