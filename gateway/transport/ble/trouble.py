"""What bleak's errors mean: who has to do what before Bluetooth works again."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import TypeVar

from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakCharacteristicNotFoundError,
    BleakDBusError,
    BleakError,
    BleakGATTProtocolError,
)

from gateway.errors import (
    GatewayError,
    LinkLost,
    LinkRefused,
    LinkTimeout,
    PairingNeeded,
    RadioTrouble,
    RadioUnavailable,
)
from gateway.transport.gatt_link import ATTRIBUTE_NOT_FOUND, within

T = TypeVar("T")
INSUFFICIENT_AUTHENTICATION = 0x05
ANSWER_S = 30.0
"""BlueZ answers within a second, and for a while after an adapter was switched on within some.
More than the 25 s that D-Bus itself waits, so that its reason is heard if there is one."""

FAILURES = (BleakError, OSError, EOFError, TimeoutError, AssertionError)
"""What bleak raises; it asserts that its D-Bus connection lives, which ends with the device's."""
_UNAVAILABLE = {
    BleakBluetoothNotAvailableReason.NO_BLUETOOTH: (
        RadioTrouble.NO_ADAPTER,
        "There is no Bluetooth adapter: plug one in.",
    ),
    BleakBluetoothNotAvailableReason.NO_BLE_CENTRAL_ROLE: (
        RadioTrouble.NO_ADAPTER,
        "The Bluetooth adapter is too old for health devices: it needs Bluetooth 4.0.",
    ),
    BleakBluetoothNotAvailableReason.POWERED_OFF: (
        RadioTrouble.POWERED_OFF,
        "The Bluetooth adapter is switched off: `bluetoothctl power on`.",
    ),
    BleakBluetoothNotAvailableReason.UNKNOWN: (
        RadioTrouble.UNKNOWN,
        "Bluetooth is not available, and the system does not say why.",
    ),
}
_DENIED = (
    RadioTrouble.DENIED,
    "The gateway may not use Bluetooth: put its user into the group `bluetooth`.",
)
_NO_SERVICE = (
    RadioTrouble.NO_SERVICE,
    "The Bluetooth service does not run: `systemctl start bluetooth`.",
)
_BUSY = (RadioTrouble.BUSY, "Another program keeps the Bluetooth adapter busy.")
_DBUS_TROUBLES = {
    "org.freedesktop.DBus.Error.ServiceUnknown": _NO_SERVICE,
    "org.freedesktop.DBus.Error.NameHasNoOwner": _NO_SERVICE,
    "org.freedesktop.DBus.Error.NoReply": _NO_SERVICE,
    "org.freedesktop.DBus.Error.AccessDenied": _DENIED,
    "org.bluez.Error.InProgress": _BUSY,
    "org.bluez.Error.NotReady": _UNAVAILABLE[BleakBluetoothNotAvailableReason.POWERED_OFF],
}
_DENIALS = frozenset(f"org.bluez.Error.Authentication{how}" for how in ("Failed", "Rejected"))
_PAIRING_ERRORS = frozenset(
    f"org.bluez.Error.Authentication{how}" for how in ("Failed", "Canceled", "Rejected", "Timeout")
)


async def on_radio(asking: Coroutine[object, object, T], doing: str) -> T:
    """Await bleak on the radio as a whole, at most ANSWER_S; raises RadioUnavailable."""
    try:
        return await within(asking, ANSWER_S, doing)
    except (LinkTimeout, LinkLost) as error:
        raise RadioUnavailable(f"Bluetooth does not {doing}: it does not answer.") from error
    except FAILURES as error:
        raise radio_trouble(error) from error


async def on_link(asking: Awaitable[T], doing: str) -> T:
    """Await bleak on one connection; raises LinkError or PairingNeeded."""
    try:
        return await asking
    except FAILURES as error:
        raise link_trouble(error, doing) from error


def radio_trouble(error: Exception) -> RadioUnavailable:
    """Say why there is no radio, for an error of bleak's while scanning."""
    if isinstance(error, BleakBluetoothNotAvailableError):
        reason, sentence = _UNAVAILABLE.get(error.reason, _DENIED)
    elif isinstance(error, BleakDBusError):
        unknown = (RadioTrouble.UNKNOWN, f"Bluetooth refuses to scan ({error.dbus_error}).")
        reason, sentence = _DBUS_TROUBLES.get(error.dbus_error, unknown)
    elif isinstance(error, PermissionError):
        reason, sentence = _DENIED
    elif isinstance(error, (OSError, EOFError)):
        reason, sentence = _NO_SERVICE
    else:
        reason, sentence = RadioTrouble.UNKNOWN, f"Bluetooth cannot scan ({name_of(error)})."
    return RadioUnavailable(sentence, reason)


def link_trouble(error: Exception, doing: str) -> GatewayError:
    """Say what an error of bleak's on a connection means."""
    if isinstance(error, BleakGATTProtocolError):
        code = int(error.code)
        return LinkRefused(f"{doing} was refused (ATT error {code:#04x})", code)
    if isinstance(error, BleakCharacteristicNotFoundError):
        return LinkRefused(f"{doing}: the device has no such value", ATTRIBUTE_NOT_FOUND)
    if isinstance(error, BleakBluetoothNotAvailableError):
        return radio_trouble(error)
    if isinstance(error, BleakDBusError):
        if error.dbus_error in _PAIRING_ERRORS:
            return PairingNeeded(f"{doing}: the device wants to be paired ({name_of(error)}).")
        if error.dbus_error == "org.bluez.Error.NotPermitted":
            # "Not paired": BlueZ does not pass on which ATT error it was.
            return LinkRefused(f"{doing}: not paired", INSUFFICIENT_AUTHENTICATION)
    if isinstance(error, TimeoutError):
        return LinkTimeout(f"{doing}: no answer")
    return LinkLost(f"the link failed while {doing} ({name_of(error)})")


def is_denial(error: Exception) -> bool:
    """Say whether a pairing was refused. If its device went away, it is `AuthenticationCanceled`.

    Seen with BlueZ 5.82. Where bluetoothd pairs by itself, within a request, it tells neither.
    """
    return isinstance(error, BleakDBusError) and error.dbus_error in _DENIALS


def name_of(error: Exception) -> str:
    """Name an error without its details: BlueZ puts object paths and texts of devices there."""
    return error.dbus_error if isinstance(error, BleakDBusError) else type(error).__name__
