"""Bookmarks: how far a driver has read in a device's memory, in the driver's own words."""

from __future__ import annotations

from gateway.domain.device import Device
from gateway.journal import devices
from gateway.journal.writer import Transaction


def bookmark(tx: Transaction, device: Device) -> str | None:
    """Return what this driver last set for this device; another driver's bookmark is not its."""
    row = tx.db.row(
        "SELECT bookmark FROM bookmarks JOIN devices ON device = number"
        " WHERE id = ? AND driver = ?",
        (tx.keys.device(device.id), device.driver),
    )
    return None if row is None else str(row[0])


def set_bookmark(tx: Transaction, device: Device, bookmark: str) -> None:
    """Move the bookmark."""
    number, _ = devices.describe(tx, device)
    tx.db.run(
        "INSERT INTO bookmarks (device, driver, bookmark) VALUES (?, ?, ?)"
        " ON CONFLICT (device, driver) DO UPDATE SET bookmark = excluded.bookmark",
        (number, device.driver, bookmark),
    )
