"""Bookmarks: how far a driver has read in a device's memory, in the driver's own words.

Those may tell a serial number, a time or the digest of a value that can be guessed, so they are
sealed. One that cannot be opened is none: the driver reads everything again.
"""

from __future__ import annotations

from base64 import b85decode, b85encode

from gateway.domain.device import Device
from gateway.errors import Unreadable
from gateway.journal import devices
from gateway.journal.keys import NOBODY
from gateway.journal.writer import Transaction

_SEALED = "sealed "
"""How those begin that are; a journal of before has others, until it is opened."""


def bookmark(tx: Transaction, device: Device) -> str | None:
    """Return what this driver last set for this device; another driver's bookmark is not its."""
    row = tx.db.row(
        "SELECT device, bookmark FROM bookmarks JOIN devices ON device = number"
        " WHERE id = ? AND driver = ?",
        (tx.keys.device(device.id), device.driver),
    )
    if row is None:
        return None
    number, kept = row
    try:
        sealed = b85decode(kept.removeprefix(_SEALED))
        return tx.keys.open(NOBODY, sealed, _place(number, device.driver)).decode()
    except (Unreadable, ValueError):
        return None


def set_bookmark(tx: Transaction, device: Device, bookmark: str) -> None:
    """Move the bookmark."""
    number, _ = devices.describe(tx, device)
    _keep(tx, number, device.driver, bookmark)


def seal_what_is_not(tx: Transaction) -> None:
    """Seal the bookmarks of a journal of before."""
    for number, driver, kept in tx.db.rows(
        "SELECT device, driver, bookmark FROM bookmarks WHERE bookmark NOT GLOB ?", (f"{_SEALED}*",)
    ):
        _keep(tx, number, driver, kept)


def _keep(tx: Transaction, number: int, driver: str, bookmark: str) -> None:
    sealed = tx.keys.seal(NOBODY, bookmark.encode(), _place(number, driver))
    tx.db.run(
        "INSERT INTO bookmarks (device, driver, bookmark) VALUES (?, ?, ?)"
        " ON CONFLICT (device, driver) DO UPDATE SET bookmark = excluded.bookmark",
        (number, driver, _SEALED + b85encode(sealed).decode()),
    )


def _place(number: int, driver: str) -> str:
    return f"bookmark {number} {driver}"
