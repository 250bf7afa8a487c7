"""What bleak says of a device it heard, as a sighting."""

from __future__ import annotations

from typing import Any

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from gateway.drivers.api import Reach, Sighting, short_uuid


def sighting_of(device: BLEDevice, advertisement: AdvertisementData) -> Sighting:
    """Put what was advertised into a sighting."""
    return Sighting(
        address=device.address.upper(),
        reach=Reach.BLE,
        name=advertisement.local_name or device.name,
        services=frozenset(map(short_uuid, advertisement.service_uuids)),
        service_data={short_uuid(u): data for u, data in advertisement.service_data.items()},
        manufacturer_data=dict(advertisement.manufacturer_data),
        rssi_dbm=advertisement.rssi,
    )


def is_bonded(device: BLEDevice) -> bool:
    """Whether BlueZ has a bond with the device."""
    return bool(_properties(device).get("Paired"))


def is_rotating(device: BLEDevice) -> bool:
    """Whether the address is random and not static; BlueZ shows a bonded device's identity."""
    random = _properties(device).get("AddressType") == "random"
    return random and not is_bonded(device) and int(device.address[:2], 16) < 0xC0


def _properties(device: BLEDevice) -> dict[str, Any]:
    details = device.details
    properties = details.get("props", {}) if isinstance(details, dict) else {}
    return dict(properties)
