"""Whether the person of a turn at the kiosk is there, has gone, came back, and what is theirs then.

A turn's assignments end sooner than it does where nobody showed to be there. Who comes back to it
has another one, from then on; what was measured between the two is nobody's, unless they claim it.
"""

from __future__ import annotations

from datetime import timedelta

from gateway.domain.identity import ReadingId
from gateway.domain.kiosk import KioskSession
from gateway.errors import JournalError
from gateway.journal import assigning, assignments, attribution, entry_rows, kiosk
from gateway.journal.instants import from_us, to_us
from gateway.journal.writer import Transaction


def attend(tx: Transaction, number: int, attended: timedelta) -> KioskSession:
    """Take down that the person of this session is there: so they are for so long from now on.

    Raises JournalError where it is not the open one or its limit has passed, where nobody was there
    for too long, or where the hub does not know the time.
    """
    session = _there(tx, number)
    until_us = kiosk.attended_us(tx, to_us(session.until), attended)
    kiosk.set_attended_until(tx, session, max(until_us, to_us(session.attended_until)))
    return kiosk.by_number(tx.db, number)


def come_back(tx: Transaction, number: int, attended: timedelta) -> KioskSession:
    """Take down that the person of this session is there again, from now on.

    What was measured meanwhile stays nobody's. Raises JournalError as `attend` does, but that they
    were away.
    """
    session = kiosk.going_on(tx, number)
    if tx.now_us < to_us(session.attended_until):
        return attend(tx, number, attended)
    until = from_us(kiosk.attended_us(tx, to_us(session.until), attended))
    for assignment in assignments.latest_of(tx.db, tx.keys, number):
        since = from_us(tx.now_us)
        assigning.assign(tx, assignment.model_copy(update={"since": since, "until": until}))
    return kiosk.by_number(tx.db, number)


def claim(tx: Transaction, number: int, entry: ReadingId) -> None:
    """Make nobody's reading that of the person of this session, who says that it is theirs.

    Raises JournalError where the session is not the open one or its person not there, and where the
    reading may be of before it, of another device, or is somebody's.
    """
    session = _there(tx, number)
    row = tx.db.row("SELECT * FROM whole_entries WHERE id = ?", (entry_rows.to_blob(entry),))
    devices = {each.device for each in assignments.latest_of(tx.db, tx.keys, number)}
    found = None if row is None else entry_rows.from_row(row, tx.keys)
    if found is None or found.device.id not in devices or not session.may_hold(found):
        raise JournalError("that entry cannot be of this session at the kiosk")
    attribution.claim(tx, entry, session.subject)


def _there(tx: Transaction, number: int) -> KioskSession:
    """Return the session, whose person is there. Raises as `attend` does."""
    session = kiosk.going_on(tx, number)
    if tx.now_us >= to_us(session.attended_until):
        raise JournalError("nobody showed to be there: somebody else may sit at the kiosk")
    return session
