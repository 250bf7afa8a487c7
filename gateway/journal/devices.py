"""Devices as the journal knows them: what they said of themselves, and whether they are adopted."""

from __future__ import annotations

from gateway.domain.device import Device, DeviceId
from gateway.errors import JournalError, Unreadable
from gateway.journal import audit
from gateway.journal.database import Database
from gateway.journal.instants import from_us
from gateway.journal.keys import NOBODY, Keyring
from gateway.journal.views import DeviceView
from gateway.journal.writer import Transaction


def describe(tx: Transaction, device: Device) -> tuple[int, Device]:
    """Keep what is known of the device; return its number here and all that is known by now.

    What it says now replaces what it said before; what it leaves out is kept.
    """
    remembered = tx.memory.devices.get(device.id)
    if remembered is not None and remembered[2] is device:
        return remembered[:2]
    stored = _stored(tx, device.id) if remembered is None else remembered[:2]
    if stored is None:
        number, known = _added(tx, device), device
    else:
        number, known = stored
        if known.id != device.id:  # it was damaged, and has shown itself
            _keep(tx, number, device)
            known = device
        elif known != device:
            merged = known.model_copy(update=device.model_dump(exclude_none=True))
            if merged != known:
                _keep(tx, number, merged)
                known = merged
    tx.memory.devices[device.id] = (number, known, device)
    return number, known


def adopt(tx: Transaction, device: DeviceId, driver: str) -> None:
    """Keep that the owner accepted this device, read by this driver, seen before or not."""
    number, _ = describe(tx, Device(id=device, driver=driver))
    tx.db.run("UPDATE devices SET adopted = 1 WHERE number = ?", (number,))


def disown(tx: Transaction, device: DeviceId) -> None:
    """Keep that the device is ours no more; what it gave stays."""
    tx.db.run("UPDATE devices SET adopted = 0 WHERE number = ?", (number_of(tx, device),))


def pairing_answered(tx: Transaction, device: DeviceId, how: str) -> None:
    """Audit what a person said when the device was being paired; the code is nowhere."""
    audit.append(
        tx, audit.Audited.PAIRING_ANSWERED, {"device": number_of(tx, device), "answer": how}
    )


def bond_forgotten(tx: Transaction, device: DeviceId) -> None:
    """Audit that the bond with the device was dropped."""
    audit.append(tx, audit.Audited.BOND_FORGOTTEN, {"device": number_of(tx, device)})


def number_of(tx: Transaction, device: DeviceId) -> int:
    """Return the device's number; raises JournalError if it was never seen nor adopted."""
    number = find(tx.db, tx.keys, device)
    if number is None:
        raise JournalError(
            "the journal does not know that device: it must be seen or adopted first"
        )
    return number


def find(db: Database, keys: Keyring, device: DeviceId) -> int | None:
    """Return the device's number; None if it was never seen nor adopted."""
    row = db.row("SELECT number FROM devices WHERE id = ?", (keys.device(device),))
    return None if row is None else int(row[0])


def views(db: Database, keys: Keyring) -> list[DeviceView]:
    """Return all devices, in the order they were first seen."""
    return [
        DeviceView(
            number,
            shown(keys, number, details),
            bool(adopted),
            from_us(first_us),
            None if last_us is None else from_us(last_us),
            *counted,
        )
        for number, details, adopted, first_us, last_us, *counted in db.rows(
            "SELECT number, details, adopted, first_seen_us, last_reading_us,"
            " (SELECT count(*) FROM aside WHERE device = d.number), aside_dropped,"
            " (SELECT reason FROM aside WHERE device = d.number ORDER BY number DESC LIMIT 1),"
            " (SELECT count(*) FROM remarks WHERE device = d.number), remarks_dropped,"
            " (SELECT event FROM remarks WHERE device = d.number ORDER BY number DESC LIMIT 1)"
            " FROM devices AS d ORDER BY number"
        )
    ]


def opened(keys: Keyring, number: int, details: bytes) -> Device:
    """Read a device as it is stored, but for what a later gateway added. Raises Unreadable."""
    details = keys.open(NOBODY, details, f"device {number}")
    try:
        return Device.model_validate_json(details, extra="ignore")
    except ValueError:
        raise Unreadable(f"unreadable: this gateway knows nothing like device {number}") from None


def shown(keys: Keyring, number: int, details: bytes) -> Device:
    """Read a device as it is stored; of a damaged one only its number is known."""
    try:
        return opened(keys, number, details)
    except Unreadable:
        return unknown(number)


def unknown(number: int) -> Device:
    """Return a device of which nothing is known."""
    return Device(id=DeviceId(f"unknown:{number}"), driver="unknown")


def keep(tx: Transaction, number: int, device: Device) -> None:
    """Keep what is known of the device with this number, its id included."""
    tx.db.run(
        "UPDATE devices SET id = ?, details = ? WHERE number = ?",
        (tx.keys.device(device.id), sealed(tx.keys, number, device), number),
    )


def sealed(keys: Keyring, number: int, device: Device) -> bytes:
    """Write a device as it is stored."""
    details = device.model_dump_json(exclude_none=True).encode()
    return keys.seal(NOBODY, details, f"device {number}")


def _stored(tx: Transaction, device: DeviceId) -> tuple[int, Device] | None:
    row = tx.db.row("SELECT number, details FROM devices WHERE id = ?", (tx.keys.device(device),))
    if row is None:
        return None
    number, details = row
    return number, shown(tx.keys, number, details)


def _added(tx: Transaction, device: Device) -> int:
    (number,) = tx.db.one(
        "INSERT INTO devices (id, details, first_seen_us) VALUES (?, x'', ?) RETURNING number",
        (tx.keys.device(device.id), tx.now_us),
    )
    _keep(tx, number, device)  # sealed for its number, which is known only now
    return int(number)


def _keep(tx: Transaction, number: int, device: Device) -> None:
    details = sealed(tx.keys, number, device)
    tx.db.run("UPDATE devices SET details = ? WHERE number = ?", (details, number))
