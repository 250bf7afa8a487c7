"""Whose turn a form is of."""

from __future__ import annotations

from contextlib import suppress

from gateway.domain.kiosk import KioskSession
from gateway.errors import JournalError
from gateway.web.visits import Visit


def of_this_turn(visit: Visit) -> KioskSession | None:
    """Return the session that the form belongs to; None if that is over."""
    session = visit.hub.reader.kiosk()
    mine = session is not None and visit.form.get("session") == str(session.number)
    return session if mine else None


async def longer(visit: Visit, session: KioskSession) -> KioskSession:
    """Begin the time anew for who asks for it, or has something to read or to type."""
    counter = visit.hub.counter
    if counter is not None:
        with suppress(JournalError):  # the limit has just passed
            return await visit.hub.journal.prolong_kiosk(counter.lasts)
    return session
