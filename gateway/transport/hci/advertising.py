"""Reads the payload of a Bluetooth advertisement into a sighting. Pure; strangers send these bytes.

    payload: structures, each   length u8 | type u8 | data (length - 1 bytes)

An extended advertisement has up to 1650 bytes, and a controller tells of it in pieces of up to 229.

Spec: Core 5.4, Vol 3, Part C, section 11; types: Assigned Numbers, section 2.3; pieces: Vol 4,
Part E, 7.7.65.13.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from gateway.drivers.api import Reach, Sighting, short_uuid

_UUIDS = {0x02: 2, 0x03: 2, 0x04: 4, 0x05: 4, 0x06: 16, 0x07: 16}
"""Lists of service UUIDs, and how many bytes one UUID has."""
_SERVICE_DATA = {0x16: 2, 0x20: 4, 0x21: 16}
_SHORT_NAME, _NAME, _MANUFACTURER = 0x08, 0x09, 0xFF
_LONGEST = 1650
_UNFINISHED = 64
"""So many advertisements may be in pieces at once; the others of a broken controller are lost."""
_BASE = bytes.fromhex("fb349b5f80000080 00100000")


class Pieces:
    """Puts long advertisements together; pieces of several advertisers may come by turns."""

    def __init__(self) -> None:
        self._begun: dict[Hashable, bytes] = {}

    def whole(self, advertiser: Hashable, piece: bytes, *, more: bool) -> bytes | None:
        """Return the payload that ends with this piece; None if `more` of it is to come."""
        payload = self._begun.pop(advertiser, b"") + piece
        if not more:
            return payload
        if len(payload) <= _LONGEST and len(self._begun) < _UNFINISHED:
            self._begun[advertiser] = payload
        return None

    def begun(self, advertiser: Hashable) -> bool:
        """Say whether pieces of it have come."""
        return advertiser in self._begun


def sighting(address: str, payload: bytes, rssi_dbm: int | None) -> Sighting:
    """Read what can be read; what is cut short or unknown is left out."""
    name: str | None = None
    services: set[str] = set()
    service_data: dict[str, bytes] = {}
    manufacturer_data: dict[int, bytes] = {}
    for kind, data in _structures(payload):
        if kind in _UUIDS:
            size = _UUIDS[kind]
            whole = len(data) - len(data) % size
            services.update(_uuid(data[at : at + size]) for at in range(0, whole, size))
        elif kind in _SERVICE_DATA and len(data) >= _SERVICE_DATA[kind]:
            size = _SERVICE_DATA[kind]
            service_data[_uuid(data[:size])] = data[size:]
        elif kind == _NAME or (kind == _SHORT_NAME and name is None):
            name = data.decode("utf-8", "replace").rstrip("\0")
        elif kind == _MANUFACTURER and len(data) >= 2:
            manufacturer_data[int.from_bytes(data[:2], "little")] = data[2:]
    return Sighting(
        address=address.upper(),
        reach=Reach.BLE,
        name=name,
        services=frozenset(services),
        service_data=service_data,
        manufacturer_data=manufacturer_data,
        rssi_dbm=rssi_dbm,
    )


def _structures(payload: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 1 < len(payload):
        length = payload[at]
        if length == 0 or at + 1 + length > len(payload):
            return
        yield payload[at + 1], payload[at + 2 : at + 1 + length]
        at += 1 + length


def _uuid(little_endian: bytes) -> str:
    full = _BASE + little_endian.ljust(4, b"\0") if len(little_endian) < 16 else little_endian
    digits = full[::-1].hex()
    cuts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return short_uuid("-".join(cuts))
