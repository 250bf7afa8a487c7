"""What bleak says of a device it heard: who it is, and what it advertises."""

from __future__ import annotations

from dataclasses import dataclass

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from gateway.drivers.api import Reach, Sighting, short_uuid


@dataclass(frozen=True, slots=True)
class Heard:
    """A device as it was heard; what only BlueZ tells is false, and `path` empty, elsewhere."""

    device: BLEDevice
    """For connecting. bleak makes it once in a scan, so what it says of itself may be old."""
    path: str
    address: str
    """Its identity address, where a bond tells it; else the one that it has now."""
    first: str
    """The address that bluetoothd, while it runs, names it by: of before it was paired."""
    bonded: bool
    rotating: bool
    """The address is random and not static, and no bond tells whose it is."""


def heard_as(device: BLEDevice, advertisement: AdvertisementData) -> Heard:
    """Put together who was heard."""
    match advertisement.platform_data:
        case (str() as path, dict() as properties):
            address = str(properties["Address"]).upper()
        case _:
            path, properties, address = "", {}, device.address.upper()
    bonded = bool(properties.get("Paired"))
    random = properties.get("AddressType") == "random"
    return Heard(
        device=device,
        path=path,
        address=address,
        first=path.rpartition("/dev_")[2].replace("_", ":").upper() or address,
        bonded=bonded,
        rotating=random and not bonded and int(address[:2], 16) < 0xC0,
    )


def sighting_of(heard: Heard, advertisement: AdvertisementData) -> Sighting:
    """Put what was advertised into a sighting."""
    return Sighting(
        address=heard.address,
        reach=Reach.BLE,
        name=advertisement.local_name or heard.device.name,
        services=frozenset(map(short_uuid, advertisement.service_uuids)),
        service_data={short_uuid(u): data for u, data in advertisement.service_data.items()},
        manufacturer_data=dict(advertisement.manufacturer_data),
        rssi_dbm=advertisement.rssi,
    )
