"""Bluetooth through the operating system (on Linux BlueZ). With `trouble` all that knows bleak.

bluetoothd confirms an indication to the device before anyone above it hears of it. So a reading is
not yet on disk when the device may forget it; `hci` has no such gap. What narrows it here: a frame
is taken in before anything else runs, and drivers record each burst at once.

There is one scanner for the whole process: bluetoothd refuses a second one.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from bleak import BleakClient, BleakScanner
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from pydantic import BaseModel, ConfigDict, Field

from gateway.clock import Clock
from gateway.domain.device import DeviceId
from gateway.drivers.api import Manifest, Reach, Sighting, gatt, short_uuid
from gateway.errors import (
    LinkError,
    LinkLost,
    PairingNeeded,
    RadioUnavailable,
)
from gateway.transport.arrivals import Arrivals
from gateway.transport.ble.bluez import adapter_at
from gateway.transport.ble.trouble import FAILURES, link_trouble, name_of, on_link, on_radio
from gateway.transport.gatt_link import (
    CLOSE_S,
    Characteristic,
    Deadlines,
    GattLink,
    within,
)

SILENCE_S = 30.0
"""bluetoothd may stop scanning and say nothing: after its restart, after an adapter was unplugged,
after failed connections. Somewhere near a device advertises every few seconds; a scan begun anew in
a silent place costs nothing."""
NEIGHBOURS = 1024
"""How many addresses are remembered for connecting; those of passers-by change for ever."""


class BleSettings(BaseModel):
    """Which adapter to use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    adapter: str | None = Field(default=None, pattern=r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$")
    """The adapter's address; None takes the first that is switched on.

    Not its name: hci0 and hci1 may change places at the next boot.
    """


class BleTransport:
    """A `Transport` over the operating system's Bluetooth.

    `scanner` and `client` replace bleak's own backends.
    """

    def __init__(
        self,
        settings: BleSettings,
        clock: Clock,
        deadlines: Deadlines | None = None,
        *,
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
        self._heard: OrderedDict[str, BLEDevice] = OrderedDict()
        self._count = 0

    @property
    def name(self) -> str:
        """`ble`, and the adapter's address if one is configured."""
        return f"ble:{self._settings.adapter}" if self._settings.adapter else "ble"

    async def watch(self, seen: Callable[[Sighting], None], /) -> None:
        """Scan until cancelled; one caller at a time. Raises RadioUnavailable."""

        def heard(device: BLEDevice, advertisement: AdvertisementData) -> None:
            self._count += 1
            self._remember(device)
            seen(_sighting(device, advertisement))

        while True:
            scanner = await self._scanner(heard)
            try:
                await on_radio(scanner.start())
                await self._silence()
            finally:
                with suppress(RadioUnavailable):
                    await on_radio(scanner.stop())

    async def _scanner(self, heard: Callable[[BLEDevice, AdvertisementData], None]) -> BleakScanner:
        options: dict[str, Any] = {"backend": self._scanner_backend}
        if self._settings.adapter is not None:
            options["bluez"] = {"adapter": await on_radio(adapter_at(self._settings.adapter))}
        return BleakScanner(heard, scanning_mode="active", **options)

    async def _silence(self) -> None:
        while True:
            before = self._count
            await self._pause(SILENCE_S)
            if self._count == before:
                return

    def _remember(self, device: BLEDevice) -> None:
        address = device.address.upper()
        self._heard[address] = device
        self._heard.move_to_end(address)
        if len(self._heard) > NEIGHBOURS:
            self._heard.popitem(last=False)

    def device_id(self, sighting: Sighting, /) -> DeviceId:
        """Name the device by its address: `ble:<address>`, good for ever.

        A rotating address that no bond resolves gives `ble-rotating:<address>`, which names the
        device only until the address changes.
        """
        device = self._heard.get(sighting.address)
        rotating = device is not None and _is_rotating(device)
        return DeviceId(f"{'ble-rotating' if rotating else 'ble'}:{sighting.address}")

    async def open(self, sighting: Sighting, manifest: Manifest, /) -> GattLink:
        """Connect and discover; a bonded device is encrypted by the operating system."""
        device = self._heard.get(sighting.address)
        if device is None:
            raise LinkLost("the device has not been seen since the radio was switched on")
        arrivals = Arrivals(self._clock)
        client = BleakClient(
            device,
            disconnected_callback=lambda _: arrivals.lose("the connection ended"),
            timeout=self._deadlines.connect,
            backend=self._client_backend,
        )
        peer = BleakPeer(client, arrivals)
        try:
            connecting = peer.connect(_is_bonded(device))
            patience = self._deadlines.connect + self._deadlines.request  # bleak also discovers
            characteristics = await within(connecting, patience, "connecting", arrivals.lost)
        except BaseException:
            with suppress(LinkError):
                await within(peer.disconnect(), CLOSE_S, "ending the connection")
            raise
        return GattLink(peer, arrivals, characteristics, self._clock, self._deadlines)


class BleakPeer:
    """One connection of bleak, as `GattLink` uses it."""

    def __init__(self, client: BleakClient, arrivals: Arrivals) -> None:
        self._client = client
        self._arrivals = arrivals

    async def connect(self, bonded: bool) -> list[Characteristic]:
        """Connect and list the characteristics."""
        try:
            await self._client.connect()
            services = self._client.services
        except FAILURES as error:
            if bonded and "br-connection-canceled" in str(error):
                # This is how BlueZ 5.82 says that the other side has lost the bond.
                raise PairingNeeded(
                    "The device does not know the gateway any more: let the gateway forget it and"
                    " pair it again."
                ) from error
            raise link_trouble(error, "connecting") from error
        return [
            Characteristic(
                gatt(service.uuid, it.uuid),
                it.handle,
                "notify" in it.properties,
                "indicate" in it.properties,
            )
            for service in services
            for it in service.characteristics
        ]

    async def read(self, handle: int, /) -> bytes:
        """Read a value."""
        return bytes(await on_link(self._client.read_gatt_char(handle), "reading"))

    async def write(self, handle: int, data: bytes, /, *, acknowledged: bool) -> None:
        """Write a value."""
        await on_link(self._client.write_gatt_char(handle, data, response=acknowledged), "writing")

    async def enable(self, handle: int, /, *, indications: bool) -> None:
        """Subscribe; the operating system chooses between the two. bleak collects first."""

        def arrived(_sender: object, data: bytearray) -> None:
            self._arrivals.arrived(handle, bytes(data))

        await on_link(self._client.start_notify(handle, arrived), "subscribing")

    async def pair(self) -> None:
        """Ask the operating system to pair."""
        try:
            await self._client.pair()
        except FAILURES as error:
            raise PairingNeeded(
                f"Pairing failed ({name_of(error)}):"
                " bring the device into its pairing mode and pair it from the gateway."
            ) from error

    async def disconnect(self) -> None:
        """End the connection."""
        await on_link(self._client.disconnect(), "ending the connection")


def _sighting(device: BLEDevice, advertisement: AdvertisementData) -> Sighting:
    return Sighting(
        address=device.address.upper(),
        reach=Reach.BLE,
        name=advertisement.local_name or device.name,
        services=frozenset(map(short_uuid, advertisement.service_uuids)),
        service_data={short_uuid(u): data for u, data in advertisement.service_data.items()},
        manufacturer_data=dict(advertisement.manufacturer_data),
        rssi_dbm=advertisement.rssi,
    )


def _properties(device: BLEDevice) -> dict[str, Any]:
    details = device.details
    properties = details.get("props", {}) if isinstance(details, dict) else {}
    return dict(properties)


def _is_bonded(device: BLEDevice) -> bool:
    return bool(_properties(device).get("Paired"))


def _is_rotating(device: BLEDevice) -> bool:
    """Whether the address is random and not static; BlueZ shows a bonded device's identity."""
    random = _properties(device).get("AddressType") == "random"
    return random and not _is_bonded(device) and int(device.address[:2], 16) < 0xC0
