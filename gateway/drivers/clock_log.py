"""What a device's own log of how its clock was set makes of the stamps in its memory. Pure.

Where a device's clock was looked at before, the log must explain how it moved since. Then what was
stamped in between is told as a count that nobody set, and what is older by the clock that was
looked at. If it has no word of what happened, stamps are left as they are, and the domain judges by
what was seen of the clock; if it has other words, nobody can tell.

`stamp_eras` says what the log makes of a stamp.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.domain.reading import ClockSample
from gateway.drivers.stamp_eras import Change, ClockLog, Stamped, is_loss

_LOOK = re.compile(r"(-?\d{1,12})@(\d{1,12}) (.{0,64})", re.ASCII)
_BETWEEN_LOOKS_S = 120  # each is of a minute
_DRIFT = 100e-6  # s/s, as in `domain.device_clock`


@dataclass(frozen=True, slots=True)
class Look:
    """How far ahead of UTC a clock was seen to be, and when; and how it had been set last."""

    ahead_s: int
    utc_s: int
    setting: str = ""

    @classmethod
    def of(cls, clock: ClockSample | None, changes: Iterable[Change]) -> Look | None:
        """Make it of a look; None if the clock was lost, or the hub did not know the time."""
        if clock is None or not clock.at.trusted:
            return None
        utc = clock.at.utc.astimezone(UTC)
        ahead = clock.shown - utc.replace(tzinfo=None)
        last = max(changes, key=lambda change: change.place, default=None)
        setting = "" if last is None else last.key
        return cls(round(ahead.total_seconds()), round(utc.timestamp()), setting)

    def is_as_moved(self, before: Look, by: timedelta) -> bool:
        """Say whether the clock was moved by so much, and no more, since the look before."""
        passed_s = self.utc_s - before.utc_s
        off_s = self.ahead_s - before.ahead_s - by.total_seconds()
        return passed_s >= 0 and abs(off_s) <= _BETWEEN_LOOKS_S + passed_s * _DRIFT

    @classmethod
    def from_text(cls, text: object) -> Look | None:
        """Read what `to_text` wrote; None if it is something else."""
        found = _LOOK.fullmatch(str(text))
        return None if found is None else cls(int(found[1]), int(found[2]), found[3])

    def to_text(self) -> str:
        """Write it for a bookmark."""
        return f"{self.ahead_s}@{self.utc_s} {self.setting}"


@dataclass(frozen=True, slots=True)
class Told:
    """When something was stamped by the present clock; None if nobody can tell.

    `counted`: by a clock of which every setting since is known. A reading of such a time tells the
    domain nothing of the clock, so one of another time must be recorded with it.
    """

    at: datetime | None
    counted: bool = False


def told(
    records: Sequence[Stamped],
    changes: Iterable[Change],
    clock: ClockSample,
    before: Look | None,
    *,
    since: int = 0,
) -> list[Told]:
    """Say of records, the oldest first, when they were stamped by a clock that was just looked at.

    The log reaches back to place `since`. What it cannot place has no time; but it is told as it
    was stamped where the clock was never set, or lost since.
    """
    changes = list(changes)
    log, now = ClockLog(changes, clock.shown, since), Look.of(clock, changes)
    looked_at, by = None, timedelta()
    if before is not None and now is not None:
        then = clock.shown - timedelta(seconds=now.utc_s - before.utc_s)
        settings = log.settings_since(before.setting)
        moved = _sum(settings)
        if moved is None or not now.is_as_moved(before, moved):
            once = not settings or (len(settings) == 1 and is_loss(settings[0]))
            return [Told(_as_stamped(record, then) if once else None) for record in records]
        looked_at, by = then, moved
    times = log.on_present_clock(records)
    counted = log.counted(records, times, looked_at)
    made = []
    for record, at, is_counted in zip(records, times, counted, strict=True):
        if at is None:
            made.append(Told(record.at if log.is_silent_about(record) else None))
        elif is_counted:
            made.append(Told(at, counted=True))
        else:
            # By the clock that was looked at, unless it had been set since.
            knows = looked_at is None or log.shown_then(at) == at - by
            made.append(Told(at - by if knows else None))
    return made


def _as_stamped(record: Stamped, looked_at: datetime) -> datetime | None:
    """Return the stamp, unless a sample, stored late, may be stamped by a clock set meanwhile."""
    if record.sensor_minutes is None or record.at is None or record.at >= looked_at:
        return record.at
    return None


def _sum(changes: Iterable[Change]) -> timedelta | None:
    by = timedelta()
    for change in changes:
        if change.new is None or change.old is None:
            return None
        by += change.new - change.old
    return by
