"""A session at a kiosk: for some minutes the devices of a counter measure one person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.domain.entry import Entry
from gateway.domain.subject import Attribution, SubjectId

USUAL = timedelta(minutes=10)
LONGEST = timedelta(hours=1)
"""Who has said nothing for longer has gone: the next person must not be measured in their name."""
UNATTENDED = timedelta(seconds=90)
"""So long after the last touch a person may have gone, and another come: a pressure takes less."""


class OpenedBy(StrEnum):
    """Who opened the session."""

    PERSON = "person"
    STAFF = "staff"


class ClosedBy(StrEnum):
    """What ended the session."""

    PERSON = "person"
    LIMIT = "limit"
    NEXT = "next"
    """Somebody else's session was opened."""


@dataclass(frozen=True, slots=True)
class KioskSession:
    """One person's turn, from `opened_at` until it is closed, at the latest at `until`.

    That moves when the person says that they are still there. What is measured after
    `attended_until` is not theirs unless they say so, for somebody else may sit there.
    With `keep` the person stays in the journal when it is closed; a guest who has not chosen so is
    erased with all that was measured.
    """

    number: int
    subject: SubjectId
    opened_by: OpenedBy
    opened_at: datetime
    until: datetime
    attended_until: datetime
    keep: bool
    closed_by: ClosedBy | None = None

    def may_hold(self, entry: Entry) -> bool:
        """Tell whether nobody's reading came in this turn, and was certainly not taken before it.

        That its device is of the counter is for the caller to know.
        """
        earliest = entry.timing.earliest
        return (
            entry.attribution in (Attribution.UNCLAIMED, Attribution.AMBIGUOUS)
            and entry.reading.received.utc >= self.opened_at
            and earliest is not None
            and earliest >= self.opened_at
        )


@dataclass(frozen=True, slots=True)
class KioskEnded:
    """How a session ended; `erased` counts readings, None if the person stays."""

    session: KioskSession
    erased: int | None
    unsent: int
    """Deliveries that were still owed to destinations and went with the readings."""
