"""One connection of bleak, as `GattLink` uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bleak import BleakClient
from bleak.backends.service import BleakGATTServiceCollection

from gateway.drivers.api import gatt
from gateway.errors import LinkRefused, PairingNeeded
from gateway.transport.arrivals import Arrivals
from gateway.transport.ble.agent import Agent
from gateway.transport.ble.trouble import FAILURES, is_denial, link_trouble, name_of, on_link
from gateway.transport.gatt_link import WHY_WITHIN_S, Characteristic
from gateway.transport.pairing import BOND_LOST, pairing_failed

T = TypeVar("T")
_UNLIKELY_ERROR = 0x0E


class BleakPeer:
    """One connection of bleak, as `GattLink` uses it."""

    def __init__(
        self,
        client: BleakClient,
        arrivals: Arrivals,
        agent: Agent | None,
        address: str,
        ended: Callable[[], Awaitable[None]] | None = None,
        *,
        bonded: bool,
    ) -> None:
        """`address` is what bluetoothd calls the device; `ended` is awaited after its link."""
        self._client = client
        self._arrivals = arrivals
        self._agent = agent
        self._bonded = bonded
        self._address = address
        self._ended = ended

    async def connect(self) -> list[Characteristic]:
        """Connect and list the characteristics; the device may pair from now on."""
        if self._agent is not None:
            self._agent.admit(self._address)
        try:
            await self._client.connect()
            services = self._client.services
        except FAILURES as error:
            if self._bonded and "br-connection-canceled" in str(error):
                # This is how BlueZ 5.82 says that the other side has lost the bond.
                raise PairingNeeded(BOND_LOST) from error
            raise link_trouble(error, "connecting to the device") from error
        return _listed(services)

    async def discover(self) -> list[Characteristic]:
        """List the characteristics once more; BlueZ looks for new ones when it connects only."""
        return _listed(self._client.services)

    async def read(self, handle: int, /) -> bytes:
        """Read a value."""
        return bytes(await self._asked(self._client.read_gatt_char(handle), "reading a value"))

    async def write(self, handle: int, data: bytes, /, *, acknowledged: bool) -> None:
        """Write a value."""
        writing = self._client.write_gatt_char(handle, data, response=acknowledged)
        await self._asked(writing, "writing a value")

    async def enable(self, handle: int, /, *, indications: bool) -> None:
        """Subscribe; the operating system chooses between the two. bleak collects first."""

        def arrived(_sender: object, data: bytearray) -> None:
            self._arrivals.arrived(handle, bytes(data))

        await self._asked(self._client.start_notify(handle, arrived), "subscribing to a value")

    async def pair(self) -> None:
        """Ask the operating system to pair, once the owner agreed if they are to be asked."""
        if self._agent is not None and not await self._agent.agrees(self._address):
            raise PairingNeeded(self.pairing_problem() or pairing_failed("refused"))
        try:
            await self._client.pair()
        except FAILURES as error:
            if self._agent is not None and is_denial(error):
                self._agent.denied(self._address)
            problem = self.pairing_problem() or pairing_failed(name_of(error))
            raise PairingNeeded(problem) from error

    def pairing_problem(self) -> str | None:
        """Say what became of the code that the device showed, unless all is well."""
        why = self._agent.failure(self._address) if self._agent is not None else None
        return None if why is None else pairing_failed(why)

    async def disconnect(self) -> None:
        """End the connection; the device may no longer pair."""
        try:
            await on_link(self._client.disconnect(), "ending the connection")
        finally:
            if self._agent is not None:
                self._agent.dismiss(self._address)
            if self._ended is not None:
                await self._ended()

    async def _asked(self, asking: Awaitable[T], doing: str) -> T:
        try:
            answer = await on_link(asking, doing)
        except LinkRefused as refusal:
            if refusal.code == _UNLIKELY_ERROR:
                # BlueZ 5.82 answers so, too, what was asked when the connection ended, or when it
                # ended it because the device broke the rules, and says only then that it has.
                await asyncio.wait({self._arrivals.lost}, timeout=WHY_WITHIN_S)
                self._arrivals.check()
            raise
        if self._agent is not None:
            self._agent.worked(self._address)
        return answer


def _listed(services: BleakGATTServiceCollection) -> list[Characteristic]:
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
