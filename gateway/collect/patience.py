"""When a device may be connected next: the policy, as tables, without any I/O.

Devices that measure now and then advertise for half a minute after a measurement: whoever hesitates
misses it. Others advertise for hours, and each conversation costs their coin cell and keeps the
radio from others. So a device is left alone for longer each time it had nothing new, until

- it brings something,
- it shows a sign (see `signs`), of which those that bring nothing are rationed,
- a person does something: sits down at the kiosk, says "read now", gives a code.

Then it begins anew: it is served at once, and soon again while nothing has come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.collect.signs import Sign, Signs
from gateway.domain.reading import Kind
from gateway.drivers.api import CABLES, Manifest, Reach, Sighting

LEFT_ALONE_S = 900.0
"""The longest that a device on a battery is left alone without any sign, and so the longest that a
new reading of it waits. A hundred conversations a day of some 15 s are 25 minutes of connection.
Guess, by what such chips are said to draw: a third of what advertising once a second takes of the
battery meanwhile, where a conversation each minute would take more than three times of it."""
SIGNS = 12
"""So many signs of one kind that bring nothing are heeded: a child steps on the scale, somebody
looks at what the cuff remembers. Guess."""
SIGN_EVERY_S = 3600.0
"""And one more after each hour. A weak signal shows one every other minute, all day; it must not
use up what a count of records is worth."""
EXPECTED_S = 10.0
"""A device of which somebody expects a reading at this moment is left alone for no longer."""


class Outcome(StrEnum):
    """How a conversation ended; a label of the metric `sessions_total`."""

    COMPLETE = "complete"
    LINK = "link"
    """The link failed before anything was kept."""
    PROTOCOL = "protocol"
    """The device broke the rules of the conversation."""
    UNREADABLE = "unreadable"
    """Of what the device sent as measurements, the driver could read nothing."""
    TOO_LONG = "too_long"
    PAIRING = "pairing"
    JOURNAL = "journal"
    """The journal takes nothing now."""
    CONFIG = "config"
    """The configuration asks for what cannot be."""
    BUG = "bug"
    """The driver raised what no driver may raise."""
    STOPPED = "stopped"
    """The gateway itself ended it."""


class Manner(StrEnum):
    """How a device is kept company, and so what talking with it costs."""

    VISITED = "visited"
    """It measures now and then, lives on a small battery, and is connected for seconds."""
    WORN = "worn"
    """A sensor that measures all the time, made to be connected all the time."""
    HEARD = "heard"
    """It is never connected: listening costs it nothing."""
    PLUGGED = "plugged"
    """It is on a cable."""


def manner_of(manifest: Manifest) -> Manner:
    """Say how a driver's devices are kept company.

    A glucose meter may hold what a sensor measured, too: it is no sensor.
    """
    if manifest.reach in CABLES:
        return Manner.PLUGGED
    if manifest.reach is Reach.ADVERTISEMENT:
        return Manner.HEARD
    is_sensor = manifest.emits == {Kind.INTERSTITIAL_GLUCOSE}
    return Manner.WORN if is_sensor else Manner.VISITED


_WORN_S: Mapping[Outcome, tuple[float, ...]] = {
    Outcome.COMPLETE: (3.0, 10.0, 30.0, 60.0),
    Outcome.LINK: (1.0, 2.0, 5.0, 15.0, 60.0),
    Outcome.PROTOCOL: (5.0, 15.0, 60.0, 300.0),
    Outcome.UNREADABLE: (5.0, 15.0, 60.0, 300.0),
    Outcome.TOO_LONG: (60.0, 300.0),
    Outcome.PAIRING: (2.0, 60.0, 300.0),
    Outcome.JOURNAL: (10.0, 30.0, 60.0),
    Outcome.CONFIG: (60.0, 300.0),
    Outcome.BUG: (60.0, 300.0, 3600.0),
    Outcome.STOPPED: (0.0,),
}
_VISITED_S = {
    **_WORN_S,
    Outcome.COMPLETE: (3.0, 10.0, 30.0, 60.0, 120.0, 240.0, 480.0, LEFT_ALONE_S),
    Outcome.LINK: (1.0, 2.0, 5.0, 15.0, 60.0, 120.0, 300.0),
    Outcome.PROTOCOL: (5.0, 15.0, 60.0, 300.0, LEFT_ALONE_S),
    Outcome.UNREADABLE: (5.0, 15.0, 60.0, 300.0, LEFT_ALONE_S),
    Outcome.TOO_LONG: (60.0, 300.0, LEFT_ALONE_S, 3600.0),
    Outcome.PAIRING: (2.0, 60.0, 300.0, LEFT_ALONE_S),
    Outcome.CONFIG: (60.0, 300.0, LEFT_ALONE_S),
}
_GONE_S = (1.0, 2.0, 5.0, 10.0, 30.0)
_TROUBLED_S = (5.0, 15.0, 60.0)
WAITS_S = {
    Manner.VISITED: _VISITED_S,
    Manner.WORN: _WORN_S,
    Manner.HEARD: {**_WORN_S, Outcome.COMPLETE: (0.0,)},
    Manner.PLUGGED: {
        **_WORN_S,
        Outcome.COMPLETE: _GONE_S,
        Outcome.LINK: _GONE_S,
        Outcome.PROTOCOL: _TROUBLED_S,
        Outcome.BUG: _TROUBLED_S,
    },
}
"""Seconds to wait after the first, second, ... such end of a series; the last value stays.

