"""Attends to bluetoothd while the gateway runs, and asks it about the bonds it keeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from dbus_fast import Message
from dbus_fast.aio import MessageBus

from gateway.errors import RadioTrouble
from gateway.transport.ble.agent import CAPABILITY, PATH, Agent
from gateway.transport.ble.bus import ADAPTER, BUS, DEVICE, SERVICE, call, objects, system_bus

_WATCHED = (
    f"type='signal',sender='{BUS}',member='NameOwnerChanged',arg0='{SERVICE}'",
    f"type='signal',sender='{SERVICE}',member='InterfacesRemoved'",
    f"type='signal',sender='{SERVICE}',member='PropertiesChanged',arg0='{ADAPTER}'",
)


@dataclass(frozen=True, slots=True)
class Attendance:
    """That an agent of ours is known to bluetoothd."""

    gone: asyncio.Future[RadioTrouble]
    """Done, with the reason, once a scan is worth nothing any more: bluetoothd ended, the system
    bus did, an adapter was unplugged or switched off. A bluetoothd that comes back knows no agent.
    """
    claim: Callable[[], Awaitable[object]]
    """Makes ours the default agent again: another program's is, if it came later. Raises
    RadioUnavailable."""


@asynccontextmanager
async def attended(agent: Agent) -> AsyncIterator[Attendance]:
    """Let the agent answer for every pairing on this machine, as long as the context lasts.

    Raises RadioUnavailable.
    """
    gone: asyncio.Future[RadioTrouble] = asyncio.get_running_loop().create_future()

    def lose(why: RadioTrouble) -> None:
        if not gone.done():
            gone.set_result(why)

    def hear(message: Message) -> None:
        if (why := _loss(message)) is not None:
            lose(why)

    def end(ended: asyncio.Future[None]) -> None:
        if not ended.cancelled():
            ended.exception()  # why, which nobody asks
            lose(RadioTrouble.NO_SERVICE)

    async with system_bus() as bus:
        bus.add_message_handler(hear)
        ending = asyncio.ensure_future(bus.wait_for_disconnect())  # type: ignore[no-untyped-call]
        ending.add_done_callback(end)
        for rule in _WATCHED:
            await call(bus, BUS, "/org/freedesktop/DBus", BUS, "AddMatch", "s", [rule])
        bus.export(PATH, agent)
        manager = (bus, SERVICE, "/org/bluez", "org.bluez.AgentManager1")
        await call(*manager, "RegisterAgent", "os", [PATH, CAPABILITY])
        # bleak pairs over a connection of its own, for which bluetoothd asks the default agent.

        async def claim() -> None:
            await call(*manager, "RequestDefaultAgent", "o", [PATH])

        try:
            await claim()
            yield Attendance(gone, claim)
        finally:
            ending.remove_done_callback(end)


async def bond_with(path: str) -> str | None:
    """Return the identity address of a device that is paired now; None if it is not.

    Raises RadioUnavailable.
    """
    async with system_bus() as bus:
        device = (await objects(bus)).get(path, {}).get(DEVICE)
    return str(device["Address"].value).upper() if device and device["Paired"].value else None


async def forget(address: str) -> bool:
    """Drop a device with its bond from every adapter; returns whether there was a bond.

    Raises RadioUnavailable.
    """
    async with system_bus() as bus:
        devices = await _devices(bus, address)
        for path, device in devices.items():
            adapter = device["Adapter"].value
            await call(bus, SERVICE, adapter, ADAPTER, "RemoveDevice", "o", [path])
    return any(device["Paired"].value for device in devices.values())


def _loss(message: Message) -> RadioTrouble | None:
    body = message.body
    match message.member:
        case "NameOwnerChanged" if body[0] == SERVICE:
            return RadioTrouble.NO_SERVICE
        case "InterfacesRemoved" if ADAPTER in body[1]:
            return RadioTrouble.NO_ADAPTER
        case "PropertiesChanged" if body[0] == ADAPTER and "Powered" in body[1]:
            return None if body[1]["Powered"].value else RadioTrouble.POWERED_OFF
    return None


async def _devices(bus: MessageBus, address: str) -> dict[str, dict[str, Any]]:
    """Return the properties of the device by object path, one for each adapter that knows it."""
    return {
        path: interfaces[DEVICE]
        for path, interfaces in (await objects(bus)).items()
        if DEVICE in interfaces and interfaces[DEVICE]["Address"].value.upper() == address.upper()
    }
