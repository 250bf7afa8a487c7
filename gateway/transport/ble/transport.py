"""Bluetooth through the operating system (on Linux BlueZ). With `peer` and `trouble` all of bleak.

bluetoothd confirms an indication to the device before anyone above it hears of it. So a reading is
not yet on disk when the device may forget it; `hci` has no such gap. What narrows it here: a frame
is taken in before anything else runs, and drivers record each burst at once.

There is one scanner for the whole process: bluetoothd refuses a second one.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from weakref import WeakSet

from bleak import BleakClient
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner

from gateway.clock import Clock
from gateway.domain.device import DeviceId
from gateway.drivers.api import Manifest, Sighting, service_of
from gateway.errors import ConfigError, LinkError, LinkLost, RadioTrouble, RadioUnavailable
from gateway.transport.arrivals import Arrivals
from gateway.transport.ble.adapter import BluezAdapter
from gateway.transport.ble.advertising import Heard, heard_as, sighting_of
from gateway.transport.ble.agent import Agent
from gateway.transport.ble.bluez import attended, bond_with, forget
from gateway.transport.ble.peer import BleakPeer
from gateway.transport.ble.scanning import Gone, Scanning
from gateway.transport.ble.settings import BleSettings
from gateway.transport.gatt_link import CLOSE_S, Deadlines, GattLink, bonded_first, within
from gateway.transport.pairing import TAKEN, Owner
from gateway.transport.rotating_names import RotatingNames

NEIGHBOURS = 1024
"""How many addresses are remembered for connecting; those of passers-by change for ever."""

_logger = logging.getLogger(__name__)


class BleTransport:
    """A `Transport` over the operating system's Bluetooth.

    `owner` is asked while a device pairs; without one, devices with a code cannot be paired.
    `scanner` and `client` replace bleak's own backends, and with them BlueZ.
    """

    def __init__(
        self,
        settings: BleSettings,
        clock: Clock,
        deadlines: Deadlines | None = None,
        *,
        owner: Owner | None = None,
        names: RotatingNames | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        scanner: type[BaseBleakScanner] | None = None,
        client: type[BaseBleakClient] | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._deadlines = deadlines or Deadlines()
        self._pause = pause
        self._scanner_backend = scanner
        self._client_backend = client
        over_bluez = sys.platform == "linux" and scanner is None
        self._agent = Agent(owner, settings.pairing_without_code) if over_bluez else None
        self._names = names or RotatingNames()
        self._heard: OrderedDict[str, Heard] = OrderedDict()
        self._bonded: set[str] = set()
        self._links: WeakSet[Arrivals] = WeakSet()
        self._claim: Callable[[], Awaitable[object]] | None = None
        self._refusing: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """`ble`, and the adapter's address if one is configured."""
        return f"ble:{self._settings.adapter}" if self._settings.adapter else "ble"

    async def watch(self, seen: Callable[[Sighting], None], /) -> None:
        """Scan until cancelled; one caller at a time. Raises RadioUnavailable."""

        def heard(device: BLEDevice, advertisement: AdvertisementData) -> None:
            who = heard_as(device, advertisement)
            if who.address != who.first and self._names.is_taken(who.address):
                if self._refusing is None or self._refusing.done():
                    self._refusing = asyncio.create_task(self._refuse(who.address))
                return  # it may be either of the two
            self._remember(who)
            seen(sighting_of(who, advertisement))

        adapter = BluezAdapter(self._settings.adapter) if self._agent is not None else None
        scanning = Scanning(heard, adapter, self._pause, self._scanner_backend)
        while True:
            async with self._attended() as gone:
                gone.add_done_callback(self._lose_links)
                await scanning.until(gone)

    @asynccontextmanager
    async def _attended(self) -> AsyncIterator[Gone]:
        if self._agent is None:
            yield asyncio.get_running_loop().create_future()
            return
        async with attended(self._agent) as attendance:
            self._claim = attendance.claim
            try:
                yield attendance.gone
            finally:
                self._claim = None

    def _lose_links(self, gone: Gone) -> None:
        """Give every link up whose bluetoothd has ended: bleak does not notice."""
        if not gone.cancelled() and gone.result() is RadioTrouble.NO_SERVICE:
            for arrivals in self._links:
                arrivals.lose("the Bluetooth service ended")

    def _remember(self, who: Heard) -> None:
        self._heard[who.address] = who
        self._heard.move_to_end(who.address)
        if len(self._heard) > NEIGHBOURS:
            self._heard.popitem(last=False)
        if who.bonded and who.address != who.first:  # it was paired, by whomever
            with suppress(ConfigError):  # it is noted when the disk takes it again
                self._names.call(who.address, who.first, unless_named=True)

    def device_id(self, sighting: Sighting, /) -> DeviceId:
        """Name the device by its address: `ble:<address>`, good for ever.

        A rotating address without a bond that resolves it gives `ble-rotating:<address>`, which
        names the device only until the address changes; or for ever, once it was paired.
        """
        if (called := self._names.called(sighting.address)) is not None:
            return DeviceId(f"ble-rotating:{called}")
        who = self._heard.get(sighting.address)
        rotating = who is not None and who.rotating
        return DeviceId(f"{'ble-rotating' if rotating else 'ble'}:{sighting.address}")

    async def open(self, sighting: Sighting, manifest: Manifest, /) -> GattLink:
        """Connect and discover; a bonded device is encrypted by the operating system.

        BlueZ may declare a device discovered before it is: if the services are missing that the
        device advertises and the driver speaks, it is connected once more. Where the manifest asks
        for it, the device is paired before anything else.
        """
        who = self._heard.get(sighting.address)
        if who is None:
            raise LinkLost("the device has not been seen since the radio was switched on")
        link = await self._connect(who)
        offered = {service_of(channel) for channel in link.channels}
        wanted = sighting.services & manifest.services - manifest.bonds_first
        if not offered or not offered >= wanted:
            await link.close()
            link = await self._connect(who)
        return await bonded_first(link, sighting, manifest, lambda: self._connect(who))

    async def _connect(self, who: Heard) -> GattLink:
        arrivals = Arrivals(self._clock)
        self._links.add(arrivals)
        client = BleakClient(
            who.device,
            disconnected_callback=lambda _: arrivals.lose("the connection ended"),
            timeout=self._deadlines.connect,
            backend=self._client_backend,
        )
        over_bluez = self._agent is not None
        bonded = who.bonded if not over_bluez else await bond_with(who.path) is not None
        if bonded:
            self._bonded.add(who.address)
        if not bonded and self._claim is not None:
            with suppress(RadioUnavailable):  # then the connection fails, and says why
                await self._claim()
        ended = partial(self._look_who_it_was, who) if who.rotating else None
        peer = BleakPeer(client, arrivals, self._agent, who.first, ended, bonded=bonded)
        patience = self._deadlines.connect + self._deadlines.request  # bleak also discovers
        try:
            # Not given up when the link is lost: BlueZ says a little later why it was.
            characteristics = await within(peer.connect(), patience, "connecting to the device")
        except BaseException:
            with suppress(LinkError):
                await within(peer.disconnect(), CLOSE_S, "ending the connection")
            raise
        deadlines = self._deadlines if bonded else _with_pairing(self._deadlines)
        return GattLink(peer, arrivals, characteristics, self._clock, deadlines, bonded=bonded)

    async def _look_who_it_was(self, who: Heard) -> None:
        """Ask whether it was paired meanwhile: bluetoothd forgets what it was called till then."""
        with suppress(RadioUnavailable):
            identity = await bond_with(who.path)
            if identity is None or identity == who.first:
                return
            if self._names.is_taken(identity):
                await self._refuse(identity)
                return
            with suppress(ConfigError):  # so it holds until the gateway ends
                self._names.call(identity, who.first)

    async def _refuse(self, identity: str) -> None:
        """Drop the bond with a device that claimed to be another one while it paired."""
        with suppress(RadioUnavailable):  # it is tried again when the device is heard
            await forget(identity)
            _logger.warning("a bond is dropped: %s", TAKEN)

    def is_bonded(self, device: DeviceId, /) -> bool:
        """Say whether the device was bonded when it was last connected, or last heard."""
        address = self._names.identity(device.partition(":")[2])
        who = self._heard.get(address)
        return address in self._bonded or (who is not None and who.bonded)

    async def forget(self, device: DeviceId, /) -> bool:
        """Drop the bond with a device, so that it can be paired anew; returns if there was one.

        Raises RadioUnavailable.
        """
        address = self._names.identity(device.partition(":")[2])
        self._heard.pop(address, None)
        self._bonded.discard(address)
        was_bonded = await forget(address)
        self._names.forget(address)
        return was_bonded


def _with_pairing(deadlines: Deadlines) -> Deadlines:
    """Leave time for a person: BlueZ pairs within the first request that needs it."""
    return replace(
        deadlines,
        read=deadlines.read + deadlines.pair,
        request=deadlines.request + deadlines.pair,
        pair=2 * deadlines.pair,  # perhaps the owner is asked before
    )
