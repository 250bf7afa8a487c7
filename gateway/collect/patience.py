"""When a device may be connected next: the policy, as tables, without any I/O.

Devices that measure now and then advertise for half a minute after a measurement: whoever hesitates
misses it. Those that advertise all the time must not be connected all the time: their batteries
are small, and the radio is needed for others.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

REAPPEARED_S = 5.0
"""A device that was silent for so long and advertises again was woken by somebody: serve it now.
Within a burst, devices advertise several times a second; a weak signal may lose a few."""
QUIET_S = (3.0, 10.0, 30.0, 60.0)
"""After a conversation that brought nothing new, and after the next such one."""


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


WAITS_S = {
    Outcome.COMPLETE: QUIET_S,
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
"""Seconds to wait after the first, second, ... such end in a row; the last value stays.

The first pairing with some cuffs fails (Omron BP5150) and the second works: it is tried again while
their pairing mode lasts, which is about a minute.
"""

_GONE_S = (1.0, 2.0, 5.0, 10.0, 30.0)
_TROUBLED_S = (5.0, 15.0, 60.0)
PORT_WAITS_S = {
    **WAITS_S,
    Outcome.COMPLETE: _GONE_S,
    Outcome.LINK: _GONE_S,
    Outcome.PROTOCOL: _TROUBLED_S,
    Outcome.BUG: _TROUBLED_S,
}
"""The same for a port, which ends COMPLETE or LINK when it is unplugged or cannot be opened: what a
kiosk sends while its port is closed is lost, so it is never left for long."""
STEADY_S = 60.0
"""A port that was heard for so long was well: what ended it begins a new series."""

_WAKING_HELPS = frozenset(
    {Outcome.COMPLETE, Outcome.LINK, Outcome.PROTOCOL, Outcome.UNREADABLE, Outcome.PAIRING}
)
"""Ends after which somebody at the device may have changed something."""


@dataclass(slots=True)
class Patience:
    """What is remembered of one device to decide when it is connected next. Times are monotonic."""

    port: bool = False
    """Whether it is on a serial port."""
    last: Outcome | None = None
    in_a_row: int = 0
    not_before: float = 0.0
    heard_at: float = 0.0

    def ended(
        self, outcome: Outcome, now: float, *, new_readings: bool, lasted_s: float = 0.0
    ) -> None:
        """Note the end of a conversation; one that brought something ends well, however it ends."""
        was_well = new_readings or (self.port and lasted_s >= STEADY_S)
        self.in_a_row = 0 if was_well or outcome is not self.last else self.in_a_row + 1
        self.last = outcome
        waits = (PORT_WAITS_S if self.port else WAITS_S)[outcome]
        self.not_before = now + waits[min(self.in_a_row, len(waits) - 1)]
        self.heard_at = now

    def ready(self, now: float, *, wakes: bool = True) -> bool:
        """Say, at a sighting, whether to connect now.

        `wakes`: silence before the sighting means that the device slept. A port is never silent.
        """
        silent_for = now - self.heard_at
        self.heard_at = now
        if now >= self.not_before:
            return True
        return wakes and self.last in _WAKING_HELPS and silent_for >= REAPPEARED_S

    def retry(self) -> None:
        """Let the next sighting connect: a person did something about it."""
        self.not_before = 0.0
