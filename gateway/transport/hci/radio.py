"""A Bluetooth host in this process, on a bare controller: switched on, scanning, begun anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from bumble import hci
from bumble.device import Device, DeviceConfiguration
from bumble.keys import PairingKeys
from bumble.transport import open_transport

from gateway.drivers.api import Sighting
from gateway.errors import LinkError, LinkTimeout, RadioUnavailable
from gateway.transport.arrivals import Arrivals
from gateway.transport.gatt_link import CLOSE_S, Deadlines, within
from gateway.transport.hci.advertising import Pieces, sighting
from gateway.transport.hci.bonds import Bonds
from gateway.transport.hci.connecting import Connecting, quietly
from gateway.transport.hci.pairing import pairing_rules, sessions_of
from gateway.transport.hci.peer import FAILURES, BumblePeer
from gateway.transport.hci.trouble import as_radio_trouble
from gateway.transport.pairing import Interview
from gateway.transport.rotating_names import RotatingNames

SILENCE_S = 10.0
"""Somewhere near a device advertises every few seconds. After so long without any, the controller
is asked whether it still answers, which disturbs nothing."""
ANSWER_S = 5.0
"""It answers that within milliseconds, also while it is busy with its links. Guess."""
SCAN_ANEW_EVERY = 6
"""After so many silences in a row the scan is begun anew: a cheap controller may have forgotten
it."""
ANEW_EVERY = 5
"""After so many new scans it is begun anew itself, and first after two: some load firmware then."""
POWER_ON_S = 10.0
"""A controller answers within milliseconds; a USB dongle that loads its firmware, in seconds."""
STRANGERS = 1024
"""bumble keeps the last advertisement of every address; neighbours' addresses change for ever."""
_RSSI_UNKNOWN = 127


@dataclass(frozen=True, slots=True)
class Heard:
    """An advertisement, and what bumble needs to connect to who sent it."""

    sighting: Sighting
    address: Any
    rotating: bool
    """The address changes and no bond tells whose it is."""


class Radio:
    """A controller that is switched on."""

    def __init__(
        self, device: Any, port: Any, peer_of: Callable[..., BumblePeer], deadlines: Deadlines
    ) -> None:
        self._device = device
        self._port = port
        self._failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        mute = partial(self._fail, "does not answer any more")
        self._connecting = Connecting(device, deadlines, peer_of, mute)
        self._heard = 0
        device.host.on_hci_hardware_error_event = lambda _: self._fail("reports a fault of its own")

    async def scan(
        self, heard: Callable[[Heard], None], pause: Callable[[float], Awaitable[None]]
    ) -> None:
        """Scan actively until the controller is gone; `heard` is called for every advertisement.

        Raises RadioUnavailable if the controller is there and does not answer.
        """
        pieces = Pieces()

        def on_advertisement(advertisement: Any) -> None:
            self._heard += 1
            if len(self._device.advertisement_accumulators) > STRANGERS:
                self._device.advertisement_accumulators.clear()
            if (payload := _payload(advertisement, pieces)) is not None:
                heard(self._read(advertisement, payload))

        self._device.on("advertisement", on_advertisement)
        with as_radio_trouble():
            await self._start_scanning()
        gone = self._port.source.terminated
        silent = 0
        while not gone.done():
            before = self._heard
            pausing = asyncio.ensure_future(pause(SILENCE_S))
            try:
                waits = {pausing, gone, self._failed}
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                pausing.cancel()
            silent = 0 if self._heard != before else silent + 1
            if silent and not gone.done() and not self._failed.done():
                await self._ask()
            if self._failed.done():
                raise RadioUnavailable(
                    f"The Bluetooth controller {self._failed.result()}. It is begun anew; if that"
                    " does not help, unplug it and plug it in again."
                )
            scans, no = divmod(silent, SCAN_ANEW_EVERY)
            if scans and not no and not gone.done() and not self._connecting.turn.locked():
                await self._end_silence(scans)

    async def _ask(self) -> None:
        """Ask the controller something, twice if need be; note that it failed if it is silent.

        At the first time it may be this process that was held up.
        """
        for _ in range(2):
            question = self._device.send_sync_command(hci.HCI_Read_BD_ADDR_Command())
            with suppress(LinkTimeout):
                with suppress(*FAILURES):  # any answer is one
                    await within(question, ANSWER_S, "asking the controller")
                return
        self._fail("does not answer any more")

    def _fail(self, why: str) -> None:
        if not self._failed.done():
            self._failed.set_result(why)

    async def _end_silence(self, rounds: int) -> None:
        """Scan anew; if that did not help the last time, begin with the controller itself.

        One that lost its power for a moment has forgotten what we want to hear, and our links.
        """
        with as_radio_trouble():
            if rounds % ANEW_EVERY == 2 and not await self._holds_a_link():
                async with self._connecting.turn:
                    await within(self._device.power_on(), POWER_ON_S, "switching it on anew")
                    self._device.host.connections.clear()
                    await self._start_scanning()
                return
            # A controller that refuses is busy with its links, and is left so.
            with suppress(hci.HCI_Error):
                await within(self._device.stop_scanning(), POWER_ON_S, "ending the scan")
                await self._start_scanning()

    async def _start_scanning(self) -> None:
        await within(self._device.start_scanning(active=True), POWER_ON_S, "starting to scan")

    async def _holds_a_link(self) -> bool:
        """Ask whether the controller still has any of the connections that we think it has."""
        for connection in list(self._device.connections.values()):
            asking = self._device.get_connection_rssi(connection)
            try:
                await within(asking, POWER_ON_S, "asking after a connection")
            except hci.HCI_Error as error:
                if error.error_code == hci.HCI_UNKNOWN_CONNECTION_IDENTIFIER_ERROR:
                    continue
            return True
        return False

    def _read(self, advertisement: Any, payload: bytes) -> Heard:
        address = advertisement.address
        rotating = address.is_random and not address.is_static and not address.is_resolved
        known_as = address
        if address.is_resolvable and (known := self._device.address_resolver.resolve(address)):
            known_as, rotating = known, False
        rssi = None if advertisement.rssi == _RSSI_UNKNOWN else advertisement.rssi
        seen = sighting(known_as.to_string(False), payload, rssi)
        return Heard(seen, address, rotating)

    async def connect(self, address: Any, arrivals: Arrivals) -> tuple[BumblePeer, Any]:
        """Connect and encrypt with the bond if there is one; describe the device's attributes."""
        peer = await self._connecting.connect(address, arrivals)
        try:
            await peer.encrypt_if_bonded()
            return peer, await peer.discover()
        except BaseException:
            with suppress(LinkError):
                await within(peer.disconnect(), CLOSE_S, "ending the connection")
            raise

    async def close(self) -> None:
        """End every connection and let go of the controller; never raises."""
        if not self._port.source.terminated.done() and not self._failed.done():
            links = list(self._device.connections.values())
            await asyncio.gather(*(quietly(link.disconnect()) for link in links))
            with suppress(LinkError, *FAILURES):
                # What it still does for us (scan, a pending connection) ends with the reset.
                reset = self._device.send_sync_command(hci.HCI_Reset_Command())
                await within(reset, CLOSE_S, "resetting the controller")
        self._device.on_flush()
        with suppress(LinkError, *FAILURES):
            await within(self._port.close(), CLOSE_S, "letting go of the controller")