The first pairing with some cuffs fails (Omron BP5150) and the second works: it is tried again while
their pairing mode lasts, which is about a minute. The journal is asked before a device is connected
(JOURNAL). A port ends COMPLETE or LINK when it is unplugged or cannot be opened: what a kiosk sends
while its port is closed is lost, so it is never left for long.
"""

STEADY_S = 60.0
"""A port that was heard for so long was well: what ended it begins a new series."""

_WAKING_HELPS = frozenset(
    {Outcome.COMPLETE, Outcome.LINK, Outcome.PROTOCOL, Outcome.UNREADABLE, Outcome.PAIRING}
)
"""Ends after which somebody at the device may have changed something."""


@dataclass(slots=True)
class _Ration:
    """How often one kind of sign is believed that brings nothing."""

    spent: float = 0.0
    spent_at: float = 0.0

    def spend(self, now: float) -> bool:
        """Take one, if there is one left."""
        made_good = (now - self.spent_at) / SIGN_EVERY_S
        self.spent, self.spent_at = max(0.0, self.spent - made_good), now
        if self.spent > SIGNS - 1:
            return False
        self.spent += 1
        return True


def _rations() -> dict[Sign, _Ration]:
    return {sign: _Ration() for sign in Sign}


@dataclass(slots=True)
class Patience:
    """What is remembered of one device to decide when it is connected next. Times are monotonic."""

    manner: Manner = Manner.VISITED
    last: Outcome | None = None
    ends: Counter[Outcome] = field(default_factory=Counter)
    """How often each outcome was met in this series. A device that is left alone begins a new one
    only as the module says; any other does with each other outcome."""
    not_before: float = 0.0
    ended_at: float = 0.0
    expected_until: float = 0.0
    signs: Signs = field(default_factory=Signs)
    rations: dict[Sign, _Ration] = field(default_factory=_rations)

    def ended(
        self, outcome: Outcome, now: float, *, new_readings: bool, lasted_s: float = 0.0
    ) -> None:
        """Note the end of a conversation; one that brought something ends well, however it ends."""
        if new_readings or (self.manner is Manner.PLUGGED and lasted_s >= STEADY_S):
            self.retry()
        elif outcome is not self.last and self.manner is not Manner.VISITED:
            self._begin_anew()
        waits = WAITS_S[self.manner][outcome]
        self.not_before = now + waits[min(self.ends[outcome], len(waits) - 1)]
        self.ends[outcome] += 1
        self.last, self.ended_at = outcome, now
        self.signs.left(now)

    def ready(self, sighting: Sighting, now: float) -> bool:
        """Say, at a sighting, whether to connect now."""
        signs = self.signs.seen(sighting, now)
        if self.last in _WAKING_HELPS and any(self.rations[each].spend(now) for each in signs):
            self._begin_anew()
        if now < self.expected_until and self.last in _WAKING_HELPS:
            return now >= min(self.not_before, self.ended_at + EXPECTED_S)
        return now >= self.not_before

    @property
    def is_doubtful(self) -> bool:
        """Whether it could not be reached when it was tried last, and has shown no sign since."""
        over_air = self.manner is not Manner.PLUGGED
        return over_air and self.last is Outcome.LINK and self.ends[Outcome.LINK] > 0

    def retry(self) -> None:
        """Let the next sighting connect, and believe every sign again."""
        self._begin_anew()
        self.rations = _rations()

    def expect(self, now: float, until: float) -> None:
        """Let it not wait long meanwhile: a person sits at the device."""
        if now >= self.expected_until:
            self.retry()
        self.expected_until = until

    def _begin_anew(self) -> None:
        self.ends.clear()
        self.not_before = 0.0
