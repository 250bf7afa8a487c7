"""What a device's own log of how its clock was set makes of the stamps in its memory. Pure.

Records and changes have places in one order, that in which the device stored them. Between two
changes lies an era of the clock, in which a stamp is ahead of the present clock, or behind it, by
the sum of what was changed later:

    places    . . . . . . . . | . . . . . . . | . . . . . . now
    eras      ends at 03:00   | 02:00 to 09:10| from 15:10 to what it shows
    moved by  -1 h + 6 h      |          + 6 h| nothing

Such a log is believed only where stamps agree with it: each must lie within its era. Samples of a
sensor are stored when it is next scanned, up to eight hours late, so they may belong to the era
before the one in which they were stored; the sensor's own count of minutes tells. Where that count
and the stamps part, something happened to the clock that no log tells, and no stamp before can be
moved. A device's clock that was lost begins again long ago: what it showed before, the log does not
say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

_SEASON = timedelta(hours=1)
"""A clock set by no more than this does not make a stamp worse than the domain takes it to be."""
_LOST_BEFORE = 2010  # no device in scope is older: one that shows an earlier year was never set
_JITTER = timedelta(minutes=2)  # a clock that shows minutes, read between two seconds
_STORED_LATE = timedelta(hours=8, minutes=30)  # what a sensor keeps, and half an hour
_BY_SENSOR = timedelta(minutes=3)  # its count is in whole minutes, and made at each scan anew


@dataclass(frozen=True, slots=True)
class Change:
    """The clock was set from one time to another; None for one that is no time."""

    place: int
    old: datetime | None
    new: datetime | None


@dataclass(frozen=True, slots=True)
class Stamped:
    """A record; `sensor_minutes` if it is a sample, with the age of its sensor."""

    place: int
    at: datetime | None
    sensor_minutes: int | None = None
    first_of_sensor: bool = False


@dataclass(frozen=True, slots=True)
class _Era:
    since: int
    begins: datetime | None
    ends: datetime
    ahead: timedelta

    def holds(self, record: Stamped, at: datetime) -> bool:
        late = _JITTER if record.sensor_minutes is None else _STORED_LATE
        return (self.begins is None or at >= self.begins - late) and at <= self.ends + _JITTER


class ClockLog:
    """The changes of a clock that shows `shown` now; their log reaches back to place `since`."""

    def __init__(self, changes: Iterable[Change], shown: datetime, since: int) -> None:
        newest_first = sorted(changes, key=lambda change: change.place, reverse=True)
        self.moves = any(map(_moves, newest_first))
        """Whether the clock was set by so much that a stamp of before is no time of today's."""
        self.is_empty = not newest_first
        self._eras = _eras(newest_first, shown, since)

    def on_present_clock(self, records: Sequence[Stamped]) -> list[datetime | None]:
        """Return when each was stamped by the present clock; None where the log cannot tell.

        `records` are in the device's order, the oldest first.
        """
        made: list[datetime | None] = []
        later: tuple[Stamped, datetime] | None = None
        sure = 0
        for record in reversed(records):
            expected = _expected(record, later)
            at = self._placed(record, expected)
            if at is None and expected is not None:
                made[sure:] = [None] * (len(records) - sure)
                break
            made.append(at)
            if record.sensor_minutes is not None:
                later = None if at is None or record.first_of_sensor else (record, at)
                sure = len(made)
        return made[::-1]

    def _placed(self, record: Stamped, expected: datetime | None) -> datetime | None:
        if record.at is None:
            return expected
        eras = [era for era in self._eras if era.since <= record.place]
        if record.sensor_minutes is None:
            del eras[1:]
        found = {record.at + era.ahead for era in eras if era.holds(record, record.at)}
        if expected is not None:
            found = {at for at in found if abs(at - expected) <= _BY_SENSOR}
            return min(found, key=lambda at: abs(at - expected), default=None)
        return found.pop() if len(found) == 1 else None


def _expected(record: Stamped, later: tuple[Stamped, datetime] | None) -> datetime | None:
    """Return when a sample was taken by its sensor's count; None if that does not tell."""
    if later is None or record.sensor_minutes is None or later[0].sensor_minutes is None:
        return None
    minutes = later[0].sensor_minutes - record.sensor_minutes
    return later[1] - timedelta(minutes=minutes) if minutes > 0 else None


def _eras(newest_first: Sequence[Change], shown: datetime, since: int) -> list[_Era]:
    eras, ends, ahead = [], shown, timedelta()
    for change in newest_first:
        eras.append(_Era(change.place, change.new, ends, ahead))
        if change.new is None or change.old is None:
            return eras
        ahead += change.new - change.old
        ends = change.old
    return [*eras, _Era(since, None, ends, ahead)]


def _moves(change: Change) -> bool:
    if change.new is None or change.old is None or change.old.year < _LOST_BEFORE:
        return False
    return abs(change.new - change.old) > _SEASON