@asynccontextmanager
async def powered(
    url: str,
    bonds: Bonds,
    names: RotatingNames,
    address: str | None,
    deadlines: Deadlines,
    interview: Interview,
) -> AsyncIterator[Radio]:
    """Switch the controller on, and off at the end. Raises RadioUnavailable."""
    with as_radio_trouble():
        port = await within(open_transport(url), POWER_ON_S, f"opening {url}")
    config = DeviceConfiguration(
        name="gateway",
        address=hci.Address(address or bonds.address),
        irk=bonds.irk,
        identity_address_type=hci.Address.RANDOM_DEVICE_ADDRESS,
    )
    device = Device.from_config_with_hci(config, port.source, port.sink)
    device.keystore = _KeyStore(bonds)
    device.pairing_config_factory = pairing_rules(interview)
    device.smp_session_proxy = sessions_of(bonds, names, interview)
    peer_of = partial(
        BumblePeer, bonds=bonds, names=names, deadlines=deadlines, interview=interview
    )
    radio = Radio(device, port, peer_of, deadlines)
    try:
        with as_radio_trouble():
            await within(device.power_on(), POWER_ON_S, "switching the controller on")
        yield radio
    finally:
        await radio.close()


def _payload(advertisement: Any, pieces: Pieces) -> bytes | None:
    """Return what is advertised, once all of it has come; with its scan response if it has one."""
    more = not (advertisement.is_complete or advertisement.is_truncated)
    advertiser = advertisement.address, advertisement.sid
    if more or pieces.begun(advertiser):
        return pieces.whole(advertiser, advertisement.data_bytes, more=more)
    return bytes(advertisement.data)


class _KeyStore:
    """The bonds, as bumble asks for them."""

    def __init__(self, bonds: Bonds) -> None:
        self._bonds = bonds

    async def get(self, address: str) -> Any:
        keys = self._bonds.get(address)
        return None if keys is None else PairingKeys.from_dict(keys)

    async def update(self, address: str, keys: Any) -> None:
        await asyncio.to_thread(self._bonds.put, address, keys.to_dict())

    async def get_resolving_keys(self) -> list[tuple[bytes, Any]]:
        pairs = [(address, PairingKeys.from_dict(keys)) for address, keys in self._bonds.all()]
        return [
            (keys.irk.value, hci.Address(address, keys.address_type))
            for address, keys in pairs
            if keys.irk is not None
        ]
