"""Bluetooth on a bare controller: a USB dongle, a serial module, or a virtual radio over TCP.

The gateway is its own Bluetooth host here: no bluetoothd, no D-Bus, on any operating system. It has
one thing that BlueZ cannot have: an indication is confirmed to the device only when its reading is
safe (`drivers.api.Inbox`).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.clock import Clock
from gateway.domain.device import DeviceId
from gateway.drivers.api import Manifest, Sighting
from gateway.errors import LinkLost, RadioTrouble, RadioUnavailable
from gateway.transport.arrivals import Arrivals
from gateway.transport.gatt_link import Deadlines, GattLink, bonded_first
from gateway.transport.hci.bonds import Bonds
from gateway.transport.pairing import Interview, Owner
from gateway.transport.rotating_names import RotatingNames
from gateway.transport.settings import HciSettings

if TYPE_CHECKING:
    from gateway.transport.hci.radio import Heard, Radio

NEIGHBOURS = 1024
"""How many addresses are remembered for connecting; those of passers-by change for ever."""


class HciTransport:
    """A `Transport` over a bare controller."""

    def __init__(
        self,
        settings: HciSettings,
        clock: Clock,
        deadlines: Deadlines | None = None,
        *,
        owner: Owner | None = None,
        names: RotatingNames | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Read or begin the file of bonds, if the settings name one. Raises ConfigError.

        `owner` is asked while a device pairs; without one, devices with a code cannot be paired.
        """
        self._settings = settings
        self._clock = clock
        self._deadlines = deadlines or Deadlines()
        self._pause = pause
        self._bonds = Bonds(settings.bonds, settings.url)
        self._names = names or RotatingNames()
        self._interview = Interview(owner, settings.pairing_without_code)
        self._radio: Radio | None = None
        self._heard: OrderedDict[str, Heard] = OrderedDict()

    @property
    def name(self) -> str:
        """`hci:` and the controller's address."""
        return f"hci:{self._settings.url}"

    async def watch(self, seen: Callable[[Sighting], None], /) -> None:
        """Switch the controller on and scan until cancelled; one caller at a time.

        Raises RadioUnavailable when there is no controller, or no longer; then every link is lost,
        and `watch` may be called again.
        """
        try:
            from gateway.transport.hci.radio import powered
        except ImportError as error:
            raise RadioUnavailable(
                "A bare Bluetooth controller needs one more package:"
                " install healthspace-gateway[hci].",
                RadioTrouble.NO_SERVICE,
            ) from error

        def heard(what: Heard) -> None:
            self._remember(what)
            seen(what.sighting)

        powering = powered(
            self._settings.url,
            self._bonds,
            self._names,
            self._settings.address,
            self._deadlines,
            self._interview,
        )
        async with powering as radio:
            self._radio = radio
            try:
                await radio.scan(heard, self._pause)
            finally:
                self._radio = None
        raise RadioUnavailable(
            f"The Bluetooth controller at {self._settings.url} is gone.", RadioTrouble.NO_ADAPTER
        )

    def _remember(self, what: Heard) -> None:
        self._heard[what.sighting.address] = what
        self._heard.move_to_end(what.sighting.address)
        if len(self._heard) > NEIGHBOURS:
            self._heard.popitem(last=False)

    def device_id(self, sighting: Sighting, /) -> DeviceId:
        """Name the device by its address: `ble:<address>`, good for ever.

        A rotating address without a bond that resolves it gives `ble-rotating:<address>`, which
        names the device only until the address changes; or for ever, once it was paired.
        """
        if (called := self._names.called(sighting.address)) is not None:
            return DeviceId(f"ble-rotating:{called}")
        heard = self._heard.get(sighting.address)
        rotating = heard is not None and heard.rotating
        return DeviceId(f"{'ble-rotating' if rotating else 'ble'}:{sighting.address}")

    async def open(self, sighting: Sighting, manifest: Manifest, /) -> GattLink:
        """Connect, encrypt if bonded, discover; pair first where the manifest asks for it."""
        link = await self._connect(sighting)
        return await bonded_first(link, sighting, manifest, lambda: self._connect(sighting))

    async def _connect(self, sighting: Sighting) -> GattLink:
        if self._radio is None:
            raise RadioUnavailable(
                f"The Bluetooth controller at {self._settings.url} is not there.",
                RadioTrouble.NO_ADAPTER,
            )
        heard = self._heard.get(sighting.address)
        if heard is None:
            raise LinkLost("the device has not been seen since the radio was switched on")
        arrivals = Arrivals(self._clock)
        peer, characteristics = await self._radio.connect(heard.address, arrivals)
        deadlines = self._deadlines
        if self._interview.attended:  # perhaps the owner is asked before the device is
            deadlines = replace(deadlines, pair=2 * deadlines.pair)
        return GattLink(peer, arrivals, characteristics, self._clock, deadlines, bonded=peer.bonded)

    def is_bonded(self, device: DeviceId, /) -> bool:
        """Say whether there is a bond with a device."""
        address = self._names.identity(device.partition(":")[2])
        return self._bonds.of(address) is not None

    async def forget(self, device: DeviceId, /) -> bool:
        """Drop the bond with a device, so that it can be paired anew; returns if there was one."""
        address = self._names.identity(device.partition(":")[2])
        return any([self._bonds.drop(address), self._bonds.drop(f"{address}/P")])
