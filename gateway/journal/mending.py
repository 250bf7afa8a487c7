"""What damage leaves to be made whole, at every start: keys, devices, what was taken back."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from gateway.consent.grant import Grant, Withdrawal, living
from gateway.domain.device import Device
from gateway.errors import Unreadable
from gateway.journal import bookmarks, devices, entry_rows, erasing, ledger, outbox
from gateway.journal.instants import from_us
from gateway.journal.taken_back import TakenBack
from gateway.journal.writer import Transaction

_AGAIN = "-again"

_log = logging.getLogger(__name__)


def mend(tx: Transaction, told: Sequence[TakenBack]) -> None:
    """Make whole what can be. `told` is what is kept beside the database, in order."""
    tx.keys.mend()
    bookmarks.seal_what_is_not(tx)
    _mend_devices(tx)
    _erase_again(tx, told)
    last = {(each.subject, each.destination): each for each in told if each.destination}
    missing = [each for each in last.values() if _is_missing(tx, each)]
    for each in missing:
        _withdraw_again(tx, each)
    if missing:
        _log.error("withdrawals that were damaged in the ledger: %d, recorded again", len(missing))


def _erase_again(tx: Transaction, told: Sequence[TakenBack]) -> None:
    """Erase whoever was erased and is there: that it was may have been lost with a log's end."""
    people = {row[0] for row in tx.db.rows("SELECT id FROM subjects")}
    back = sorted({each.subject for each in told if each.destination is None} & people)
    for subject in back:
        erasing.erase(tx, subject)
    if back:
        _log.error("people who were back after they had been erased: %d, erased again", len(back))


def _mend_devices(tx: Transaction) -> None:
    """Learn from its readings which device it was whose row is damaged."""
    for number, details in tx.db.rows("SELECT number, details FROM devices"):
        try:
            devices.opened(tx.keys, number, details)
        except Unreadable:
            devices.keep(tx, number, _by_its_readings(tx, number))
            _log.error("device %d was damaged: what it said of itself is asked for again", number)


def _by_its_readings(tx: Transaction, number: int) -> Device:
    driver = tx.db.row("SELECT driver FROM bookmarks WHERE device = ?", (number,))
    for (entry,) in tx.db.rows("SELECT number FROM entries WHERE device = ? LIMIT 9", (number,)):
        try:
            said = entry_rows.stored(tx.db, tx.keys, entry).device
        except Unreadable:
            continue
        return Device(id=said, driver="unknown" if driver is None else driver[0])
    return devices.unknown(number)


def _is_missing(tx: Transaction, told: TakenBack) -> bool:
    """Tell whether a grant lives that this withdrawal ended, because its row is gone."""
    if tx.db.row("SELECT 1 FROM subjects WHERE id = ?", (told.subject,)) is None:
        return False
    entries = ledger.numbered(tx.db, tx.keys, told.subject, told.destination or "")
    if any(entry.id in (told.id, told.id + _AGAIN) for _, entry in entries):
        return False
    alive = living(tuple(entry for _, entry in entries))
    return any(
        entry in alive and (told.number is None or number < told.number)
        for number, entry in entries
        if isinstance(entry, Grant)
    )


def _withdraw_again(tx: Transaction, told: TakenBack) -> None:
    """Put it where it was; where that place is taken, at the end: rather too late than never."""
    destination = told.destination or ""
    taken = tx.db.row("SELECT 1 FROM consent WHERE number = ?", (told.number,))
    again = Withdrawal(
        id=told.id + _AGAIN,
        subject=told.subject,
        destination=destination,
        at=from_us(tx.now_us),
        withdrawn_by="?",
    )
    ledger.append(tx, again, None if taken else told.number)
    if not living(ledger.standing(tx.db, tx.keys, told.subject, destination).entries):
        outbox.drop(tx, told.subject, destination)
