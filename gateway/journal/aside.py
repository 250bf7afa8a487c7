"""Frames set aside because no driver could read them, and remarks: events that are no reading.

Both are bounded for each device; where the oldest makes room it is counted.
"""

from __future__ import annotations

import json

from gateway.domain.device import Device
from gateway.drivers.api import Frame
from gateway.drivers.device_clock import CLOCK_SET
from gateway.errors import DecodeError
from gateway.journal import clocks, devices
from gateway.journal.database import Database
from gateway.journal.instants import from_us
from gateway.journal.keys import NOBODY, Keyring
from gateway.journal.views import Remark
from gateway.journal.writer import Transaction

KEPT = 500
"""Per device and table. A frame is some 20 to 500 bytes, so a device gone mad fills 250 kB."""


def set_aside(tx: Transaction, device: Device, frame: Frame, error: DecodeError) -> None:
    """Keep a frame that could not be read, with the driver that tried and what it objected to."""
    number, _ = devices.describe(tx, device)
    tx.db.run(
        "INSERT INTO aside (device, driver, reason, byte_offset, recorded_us, payload)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            number,
            device.driver,
            error.reason,
            error.offset,
            tx.now_us,
            _sealed(tx, "aside", number, frame),
        ),
    )
    _make_room(tx, "aside", number)


def remark(tx: Transaction, device: Device, event: str, frame: Frame | None) -> None:
    """Keep an event, with the frame that told of it if there is one."""
    number, _ = devices.describe(tx, device)
    payload = None if frame is None else _sealed(tx, "remark", number, frame)
    tx.db.run(
        "INSERT INTO remarks (device, event, recorded_us, payload) VALUES (?, ?, ?, ?)",
        (number, event, tx.now_us, payload),
    )
    _make_room(tx, "remarks", number)
    if event == CLOCK_SET:
        clocks.note_set(tx, number)


def remarks(db: Database, keys: Keyring, limit: int) -> list[Remark]:
    """Return the latest remarks, the newest first."""
    return [
        Remark(devices.shown(keys, number, details).id, event, from_us(recorded_us))
        for number, details, event, recorded_us in db.rows(
            "SELECT d.number, details, event, recorded_us FROM remarks AS r"
            " JOIN devices AS d ON d.number = r.device ORDER BY r.number DESC LIMIT ?",
            (limit,),
        )
    ]


def _make_room(tx: Transaction, table: str, device: int) -> None:
    dropped = tx.db.run(
        f"DELETE FROM {table} WHERE device = ?1 AND number <= (SELECT number FROM {table}"  # noqa: S608
        " WHERE device = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
        (device, KEPT),
    )
    if dropped:
        tx.db.run(
            f"UPDATE devices SET {table}_dropped = {table}_dropped + ? WHERE number = ?",  # noqa: S608
            (dropped, device),
        )


def _sealed(tx: Transaction, what: str, device: int, frame: Frame) -> bytes:
    return tx.keys.seal(NOBODY, _dump(frame), f"{what} {device} {tx.now_us}")


def _dump(frame: Frame) -> bytes:
    return json.dumps(
        {
            "channel": frame.channel,
            "hex": frame.data.hex(),
            "utc": frame.received.utc.isoformat(),
            "monotonic": frame.received.monotonic,
            "boot_id": frame.received.boot_id,
        }
    ).encode()
