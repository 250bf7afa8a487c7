"""Asks BlueZ over D-Bus for what bleak does not tell. The only file that knows dbus-fast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError

from gateway.errors import RadioTrouble, RadioUnavailable

_ADAPTER = "org.bluez.Adapter1"


async def adapter_at(address: str) -> str:
    """Return the name (`hci0`) that the adapter with this address has today.

    Raises RadioUnavailable if there is no such adapter; OSError or EOFError if there is no D-Bus.
    """
    bus = MessageBus(bus_type=BusType.SYSTEM)
    try:
        await bus.connect()
        reply = await bus.call(
            Message(
                destination="org.bluez",
                path="/",
                interface="org.freedesktop.DBus.ObjectManager",
                member="GetManagedObjects",
            )
        )
    except AuthError as error:
        raise RadioUnavailable(
            "The system bus does not let the gateway in: run it as a user it knows.",
            RadioTrouble.DENIED,
        ) from error
    finally:
        bus.disconnect()
    if reply.message_type is MessageType.ERROR:
        raise RadioUnavailable(
            "The Bluetooth service does not run: `systemctl start bluetooth`.",
            RadioTrouble.NO_SERVICE,
        )
    return named(address, reply.body[0])


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
