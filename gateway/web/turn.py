"""Whose turn it is at the kiosk, what was measured in it, and when it ends."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from math import ceil

from gateway.api.hub import Hub, unattended
from gateway.domain.device import DeviceId
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
"""Of nobody's readings that came in it, the latest are looked at for those taken in it."""
_SOON_S = 60
"""Time to ask for more; of a turn that is short a third, which is 20 s at least (WCAG 2.2.1)."""


_WARNED_S = 30
"""Time to touch the screen before it asks (WCAG 2.2.1: 20 s at least)."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the screen is about."""

    session: KioskSession | None
    attended: bool = False
    """Whether its person is there; else nothing that was measured is shown."""
    readings: tuple[EntryView, ...] = ()
    unanswered: tuple[EntryView, ...] = ()
    """Readings of nobody that came in it, which are its person's if they say so."""
    doubtful: int = 0
    """Readings that came meanwhile and may have been taken before: they are not shown."""

    @property
    def looks(self) -> object:
        """What differs whenever the screen does: a touch alone changes nothing."""
        session = self.session
        kept = session and (session.number, session.until, session.keep)
        return kept, self.attended, self.readings, self.unanswered, self.doubtful


def going_on(hub: Hub) -> KioskSession | None:
    """Return the session of now; none past its limit, though nobody has closed it yet."""
    session = hub.reader.kiosk()
    return None if session is None or hub.clock.now().utc >= session.until else session


def present(hub: Hub) -> Turn:
    """Return the turn of now: the readings measured in it for certain, and nothing before it."""
    session = going_on(hub)
    if session is None:
        return Turn(None)
    devices = {each.device for each in hub.reader.assignments(session=session.number)}
    came = [
        view
        for view in hub.reader.came_in(session, _NOBODYS)
        if view.entry.reading.received.utc >= session.opened_at
    ]
    unanswered = tuple(view for view in came if session.may_hold(view.entry))
    if not is_attended(hub, session):
        return Turn(session, unanswered=unanswered)
    views = hub.reader.entries(limit=_LOOKED_AT, subject=session.subject)
    mine = [view for view in views if _measured_in(session, devices, view)]
    doubtful = sum(
        view.entry.attribution is Attribution.AMBIGUOUS and view not in unanswered for view in came
    )
    return Turn(
        session,
        attended=True,
        readings=tuple(mine[:_SHOWN]),
        unanswered=unanswered,
        doubtful=doubtful,
    )


def is_attended(hub: Hub, session: KioskSession) -> bool:
    """Tell whether the person of a session is there, as far as they have shown it.

    Where the hub does not know the time nobody can tell how long ago that was.
    """
    now = hub.clock.now()
    return now.trusted and now.utc < session.attended_until


def _measured_in(session: KioskSession, devices: Set[DeviceId], view: EntryView) -> bool:
    """Tell whether a reading of its person is of this turn: by its time, or by their word."""
    entry = view.entry
    said = entry.attribution is Attribution.CLAIM and entry.device.id in devices
    return (
        (said or entry.attribution is Attribution.SESSION)
        and entry.timing.earliest is not None
        and entry.timing.earliest >= session.opened_at
    )


def is_over(hub: Hub, turn: Turn) -> bool:
    """Tell whether the time of what was shown is over."""
    session = turn.session
    if session is None:
        return False
    shown_until = session.attended_until if turn.attended else session.until
    return hub.clock.now().utc >= shown_until


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


@dataclass(frozen=True, slots=True)
class Asking:
    """When a screen that nobody touches asks whether somebody is there still, in seconds."""

    left_s: int | None
    """None where the turn ends before."""
    whole_s: int
    """So long after a touch."""
    warned_s: int
    """So long before, it says that it will."""

    @property
    def soon(self) -> bool:
        """Whether it will ask soon."""
        return self.left_s is not None and self.left_s <= self.warned_s

    @property
    def next_s(self) -> int:
        """After how long it looks different: it warns, and then it asks."""
        if self.left_s is None:
            return self.whole_s
        return self.left_s + 1 if self.soon else self.left_s - self.warned_s


def asking_of(hub: Hub, session: KioskSession) -> Asking:
    """Return when the screen asks whether the person of a session is there still."""
    left = session.attended_until - hub.clock.now().utc
    left_s = max(0, ceil(left.total_seconds()))
    ends_before = session.attended_until >= session.until
    whole_s = int(unattended(hub).total_seconds())
    return Asking(None if ends_before else left_s, whole_s, min(_WARNED_S, whole_s // 3))


def soon_s(hub: Hub) -> int:
    """Return how long before its end it is said that time runs out."""
    of_turn_s = 3 * _SOON_S if hub.counter is None else int(hub.counter.lasts.total_seconds())
    return min(_SOON_S, of_turn_s // 3)
