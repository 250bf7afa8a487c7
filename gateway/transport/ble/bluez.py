"""Asks BlueZ over D-Bus for what bleak does not tell. With `agent` all that knows dbus-fast."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError

from gateway.errors import LinkLost, LinkTimeout, RadioTrouble, RadioUnavailable
from gateway.transport.ble.agent import CAPABILITY, PATH, Agent
from gateway.transport.gatt_link import within

SERVICE = "org.bluez"
_ADAPTER, _DEVICE = "org.bluez.Adapter1", "org.bluez.Device1"
_BUS = "org.freedesktop.DBus"
_ANSWER_S = 10.0
"""bluetoothd answers these in milliseconds. Guess: a small machine that starts up needs seconds."""
_WATCHED = (
    f"type='signal',sender='{_BUS}',member='NameOwnerChanged',arg0='{SERVICE}'",
    f"type='signal',sender='{SERVICE}',member='InterfacesRemoved'",
    f"type='signal',sender='{SERVICE}',member='PropertiesChanged',arg0='{_ADAPTER}'",
)


@asynccontextmanager
async def attended(agent: Agent) -> AsyncIterator[asyncio.Future[RadioTrouble]]:
    """Let the agent answer for every pairing on this machine, as long as the context lasts.

    Gives a future that is done, with the reason, once a scan is worth nothing any more: bluetoothd
    ended, an adapter was unplugged or switched off. A bluetoothd that comes back knows no agent.
    Raises RadioUnavailable.
    """
    gone: asyncio.Future[RadioTrouble] = asyncio.get_running_loop().create_future()

    def hear(message: Message) -> None:
        if (why := _loss(message)) is not None and not gone.done():
            gone.set_result(why)

    async with _system_bus() as bus:
        bus.add_message_handler(hear)
        for rule in _WATCHED:
            await _call(bus, _BUS, "/org/freedesktop/DBus", _BUS, "AddMatch", "s", [rule])
        bus.export(PATH, agent)
        manager = (bus, SERVICE, "/org/bluez", "org.bluez.AgentManager1")
        await _call(*manager, "RegisterAgent", "os", [PATH, CAPABILITY])
        # bleak pairs over a connection of its own, for which bluetoothd asks the default agent.
        await _call(*manager, "RequestDefaultAgent", "o", [PATH])
        yield gone


async def adapter_at(address: str) -> str:
    """Return the name (`hci0`) that the adapter with this address has today.

    Raises RadioUnavailable, also if there is no such adapter.
    """
    async with _system_bus() as bus:
        return named(address, await _objects(bus))


async def has_bond(address: str) -> bool:
    """Say whether a device is paired today; bleak only tells how it was when first heard.

    Raises RadioUnavailable.
    """
    async with _system_bus() as bus:
        devices = await _devices(bus, address)
    return any(device["Paired"].value for device in devices.values())


async def forget(address: str) -> bool:
    """Drop a device with its bond from every adapter; returns whether there was a bond.

    Raises RadioUnavailable.
    """
    async with _system_bus() as bus:
        devices = await _devices(bus, address)
        for path, device in devices.items():
            adapter = device["Adapter"].value
            await _call(bus, SERVICE, adapter, _ADAPTER, "RemoveDevice", "o", [path])
    return any(device["Paired"].value for device in devices.values())


def named(address: str, objects: Mapping[str, Mapping[str, Any]]) -> str:
    """Find the adapter among BlueZ's objects. Raises RadioUnavailable that lists what there is."""
    adapters = {
        interfaces[_ADAPTER]["Address"].value.upper(): path.rpartition("/")[2]
        for path, interfaces in objects.items()
        if _ADAPTER in interfaces
    }
    try:
        return adapters[address.upper()]
    except KeyError:
        there = ", ".join(sorted(adapters)) or "none"
        raise RadioUnavailable(
            f"There is no Bluetooth adapter {address}; those there are: {there}.",
            RadioTrouble.NO_ADAPTER,
        ) from None


def _loss(message: Message) -> RadioTrouble | None:
    body = message.body
    match message.member:
        case "NameOwnerChanged" if body[0] == SERVICE:
            return RadioTrouble.NO_SERVICE
        case "InterfacesRemoved" if _ADAPTER in body[1]:
            return RadioTrouble.NO_ADAPTER
        case "PropertiesChanged" if body[0] == _ADAPTER and "Powered" in body[1]:
            return None if body[1]["Powered"].value else RadioTrouble.POWERED_OFF
    return None


@asynccontextmanager
async def _system_bus() -> AsyncIterator[MessageBus]:
    bus = MessageBus(bus_type=BusType.SYSTEM)
    try:
        await _connect(bus)
        yield bus
    finally:
        bus.disconnect()


async def _connect(bus: MessageBus) -> None:
    try:
        await within(bus.connect(), _ANSWER_S, "connecting to the system bus")
    except AuthError as error:
        raise RadioUnavailable(
            "The system bus does not let the gateway in: run it as a user it knows.",
            RadioTrouble.DENIED,
        ) from error
    except (LinkTimeout, LinkLost, OSError, EOFError) as error:
        raise _no_service() from error


async def _objects(bus: MessageBus) -> dict[str, dict[str, Any]]:
    interface = f"{_BUS}.ObjectManager"
    reply = await _call(bus, SERVICE, "/", interface, "GetManagedObjects", "", [])
    objects: dict[str, dict[str, Any]] = reply[0]
    return objects


async def _devices(bus: MessageBus, address: str) -> dict[str, dict[str, Any]]:
    """Return the properties of the device by object path, one for each adapter that knows it."""
    return {
        path: interfaces[_DEVICE]
        for path, interfaces in (await _objects(bus)).items()
        if _DEVICE in interfaces and interfaces[_DEVICE]["Address"].value.upper() == address.upper()
    }


async def _call(
    bus: MessageBus,
    destination: str,
    path: str,
    interface: str,
    member: str,
    signature: str,
    body: list[Any],
) -> list[Any]:
    message = Message(
        destination=destination,
        path=path,
        interface=interface,
        member=member,
        signature=signature,
        body=body,
    )
    try:
        reply = await within(bus.call(message), _ANSWER_S, f"asking for {member}")
    except (LinkTimeout, LinkLost, OSError, EOFError) as error:
        raise _no_service() from error
    if reply.message_type is not MessageType.ERROR:
        return list(reply.body)
    if reply.error_name == f"{_BUS}.Error.AccessDenied":
        raise RadioUnavailable(
            "The gateway may not use Bluetooth: put its user into the group `bluetooth`.",
            RadioTrouble.DENIED,
        )
    raise _no_service()


def _no_service() -> RadioUnavailable:
    return RadioUnavailable(
        "The Bluetooth service does not run: `systemctl start bluetooth`.",
        RadioTrouble.NO_SERVICE,
    )
