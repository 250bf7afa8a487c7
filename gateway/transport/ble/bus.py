"""The system bus, on which bluetoothd is asked what bleak does not tell."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError

from gateway.errors import LinkLost, LinkTimeout, RadioTrouble, RadioUnavailable
from gateway.transport.gatt_link import within

SERVICE = "org.bluez"
ADAPTER, DEVICE = "org.bluez.Adapter1", "org.bluez.Device1"
BUS = "org.freedesktop.DBus"
_ANSWER_S = 10.0
"""bluetoothd answers these in milliseconds. Guess: a small machine that starts up needs seconds."""


@asynccontextmanager
async def system_bus() -> AsyncIterator[MessageBus]:
    """Connect for as long as the context lasts. Raises RadioUnavailable."""
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
        raise no_service() from error


async def objects(bus: MessageBus) -> dict[str, dict[str, Any]]:
    """Return the properties of all that BlueZ knows, by path and interface."""
    interface = f"{BUS}.ObjectManager"
    reply = await call(bus, SERVICE, "/", interface, "GetManagedObjects", "", [])
    found: dict[str, dict[str, Any]] = reply[0]
    return found


async def call(
    bus: MessageBus,
    destination: str,
    path: str,
    interface: str,
    member: str,
    signature: str,
    body: list[Any],
) -> list[Any]:
    """Call a method; what bluetoothd refuses counts as no service. Raises RadioUnavailable."""
    message = Message(
        destination=destination,
        path=path,
        interface=interface,
        member=member,
        signature=signature,
        body=body,
    )
    if not bus.connected:  # dbus-fast would write to whatever has its file descriptor by now
        raise no_service()
    try:
        reply = await within(bus.call(message), _ANSWER_S, f"asking for {member}")
    except (LinkTimeout, LinkLost, OSError, EOFError) as error:
        raise no_service() from error
    if reply.message_type is not MessageType.ERROR:
        return list(reply.body)
    if reply.error_name == f"{BUS}.Error.AccessDenied":
        raise RadioUnavailable(
            "The gateway may not use Bluetooth: put its user into the group `bluetooth`.",
            RadioTrouble.DENIED,
        )
    raise no_service()


def no_service() -> RadioUnavailable:
    """Make the error for a bluetoothd that does not answer."""
    return RadioUnavailable(
        "The Bluetooth service does not run: `systemctl start bluetooth`.",
        RadioTrouble.NO_SERVICE,
    )
