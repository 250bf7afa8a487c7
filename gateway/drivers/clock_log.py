"""What a device's own log of how its clock was set makes of the stamps in its memory. Pure.

Where a device's clock was looked at before, the log must explain how it moved since. Then what was
stamped in between is told as a count that nobody set, and what is older by the clock that was
looked at. If it has no word of what happened, stamps are left as they are, and the domain judges by
what was seen of the clock; if it has other words, nobody can tell.

A clock that was lost and set is another one. What it stamps is told by what it shows now; what the
one before stamped, only by what that was seen to show. If nobody saw it, what it stamped is local
time where nobody ever set it, by the log, and has no time where somebody did.

`stamp_eras` says what the log makes of a stamp.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile

from gateway.domain.reading import ClockSample, Reading
from gateway.drivers.stamp_eras import (
    Change,
    ClockLog,
    Stamped,
    changes_since,
    is_lost,
    moved_by,
)

_LOOK = re.compile(r"(-?\d{1,10})@(\d{1,11}) (.{0,64})", re.ASCII)
_BETWEEN_LOOKS_S = 120  # each is of a minute
_ONE_SETTING = timedelta(minutes=10)  # somebody is in the device's menu: a date, then a time
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
        if clock is None or is_lost(clock.shown) or not clock.at.trusted:
            return None
        utc = clock.at.utc.astimezone(UTC)
        ahead = clock.shown - utc.replace(tzinfo=None)
        last = max(changes, key=lambda change: change.place, default=None)
        setting = "" if last is None else last.key
        return cls(round(ahead.total_seconds()), round(utc.timestamp()), setting)

    @property
    def shown(self) -> datetime:
        """What the clock showed."""
        utc = datetime.fromtimestamp(self.utc_s, UTC).replace(tzinfo=None)
        return utc + timedelta(seconds=self.ahead_s)

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
    domain nothing of the clock, so one of another time must be recorded with it. `unseen`: by a
    clock that was lost since, and that nobody had looked at; what it shows now is another's.
    """

    at: datetime | None
    counted: bool = False
    unseen: bool = False


def is_look(reading: Reading) -> bool:
    """Say whether a reading tells the domain what the clock shows, once it is recorded."""
    time = reading.device_time
    return time is not None and time.clock is not None and not time.counter


def told(
    records: Sequence[Stamped],
    changes: Iterable[Change],
    clock: ClockSample | None,
    before: Look | None,
    *,
    since: int = 0,
) -> list[Told]:
    """Say of records, the oldest first, when they were stamped by a clock that was just looked at.

    The log reaches back to place `since`. What it cannot place has no time; but it is told as it
    was stamped where the clock was never set. `clock` is None if the clock is lost.
    """
    kept = _Log(records, sorted(changes, key=lambda change: change.place), since)
    if clock is None or is_lost(clock.shown):
        return kept.by_former(before) if before is not None else kept.unseen()
    now = Look.of(clock, kept.changes)
    if before is None or now is None:
        return kept.by_present(clock.shown)
    then = clock.shown - timedelta(seconds=now.utc_s - before.utc_s)
    newer = changes_since(kept.changes, before.setting)
    moved = moved_by(newer)
    if any(change.new is None for change in newer):
        return kept.untold
    if moved is None:
        present, former = kept.since_lost(clock.shown, then), kept.by_former(before)
        return [new if new.at else old for new, old in zip(present, former, strict=True)]
    if now.is_as_moved(before, moved):
        return kept.by_looks(clock.shown, then, moved)
    return kept.untold if newer else kept.as_stamped(then)


@dataclass(frozen=True, slots=True)
class _Log:
    """Records, and the changes of the clock, both the oldest first."""

    records: Sequence[Stamped]
    changes: Sequence[Change]
    since: int

    @property
    def untold(self) -> list[Told]:
        return [Told(None)] * len(self.records)

    def by_present(self, shown: datetime) -> list[Told]:
        """Go by a clock that was never looked at before."""
        times = ClockLog(self.changes, shown, self.since).on_present_clock(self.records)
        if not self.changes:
            return [Told(at or record.at) for record, at in zip(self.records, times, strict=True)]
        former = self.unseen()
        return [Told(at) if at else old for at, old in zip(times, former, strict=True)]

    def unseen(self) -> list[Told]:
        """Go by a clock that was lost before anyone looked at it, and never set but after that."""
        if not self.changes:
            return [Told(record.at, unseen=True) for record in self.records]
        first, until = self.changes[0], self.changes[-1].new
        if first.by is not None or until is None or not self._is_one_setting():
            return self.untold
        return [
            Told(record.at, unseen=True)
            if record.at is not None
            and self.since <= record.place < first.place
            and record.at <= until
            else Told(None)
            for record in self.records
        ]

    def _is_one_setting(self) -> bool:
        return all(
            earlier.new is not None
            and later.old is not None
            and abs(later.old - earlier.new) <= _ONE_SETTING
            for earlier, later in pairwise(self.changes)
        )

    def by_looks(self, shown: datetime, then: datetime, moved: timedelta) -> list[Told]:
        """Go by a clock that moved as it was set since it was looked at, when it is `then` by it.

        What is older is told by the clock that was looked at, unless it had been set since.
        """
        log = ClockLog(self.changes, shown, self.since)
        times = log.on_present_clock(self.records)
        counted = log.counted(self.records, times, then)
        made = []
        for record, at, is_counted in zip(self.records, times, counted, strict=True):
            if at is None:
                made.append(Told(self._if_never_set(record)))
            elif is_counted:
                made.append(Told(at, counted=True))
            else:
                made.append(Told(at - moved if log.shown_then(at) == at - moved else None))
        return made

    def since_lost(self, shown: datetime, then: datetime) -> list[Told]:
        """Go by a clock that was lost and set after it was looked at, when it is `then` by it."""
        log = ClockLog(self.changes, shown, self.since)
        times = log.on_present_clock(self.records)
        counted = log.counted(self.records, times, then)
        return [
            Told(at, counted=True) if is_counted else Told(None)
            for at, is_counted in zip(times, counted, strict=True)
        ]

    def by_former(self, before: Look) -> list[Told]:
        """Go by a clock that was looked at and lost since, as it was when it was looked at."""
        newer = changes_since(self.changes, before.setting)
        known = list(takewhile(lambda change: change.by is not None, newer))
        lost = newer[len(known)].place if len(known) < len(newer) else None
        count = sum(lost is None or record.place < lost for record in self.records)
        older = self.changes[: len(self.changes) - len(newer) + len(known)]
        log, moved = ClockLog(older, None, self.since), moved_by(known)
        if moved is None:
            return self.untold
        looked_at = before.shown + moved
        made = [
            Told(at - moved)
            if at is not None and (at >= looked_at or log.shown_then(at) == at - moved)
            else Told(None)
            for at in log.on_present_clock(self.records[:count])
        ]
        return made + self.untold[count:]

    def as_stamped(self, then: datetime) -> list[Told]:
        """Leave stamps as they are: the clock jumped, nobody knows when since it was `then` by it.

        But a sample, stored late, may be stamped by a clock set meanwhile.
        """
        lost = max((each.place for each in self.changes if each.by is None), default=-1)
        return [
            Told(
                record.at
                if record.at is not None
                and record.place > lost
                and (record.sensor_minutes is None or record.at >= then)
                else None
            )
            for record in self.records
        ]

    def _if_never_set(self, record: Stamped) -> datetime | None:
        return record.at if not self.changes else None
