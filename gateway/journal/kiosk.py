"""Sessions at a kiosk: one at a time, each an assignment of the counter's devices that ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from gateway.domain.device import DeviceId
from gateway.domain.kiosk import LONGEST, ClosedBy, KioskEnded, KioskSession, OpenedBy
from gateway.domain.subject import Assignment, SubjectId
from gateway.errors import JournalError
from gateway.journal import assigning, audit, boots, erasing, people
from gateway.journal.database import Database, Row
from gateway.journal.instants import from_us, span_us, to_us
from gateway.journal.writer import Transaction

_SESSIONS = (
    "SELECT number, subject, opened_by, opened_us, until_us, keep, closed_by FROM kiosk_sessions"
)


def open_session(
    tx: Transaction,
    devices: Sequence[DeviceId],
    subject: SubjectId | None,
    opened_by: OpenedBy,
    lasts: timedelta,
) -> KioskSession:
    """Begin a session from now on; a guest is added if no subject is named.

    Raises JournalError while another session is open, or if a device measures somebody already.
    """
    if current(tx.db) is not None:
        raise JournalError("a session is open at the kiosk: close it first")
    until_us = _limit_us(tx, lasts)
    guest = subject is None
    who = people.add_subject(tx, "").id if subject is None else subject
    people.require(tx.db, who)
    # A number that no session had before, also none that went with its guest: every opening adds to
    # the audit chain, from which nothing is ever deleted. A salvaged journal begins a new chain.
    row = tx.db.one(
        "INSERT INTO kiosk_sessions (number, subject, opened_by, opened_us, until_us, keep)"
        " VALUES (1 + max(ifnull((SELECT max(number) FROM audit), 0),"
        " ifnull((SELECT max(number) FROM kiosk_sessions), 0)), ?, ?, ?, ?, ?)"
        " RETURNING number, subject, opened_by, opened_us, until_us, keep, closed_by",
        (who, opened_by, tx.now_us, until_us, int(not guest)),
    )
    session = of_row(row)
    for device in devices:
        assigning.assign(tx, _assignment(session, device))
    boots.note(tx, tx.now)  # it is of this boot, or the next would take it for one of its own
    manifest: audit.Manifest = {"session": session.number, "subject": who, "by": opened_by}
    audit.append(tx, audit.Audited.KIOSK_OPENED, manifest)
    return session


def keep(tx: Transaction, label: str) -> KioskSession:
    """Take down that the guest at the kiosk chose to stay known here, by this name."""
    session = current(tx.db)
    if session is None:
        raise JournalError("no session is open at the kiosk")
    tx.db.run("UPDATE kiosk_sessions SET keep = 1 WHERE number = ?", (session.number,))
    if not session.keep:
        people.rename(tx, session.subject, label)
    return of_row(_by_number(tx.db, session.number))


def prolong(tx: Transaction, lasts: timedelta) -> KioskSession:
    """Let the session that is open last so long from now on, never shorter than it would.

    Raises JournalError where none is open, or its limit has passed, what was measured since may be
    the next person's; or where the hub does not know the time.
    """
    session = _going_on(tx)
    until_us = max(_limit_us(tx, lasts), to_us(session.until))
    return _lasts_until(tx, session, until_us, audit.Audited.KIOSK_PROLONGED)


def end_in(tx: Transaction, lasts: timedelta) -> KioskSession:
    """Let the session that is open end so long from now, unless it is prolonged meanwhile.

    Raises JournalError as `prolong` does.
    """
    return _lasts_until(tx, _going_on(tx), _limit_us(tx, lasts), audit.Audited.KIOSK_ENDING)


def close(tx: Transaction, by: ClosedBy, number: int | None = None) -> KioskEnded | None:
    """End the open session, if there is one; a guest who did not choose to stay is erased.

    With `number`, only if it is that one. Where the hub does not know the time it ends when that
    was last known: it went on until then.
    """
    session = current(tx.db)
    if session is None or number not in (None, session.number):
        return None
    ends_us = min(_known_us(tx, session), to_us(session.until))
    tx.db.run(
        "UPDATE kiosk_sessions SET closed_us = ?, closed_by = ? WHERE number = ?",
        (ends_us, by, session.number),
    )
    _measures_until(tx, session, ends_us)
    closed = of_row(_by_number(tx.db, session.number))
    audit.append(tx, audit.Audited.KIOSK_CLOSED, {"session": session.number, "by": by})
    if session.keep:
        return KioskEnded(closed, None, 0)
    (unsent,) = tx.db.one(
        "SELECT count(*) FROM deliveries WHERE subject = ?"
        " AND state IN ('due', 'sending', 'unsettled', 'parked')",
        (session.subject,),
    )
    return KioskEnded(closed, erasing.erase(tx, session.subject), int(unsent))


def note_hub_set(tx: Transaction, began: datetime, since: datetime, by: timedelta) -> None:
    """Keep that the sessions opened since were so much later than the hub believed.

    They would go on too long, or hold what others measure at the time that it was said to be. Those
    opened after `began`, but not since, may be of that boot or of the one before: they hold what is
    measured in them whichever is true. Those opened before, and still open at the true beginning of
    this boot, ended or end sooner than was believed if the hub was ahead: so they do if they were
    closed or prolonged in it.
    """
    tx.db.run(
        "UPDATE assignments SET since_us = since_us + max(?1, 0), until_us = until_us + min(?1, 0)"
        " WHERE session IN"
        " (SELECT number FROM kiosk_sessions WHERE opened_us >= ?2 AND opened_us <= ?3)",
        (span_us(by), to_us(began), to_us(since)),
    )
    tx.db.run(
        "UPDATE assignments SET until_us = until_us + min(?1, 0) WHERE session IN"
        " (SELECT number FROM kiosk_sessions WHERE opened_us < ?2"
        " AND ifnull(closed_us >= ?2 + ?1, TRUE))",
        (span_us(by), to_us(began)),
    )
    tx.db.run(
        "UPDATE kiosk_sessions SET until_us = until_us + min(?1, 0)"
        " WHERE opened_us <= ?2 AND closed_us IS NULL",
        (span_us(by), to_us(since)),
    )
    moved = (span_us(by), to_us(since))
    tx.db.run(
        "UPDATE assignments SET since_us = since_us + ?1, until_us = until_us + ?1 WHERE session IN"
        " (SELECT number FROM kiosk_sessions WHERE opened_us > ?2)",
        moved,
    )
    tx.db.run(
        "UPDATE kiosk_sessions SET opened_us = opened_us + ?1, until_us = until_us + ?1,"
        " closed_us = closed_us + ?1 WHERE opened_us > ?2",
        moved,
    )
    tx.memory.assignments.clear()


def current(db: Database) -> KioskSession | None:
    """Return the session that is open, or whose limit has passed without anyone closing it."""
    row = db.row(_SESSIONS + " WHERE closed_us IS NULL")
    return None if row is None else of_row(row)


def of_row(row: Row) -> KioskSession:
    """Make a session of a row."""
    number, subject, opened_by, opened_us, until_us, kept, closed_by = row
    return KioskSession(
        number=number,
        subject=SubjectId(subject),
        opened_by=OpenedBy(opened_by),
        opened_at=from_us(opened_us),
        until=from_us(until_us),
        keep=bool(kept),
        closed_by=None if closed_by is None else ClosedBy(closed_by),
    )


def _going_on(tx: Transaction) -> KioskSession:
    session = current(tx.db)
    if session is None or tx.now_us >= to_us(session.until):
        raise JournalError("no session is open at the kiosk")
    if not tx.now.trusted:
        raise JournalError("the hub does not know the time yet: a limit could not be kept")
    return session


def _known_us(tx: Transaction, session: KioskSession) -> int:
    """Return a moment at which the open session went on, the latest that is known."""
    if tx.now.trusted:
        return tx.now_us
    known = boots.last_known(tx.db)
    return to_us(session.opened_at if known is None else max(known, session.opened_at))


def _lasts_until(
    tx: Transaction, session: KioskSession, until_us: int, why: audit.Audited
) -> KioskSession:
    tx.db.run("UPDATE kiosk_sessions SET until_us = ? WHERE number = ?", (until_us, session.number))
    _measures_until(tx, session, until_us)
    audit.append(tx, why, {"session": session.number})
    return of_row(_by_number(tx.db, session.number))


def _limit_us(tx: Transaction, lasts: timedelta) -> int:
    """Return when a session ends that lasts so long from now on. Raises ValueError."""
    if not timedelta() < lasts <= LONGEST:
        raise ValueError(f"a session lasts at most {LONGEST}")
    return tx.now_us + span_us(lasts)


def _measures_until(tx: Transaction, session: KioskSession, until_us: int) -> None:
    tx.db.run("UPDATE assignments SET until_us = ? WHERE session = ?", (until_us, session.number))
    tx.memory.assignments.clear()


def _assignment(session: KioskSession, device: DeviceId) -> Assignment:
    return Assignment(
        device=device,
        slot=None,
        subject=session.subject,
        since=session.opened_at,
        until=session.until,
        session=session.number,
    )


def _by_number(db: Database, number: int) -> Row:
    return db.one(_SESSIONS + " WHERE number = ?", (number,))
