"""What Bluetooth devices say of themselves: the session steps that all their drivers share.

Everything here is optional on the device's side. Subscribe to the measurements first: some devices
hang up within seconds unless they are asked for them, and what is asked here can wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.domain.reading import ClockSample
from gateway.drivers.api import Channel, Session, gatt
from gateway.errors import DecodeError, LinkError, LinkRefused, PairingNeeded
from gateway.wire.cursor import Cursor
from gateway.wire.gatt_time import date_time

SYSTEM_ID = gatt("180a", "2a23")
BATTERY_LEVEL = gatt("180f", "2a19")
CURRENT_TIME = gatt("1805", "2a2b")

_TEXTS = {
    "manufacturer": gatt("180a", "2a29"),
    "model": gatt("180a", "2a24"),
    "serial": gatt("180a", "2a25"),
    "firmware": gatt("180a", "2a26"),
    "hardware": gatt("180a", "2a27"),
    "software": gatt("180a", "2a28"),
}
_DATE_TIME = "/2a08"
"""Devices without the Current Time Service (A&D) have a Date Time in their measuring service."""


@dataclass(frozen=True, slots=True)
class SystemId:
    """Characteristic 2A23: the maker's part u40, the OUI u24, both least significant first."""

    eui64: str
    """16 hex digits, OUI first."""
    manufacturer_id: str
    oui: str


async def introduce(session: Session) -> None:
    """Read the Device Information and battery level, and tell the session what they say.

    What the device does not offer, refuses or leaves empty stays as it was known. A link that ends
    meanwhile is left for the caller to notice: its subscriptions may still hold frames.
    """
    said = await _read_all(session, {**_TEXTS, "system_id": SYSTEM_ID, "battery": BATTERY_LEVEL})
    facts: dict[str, object] = {name: text(said[name]) for name in _TEXTS if name in said}
    if "system_id" in said:
        facts["system_id"] = _eui64_with_dashes(said["system_id"])
    if "battery" in said:
        facts["battery_percent"] = _percent(said["battery"])
    known = {name: fact for name, fact in facts.items() if fact is not None}
    await session.describe(session.device.model_copy(update=known))


async def read_clock(session: Session) -> ClockSample | None:
    """Read what the device's clock shows now; None if it offers none or shows no time."""
    for channel in sorted(session.link.channels, key=_clock_order):
        if channel != CURRENT_TIME and not channel.endswith(_DATE_TIME):
            continue
        try:
            frame = await session.link.read(channel)
            shown = date_time(Cursor(frame.data))
        except (LinkRefused, DecodeError):
            continue
        except (LinkError, PairingNeeded):
            return None
        if isinstance(shown, datetime):
            return ClockSample(shown=shown, at=frame.received)
    return None


def text(data: bytes) -> str | None:
    """Read a text of the Device Information; None for what devices send instead of one.

    Texts are padded with NULs or blanks; a serial number of zeros only was never given.
    """
    value = data.decode("utf-8", "replace").split("\0")[0].strip()
    return value if value.strip("0") else None


def system_id(data: bytes) -> SystemId:
    """Read a System ID (2A23); raises DecodeError."""
    cursor = Cursor(data)
    maker, oui = cursor.take(5)[::-1], cursor.take(3)[::-1]
    return SystemId((oui + maker).hex().upper(), maker.hex().upper(), oui.hex().upper())


def battery_percent(data: bytes) -> int:
    """Read a Battery Level (2A19); raises DecodeError `out_of_range` above 100."""
    cursor = Cursor(data)
    percent = cursor.u8()
    if percent > 100:
        raise DecodeError("out_of_range", data)
    return percent


async def _read_all(session: Session, wanted: dict[str, Channel]) -> dict[str, bytes]:
    said: dict[str, bytes] = {}
    for name, channel in wanted.items():
        if channel not in session.link.channels:
            continue
        try:
            said[name] = (await session.link.read(channel)).data
        except LinkRefused:
            continue
        except (LinkError, PairingNeeded):
            break  # after a time-out of the attribute protocol nothing more may be asked
    return said


def _clock_order(channel: Channel) -> tuple[bool, str]:
    return channel != CURRENT_TIME, channel


def _eui64_with_dashes(data: bytes) -> str | None:
    try:
        eui64 = system_id(data).eui64
    except DecodeError:
        return None
    if set(eui64) <= {"0"} or set(eui64) <= {"F"}:
        return None
    return "-".join(eui64[at : at + 2] for at in range(0, 16, 2))


def _percent(data: bytes) -> int | None:
    try:
        return battery_percent(data)
    except DecodeError:
        return None
