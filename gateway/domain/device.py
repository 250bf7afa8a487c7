"""Devices: physical things that measure, whose clock we do not trust."""

from __future__ import annotations

import re
from typing import NewType

from gateway.domain.value import Value

DeviceId = NewType("DeviceId", str)
"""What names one physical device for good: `ble:AA:BB:CC:DD:EE:FF`, `serial:counter-cuff`.

Given by the transport from what does not change: an identity address, a configured port's name.
"""


OVER_THE_AIR = ("ble:", "ble-rotating:")
"""How the ids of devices begin that are read only because they were adopted."""
_BLUETOOTH = re.compile(r"(?:(ble|ble-rotating):)?([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5})")
_OTHERS = re.compile(r"(?:serial|hid|usb):.+")


def device_named(said: str) -> DeviceId | None:
    """Return the id of the device that a person means by an id, or by a Bluetooth address alone.

    Upper case or lower is all the same in an address. None if no transport names a device so.
    """
    found = _BLUETOOTH.fullmatch(said)
    if found is not None:
        return DeviceId(f"{found[1] or 'ble'}:{found[2].upper()}")
    return DeviceId(said) if _OTHERS.fullmatch(said) else None


def device_meant(said: str) -> DeviceId:
    """Return the id of the device that is meant: the text itself where no transport names so."""
    return device_named(said) or DeviceId(said)


class Device(Value):
    """What is known of a device; all but `id` and `driver` is what it says of itself.

    `system_id` is an EUI-64 in upper-case hex with dashes (Bluetooth 0x2A23 turned OUI first).
    `address` is a Bluetooth address only if it is public or static, never a rotating one.
    """

    id: DeviceId
    driver: str
    name: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    serial: str | None = None
    firmware: str | None = None
    hardware: str | None = None
    software: str | None = None
    system_id: str | None = None
    address: str | None = None
    battery_percent: int | None = None
