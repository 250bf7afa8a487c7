"""HID devices of the configuration: USB devices that speak in reports, and simulated ones."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Collection, Iterable

from gateway.clock import Clock
from gateway.domain.device import DeviceId
from gateway.drivers.api import Driver, Manifest, Reach, Sighting
from gateway.transport.api import OpenLink
from gateway.transport.cable_trouble import HID_DEVICE, POLL_S, unavailable
from gateway.transport.hid_link import HidLink
from gateway.transport.hidraw import UsbId, node, not_ours, open_hidraw, usb_id
from gateway.transport.settings import PACKETS, HidSettings

_DENIED = "install the udev rules of deploy/ and plug the device in again"


class HidTransport:
    """One configured HID device."""

    def __init__(
        self,
        device: HidSettings,
        drivers: Iterable[Driver],
        clock: Clock,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._device = device
        self._known = known_ids(each for each in drivers if each.manifest.name == device.driver)
        self._clock = clock
        self._pause = pause

    @property
    def name(self) -> str:
        """What the operator calls it."""
        return self._device.device

    async def watch(self, seen: Callable[[Sighting], None], /) -> None:
        """Call `seen` every few seconds while the device is there.

        Raises RadioUnavailable if something else is there, which is not looked at any further.
        """
        while True:
            if self._device.absence() is None:
                seen(self._sighting())
            await self._pause(POLL_S)

    def device_id(self, sighting: Sighting, /) -> DeviceId:
        """Name the device as it is configured."""
        return self._device.device

    async def open(self, sighting: Sighting, manifest: Manifest, /) -> OpenLink:
        """Open the device. Raises RadioUnavailable."""
        return await open_hid(self._device.path, self._known, self.name, self._clock)

    def _sighting(self) -> Sighting:
        path, usb = self._device.path, None
        if not path.startswith(PACKETS):
            usb = usb_id(node(path))
            if usb not in self._known:
                raise not_ours(path)
        return Sighting(path, Reach.HID, driver=self._device.driver, usb=usb)


def known_ids(drivers: Iterable[Driver]) -> frozenset[UsbId]:
    """Collect the USB ids of the HID devices that these drivers know."""
    manifests = [driver.manifest for driver in drivers if driver.manifest.reach is Reach.HID]
    return frozenset(usb for manifest in manifests for usb in manifest.usb)


async def open_hid(path: str, known: Collection[UsbId], name: str, clock: Clock) -> OpenLink:
    """Open a device with one of the known USB ids, or a socket. Raises RadioUnavailable."""
    opening = asyncio.ensure_future(asyncio.to_thread(_open, path, known))
    try:
        descriptor = await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unwanted)
        raise
    except OSError as error:
        raise unavailable(path, error, HID_DEVICE, _DENIED) from error
    return HidLink(descriptor, name, clock, hidraw=not path.startswith(PACKETS))


def _open(path: str, known: Collection[UsbId]) -> int:
    if not path.startswith(PACKETS):
        return open_hidraw(path, known)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.settimeout(POLL_S)
        connection.connect(path.removeprefix(PACKETS))
        connection.setblocking(False)
        return connection.detach()


def _close_unwanted(opening: asyncio.Future[int]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        os.close(opening.result())
