"""Whose turn it is at the kiosk, what was measured in it, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.api.hub import Hub
from gateway.domain.kiosk import KioskSession
from gateway.domain.subject import Attribution
from gateway.journal.views import EntryView
from gateway.language.moments import clock
from gateway.language.words import Words

_SHOWN = 12
"""Readings of one turn: more than anybody takes in an hour, fewer than fill a screen twice."""
_LOOKED_AT = 60
"""Of a person known here, the latest readings are looked at for those of this turn."""
_NOBODYS = 8
"""Of nobody's readings, the latest are looked at for those that may be of this turn."""
_SOON_S = 60
"""Time to ask for more; of a turn that is short a third, which is 20 s at least (WCAG 2.2.1)."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the screen is about: two that are equal look the same."""

    session: KioskSession | None
    readings: tuple[EntryView, ...] = ()
    doubtful: int = 0
    """Readings that came meanwhile and may have been taken before: they are not shown."""


def going_on(hub: Hub) -> KioskSession | None:
    """Return the session of now; none past its limit, though nobody has closed it yet."""
    session = hub.reader.kiosk()
    return None if session is None or hub.clock.now().utc >= session.until else session


def present(hub: Hub) -> Turn:
    """Return the turn of now: the readings measured in it for certain, and nothing before it."""
    session = going_on(hub)
    if session is None:
        return Turn(None)
    views = hub.reader.entries(limit=_LOOKED_AT, subject=session.subject)
    mine = [view for view in views if _measured_in(session, view)]
    return Turn(session, tuple(mine[:_SHOWN]), _doubtful(hub, session))


def _doubtful(hub: Hub, session: KioskSession) -> int:
    """Count readings of the turn's devices that came in it and may be of it, or of before."""
    came = [
        view.entry.device.id
        for view in hub.reader.entries(limit=_NOBODYS, unclaimed=True)
        if view.entry.attribution is Attribution.AMBIGUOUS
        and view.entry.reading.received.utc >= session.opened_at
    ]
    if not came:
        return 0
    devices = {each.device for each in hub.reader.assignments() if each.session == session.number}
    return sum(device in devices for device in came)


def _measured_in(session: KioskSession, view: EntryView) -> bool:
    timing = view.entry.timing
    return (
        view.entry.attribution is Attribution.SESSION
        and timing.uncertainty is not None
        and timing.measured_at - timing.uncertainty >= session.opened_at
    )


def is_over(hub: Hub, turn: Turn | None) -> bool:
    """Tell whether the time of what was shown is over."""
    session = None if turn is None else turn.session
    return session is not None and hub.clock.now().utc >= session.until


@dataclass(frozen=True, slots=True)
class Limit:
    """When a turn ends at the latest: in so many seconds, in words, and as what changes with it."""

    left_s: int
    soon_s: int
    """So long before, it is said that time runs out."""
    clock: str
    at: str

    @property
    def soon(self) -> bool:
        """Whether time runs out."""
        return self.left_s <= self.soon_s


def limit_of(hub: Hub, session: KioskSession, words: Words) -> Limit:
    """Return when a session ends unless its time begins anew."""
    left_s = max(0, int((session.until - hub.clock.now().utc).total_seconds()))
    at = clock(session.until, hub.zone, words)
    return Limit(left_s, soon_s(hub), at, session.until.isoformat())


def soon_s(hub: Hub) -> int:
    """Return how long before its end it is said that time runs out."""
    of_turn_s = 3 * _SOON_S if hub.counter is None else int(hub.counter.lasts.total_seconds())
    return min(_SOON_S, of_turn_s // 3)
