"""A small collector over bumble, for tests: connect, read, write, subscribe, wait for values."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Self

from bumble import hci
from bumble.core import UUID
from bumble.device import Peer
from bumble.gatt import Characteristic
from firmware_sims.peripheral import VirtualDevice
from firmware_sims.radio import VirtualRadio

PATIENCE_S = 60
"""Longer than any device waits for anything by itself."""


class Collector:
    """One link from a central to a virtual device."""

    def __init__(self, central: Any, address: str) -> None:
        self._central = central
        self._address = address
        self.values: dict[int | str, list[bytes]] = {}
        self.lost = asyncio.Event()
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.link = await self._central.connect(hci.Address(self._address), timeout=PATIENCE_S)
        self.link.on("disconnection", lambda _reason: self._on_lost())
        self._peer = Peer(self.link)
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self.lost.is_set():
            await self.link.disconnect()

    async def grow(self, mtu: int) -> None:
        await self._peer.request_mtu(mtu)

    async def discover(self) -> list[int]:
        await self._peer.discover_all()
        return [_short(service.uuid) for service in self._peer.services]

    def find(self, service: int | str, characteristic: int | str) -> Any:
        """Return a characteristic of a service: numbers are 16-bit UUIDs, texts any other."""
        for offered in self._peer.services:
            if offered.uuid == _uuid(service):
                for candidate in offered.characteristics:
                    if candidate.uuid == _uuid(characteristic):
                        return candidate
        raise LookupError(f"{service}/{characteristic}")

    async def read(self, service: int | str, characteristic: int | str) -> bytes:
        return bytes(await self.find(service, characteristic).read_value())

    async def write(self, service: int | str, characteristic: int | str, value: bytes) -> None:
        await self.find(service, characteristic).write_value(value, with_response=True)

    async def subscribe(self, service: int | str, characteristic: int | str) -> None:
        values = self.values.setdefault(characteristic, [])

        def on_value(value: bytes) -> None:
            values.append(bytes(value))
            self._news.set()

        found = self.find(service, characteristic)
        notifies = bool(found.properties & Characteristic.Properties.NOTIFY)
        await found.subscribe(on_value, prefer_notify=notifies)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def received(self, characteristic: int | str, count: int) -> Sequence[bytes]:
        values = self.values[characteristic]
        await self.until(lambda: len(values) >= count)
        return values

    async def told(
        self, service: int | str, characteristic: int | str, count: int
    ) -> Sequence[bytes]:
        """Subscribe, and wait for so many values."""
        await self.subscribe(service, characteristic)
        return await self.received(characteristic, count)

    async def until_lost(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self.lost.wait()

    def _on_lost(self) -> None:
        self.lost.set()
        self._news.set()


@contextlib.asynccontextmanager
async def discovered(
    device: VirtualDevice, kind: type[Collector] = Collector
) -> AsyncIterator[Collector]:
    """Put a device on a radio of its own, link with it, and find out what it offers."""
    async with VirtualRadio() as radio:
        await radio.add(device)
        async with kind(await radio.central(), device.identity.address) as collector:
            await collector.discover()
            yield collector


def _uuid(uuid: int | str) -> UUID:
    return UUID(uuid) if isinstance(uuid, str) else UUID.from_16_bits(uuid)


def _short(uuid: Any) -> int:
    return int(uuid.to_hex_str()[:4], 16)
