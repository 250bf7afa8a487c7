"""Sessions at a kiosk: one at a time, each an assignment of the counter's devices that ends.

It ends sooner than its session where nobody showed to be there: see `attending`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from gateway.domain.device import DeviceId
from gateway.domain.kiosk import LONGEST, ClosedBy, KioskEnded, KioskSession, OpenedBy
from gateway.domain.subject import Assignment, SubjectId
from gateway.errors import JournalError
from gateway.journal import (
    assigning,
    audit,
    boots,
    erasing,
    people,
)
from gateway.journal.database import Database, Row
from gateway.journal.instants import from_us, span_us, to_us
from gateway.journal.writer import Transaction

_COLUMNS = (
    "number, subject, opened_by, opened_us, until_us, keep, closed_by, min(until_us, ifnull((SELECT"
    " max(a.until_us) FROM assignments AS a WHERE a.session = kiosk_sessions.number), opened_us))"
)
_SESSIONS = f"SELECT {_COLUMNS} FROM kiosk_sessions"  # noqa: S608


def open_session(
    tx: Transaction,
    devices: Sequence[DeviceId],
    subject: SubjectId | None,
    opened_by: OpenedBy,
    lasts: timedelta,
    attended: timedelta | None,
) -> KioskSession:
    """Begin a session from now on; a guest is added if no subject is named.

    Without `attended` the person is taken to be there until it ends, else for so long.
    Raises JournalError while another session is open, or if a device measures somebody already.
    """
    if current(tx.db) is not None:
        raise JournalError("a session is open at the kiosk: close it first")
    until_us = _limit_us(tx, lasts)
    there_until_us = attended_us(tx, until_us, attended)
    guest = subject is None
    who = people.add_subject(tx, "").id if subject is None else subject
    people.require(tx.db, who)
    # A number that no session had before, also none that went with its guest: every opening adds to
    # the audit chain, from which nothing is ever deleted. A salvaged journal begins a new chain.
    row = tx.db.one(
        "INSERT INTO kiosk_sessions (number, subject, opened_by, opened_us, until_us, keep)"
        " VALUES (1 + max(ifnull((SELECT max(number) FROM audit), 0),"
        " ifnull((SELECT max(number) FROM kiosk_sessions), 0)), ?, ?, ?, ?, ?)"
        " RETURNING number",
        (who, opened_by, tx.now_us, until_us, int(not guest)),
    )
    (number,) = row
    for device in devices:
        assigning.assign(
            tx,
            Assignment(
                device=device,
                slot=None,
                subject=who,
                since=from_us(tx.now_us),
                until=from_us(there_until_us),
                session=number,
            ),
        )
    session = by_number(tx.db, number)
    boots.note(tx, tx.now)  # it is of this boot, or the next would take it for one of its own
    manifest: audit.Manifest = {"session": session.number, "subject": who, "by": opened_by}
    audit.append(tx, audit.Audited.KIOSK_OPENED, manifest)
    return session


def keep(tx: Transaction, label: str, number: int | None = None) -> KioskSession:
    """Take down that the guest at the kiosk chose to stay known here, by this name.

    With `number`, only in that session. Raises JournalError where none is open.
    """
    session = current(tx.db)
    if session is None or number not in (None, session.number):
        raise JournalError("no session is open at the kiosk")
    tx.db.run("UPDATE kiosk_sessions SET keep = 1 WHERE number = ?", (session.number,))
    if not session.keep:
        people.rename(tx, session.subject, label)
    return by_number(tx.db, session.number)


def prolong(
    tx: Transaction, lasts: timedelta, attended: timedelta | None, number: int | None = None
) -> KioskSession:
    """Let the session that is open last so long from now on, never shorter than it would.

    Who was there is so for `attended` more, without it until the end; who was away stays so.
    Raises JournalError where none is open, or with `number` not that one; where its limit has
    passed, what was measured since may be the next person's; or where the hub does not know the
    time.
    """
    session = going_on(tx, number)
    until_us = max(_limit_us(tx, lasts), to_us(session.until))
    if tx.now_us < to_us(session.attended_until):
        set_attended_until(tx, session, attended_us(tx, until_us, attended))
    return _lasts_until(tx, session, until_us, audit.Audited.KIOSK_PROLONGED)


def end_in(tx: Transaction, lasts: timedelta, number: int | None = None) -> KioskSession:
    """Let the session that is open end so long from now, unless it is prolonged meanwhile.

    Raises JournalError as `prolong` does.
    """
    return _lasts_until(tx, going_on(tx, number), _limit_us(tx, lasts), audit.Audited.KIOSK_ENDING)


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
    closed = by_number(tx.db, session.number)
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
    number, subject, opened_by, opened_us, until_us, kept, closed_by, attended_us = row
    return KioskSession(
        number=number,
        subject=SubjectId(subject),
        opened_by=OpenedBy(opened_by),
        opened_at=from_us(opened_us),
        until=from_us(until_us),
        attended_until=from_us(attended_us),
        keep=bool(kept),
        closed_by=None if closed_by is None else ClosedBy(closed_by),
    )


def going_on(tx: Transaction, number: int | None = None) -> KioskSession:
    """Return the open session, with `number` if it is that one. Raises as `prolong` does."""
    session = current(tx.db)
    if session is None or tx.now_us >= to_us(session.until) or number not in (None, session.number):
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
    return by_number(tx.db, session.number)


def _limit_us(tx: Transaction, lasts: timedelta) -> int:
    """Return when a session ends that lasts so long from now on. Raises ValueError."""
    if not timedelta() < lasts <= LONGEST:
        raise ValueError(f"a session lasts at most {LONGEST}")
    return tx.now_us + span_us(lasts)


def attended_us(tx: Transaction, until_us: int, attended: timedelta | None) -> int:
    """Return until when somebody is there who is so now; it is after now. Raises ValueError."""
    if attended is None:
        return until_us
    if attended <= timedelta():
        raise ValueError("somebody is there for some time")
    return min(until_us, tx.now_us + span_us(attended))


def set_attended_until(tx: Transaction, session: KioskSession, until_us: int) -> None:
    """Let the person of a session, who is there, be so until then."""
    tx.db.run(
        "UPDATE assignments SET until_us = ? WHERE session = ? AND until_us >= ?",
        (until_us, session.number, to_us(session.attended_until)),
    )
    tx.memory.assignments.clear()


def _measures_until(tx: Transaction, session: KioskSession, until_us: int) -> None:
    tx.db.run(
        "UPDATE assignments SET until_us = min(until_us, ?) WHERE session = ?",
        (until_us, session.number),
    )
    tx.memory.assignments.clear()


def by_number(db: Database, number: int) -> KioskSession:
    """Return a session by its number, open or closed."""
    return of_row(db.one(_SESSIONS + " WHERE number = ?", (number,)))
