"""When a record was stamped, by a device's present clock and the log of how it was set. Pure.

Records and changes have places in one order, that in which the device stored them. Between two
changes lies an era of the clock, in which a stamp is ahead of the present clock, or behind it, by
the sum of what was changed later:

    places    . . . . . . . . | . . . . . . . | . . . . . . now
    eras      ends at 03:00   | 02:00 to 09:10| from 15:10 to what it shows
    moved by  -1 h + 6 h      |          + 6 h| nothing

A clock that was lost begins again long ago, perhaps more than once until it is set. What it showed
before, and for how long it was lost, the log does not say: so when it was set a first era begins,
and nothing that was stamped by another clock is moved to it. What a lost clock stamped is no time.

Such a log is believed only where stamps agree with it: each must lie within its era. Samples of a
sensor are stored when it is next scanned, up to eight hours late, so they may belong to the era
before the one in which they were stored, or to a clock that was lost since; the sensor's own count
of minutes tells, as it does of samples from before the log begins. Where that count and the stamps
part, something happened to the clock that no log tells, and no stamp before can be moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

_LOST_BEFORE = 2010  # no device in scope is older: one that shows an earlier year was never set
_JITTER = timedelta(minutes=2)  # a clock that shows minutes, read between two seconds
_STORED_LATE = timedelta(hours=8, minutes=30)  # what a sensor keeps, and half an hour
_BY_SENSOR = timedelta(minutes=3)  # its count is in whole minutes, and made at each scan anew
_SAMPLING_MIN = 15  # a sensor's samples that follow each other
_FARTHEST = timedelta(days=36525)  # a year has two digits
_DRIFT = 100e-6  # s/s, as in `domain.device_clock`


@dataclass(frozen=True, slots=True)
class Change:
    """The clock was set from one time to another; None for one that is no time.

    That a clock was lost is in no log, but that it was set from a time long ago.
    """

    place: int
    old: datetime | None
    new: datetime | None

    @property
    def key(self) -> str:
        """What tells it from others, wherever it stands."""
        return f"{self.old} {self.new}"

    @property
    def by(self) -> timedelta | None:
        """How far it was set forward, or back; None if nobody can tell, or it had been lost."""
        if self.old is None or self.new is None or is_lost(self.old):
            return None
        return self.new - self.old


def is_lost(shown: datetime) -> bool:
    """Say whether a clock that shows this was lost, or never set."""
    return shown.year < _LOST_BEFORE


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
    ends: datetime | None
    """None if it still lasts, and nobody looked at the clock."""
    ahead: timedelta

    def holds(self, record: Stamped, at: datetime) -> bool:
        late = _JITTER if record.sensor_minutes is None else _STORED_LATE
        has_begun = self.begins is None or at >= self.begins - late
        return has_begun and (self.ends is None or at <= self.ends + _JITTER)


class ClockLog:
    """The changes of a clock that shows `shown` now; their log reaches back to place `since`.

    Without `shown`, nobody looked at it. It tells of no stamp from before the clock was last lost.
    """

    def __init__(self, changes: Iterable[Change], shown: datetime | None, since: int) -> None:
        newest_first = sorted(changes, key=lambda change: change.place, reverse=True)
        self._eras = _eras(newest_first, shown)
        self._begins_anew = self._eras[-1].since >= 0
        self._since = since

    def on_present_clock(self, records: Sequence[Stamped]) -> list[datetime | None]:
        """Return when each was stamped by the present clock; None where the log cannot tell.

        `records` are in the device's order, the oldest first.
        """
        possible = [self._possible(record) for record in records]
        made = [
            at.copy().pop() if len(at) == 1 and is_sure and record.place >= self._since else None
            for record, at, is_sure in zip(
                records, possible, self._sure(records, possible), strict=True
            )
        ]
        newest_first, oldest_first = range(len(records) - 1, -1, -1), range(len(records))
        for order in (newest_first, oldest_first):
            for number, near in _by_sensor(records, made, order):
                if made[number] is None and near is not None:
                    made[number] = self._as_near(records[number], possible[number], near)
        sure = len(records)
        for number, near in _by_sensor(records, made, newest_first):
            at = made[number]
            if near is not None and self._contradicts(records[number], at, near):
                return [None] * sure + made[sure:]
            sure = sure if at is None else number
        return made

    def counted(
        self,
        records: Sequence[Stamped],
        times: Sequence[datetime | None],
        looked_at: datetime | None,
    ) -> list[bool]:
        """Say of each that has a time whether every setting of the clock since is known.

        It is what was stamped since a look that the log explains, and what the count of a sensor
        puts before such a sample: that count knows of no clock.
        """
        made = [looked_at is not None and at is not None and at >= looked_at for at in times]
        for number, near in _by_sensor(records, times, range(len(records) - 1, -1, -1)):
            if near is not None and made[near.number] and times[number] is not None:
                made[number] = True
        return made

    def shown_then(self, at: datetime) -> datetime | None:
        """Return what the clock showed, by the log, at a moment of the present clock.

        None if it was another clock's, or lost.
        """
        for era in self._eras:
            if era.since < 0 or (era.begins is not None and at >= era.begins + era.ahead):
                return at - era.ahead
        return None

    def _possible(self, record: Stamped) -> set[datetime]:
        at = _stamp(record)
        if at is None:
            return set()
        eras = [era for era in self._eras if era.since <= record.place]
        if record.sensor_minutes is None:
            del eras[1:]
        return {at + era.ahead for era in eras if era.holds(record, at)}

    def _sure(
        self, records: Sequence[Stamped], possible: Sequence[set[datetime]]
    ) -> Iterator[bool]:
        """Say of each whether no clock that was lost since can have stamped it.

        A sample may have been measured by one, unless more was stored between than a sensor keeps.
        """
        latest: datetime | None = None
        for record, at in zip(records, possible, strict=True):
            if record.sensor_minutes is None:
                latest = max(at, default=latest)
                yield True
            else:
                waited_since = None if latest is None else latest - _STORED_LATE
                yield not self._begins_anew or (
                    waited_since is not None and not self._is_before(waited_since)
                )

    def _is_before(self, at: datetime) -> bool:
        """Say whether a moment of the present clock is from before it was lost and set."""
        first = self._eras[-1]
        return self._begins_anew and (first.begins is None or at < first.begins + first.ahead)

    def _as_near(
        self, record: Stamped, possible: set[datetime], near: _Expected
    ) -> datetime | None:
        if _stamp(record) is not None and not self._is_before(near.at):
            return near.nearest(possible)
        return near.at if near.is_next else None

    def _contradicts(self, record: Stamped, at: datetime | None, near: _Expected) -> bool:
        if at is not None:
            return not near.agrees(at)
        return _stamp(record) is not None and not self._is_before(near.at)


def moved_by(changes: Iterable[Change]) -> timedelta | None:
    """Return how far a clock was set in all; None if nobody can tell, or it had been lost."""
    by = timedelta()
    for change in changes:
        if change.by is None or abs(by + change.by) > _FARTHEST:
            return None
        by += change.by
    return by


def changes_since(changes: Iterable[Change], key: str) -> list[Change]:
    """Return how the clock was set since the change with this key, the oldest first.

    By their order, which nothing that was done to the clock can change. Where that change has left
    the log, all that are in it are newer.
    """
    newest_first = sorted(changes, key=lambda change: change.place, reverse=True)
    return list(takewhile(lambda change: change.key != key, newest_first))[::-1]


def _stamp(record: Stamped) -> datetime | None:
    """Return the stamp of a record, unless a lost clock made it."""
    return None if record.at is None or is_lost(record.at) else record.at


@dataclass(frozen=True, slots=True)
class _Expected:
    """When a sample was taken, by its sensor's count from the one of this number; `within` this.

    `is_next`: there can be no doubt that it is the same sensor's, whatever the stamps say.
    """

    number: int
    at: datetime
    within: timedelta
    is_next: bool

    def agrees(self, at: datetime) -> bool:
        return abs(at - self.at) <= self.within

    def nearest(self, possible: Iterable[datetime]) -> datetime | None:
        agreeing = filter(self.agrees, possible)
        return min(agreeing, key=lambda at: abs(at - self.at), default=None)


def _by_sensor(
    records: Sequence[Stamped], made: Sequence[datetime | None], order: range
) -> Iterator[tuple[int, _Expected | None]]:
    """Go through the samples, and say of each what follows from the one before in this order.

    What is `made` of a sample meanwhile tells of the next ones. After a sensor's first sample, and
    where the count falls, it is another sensor.
    """
    near: tuple[int, datetime] | None = None
    for number in order:
        record = records[number]
        if record.sensor_minutes is None:
            continue
        begins = record.first_of_sensor and order.step > 0
        if near is not None and (begins or not _are_of_one_sensor(records[near[0]], record)):
            near = None
        yield number, None if near is None else _expected(record, records[near[0]], *near)
        at = made[number]
        if at is not None:
            near = (number, at)
        if record.first_of_sensor and order.step < 0:
            near = None


def _are_of_one_sensor(one: Stamped, other: Stamped) -> bool:
    earlier, later = sorted((one, other), key=lambda record: record.place)
    return (earlier.sensor_minutes or 0) < (later.sensor_minutes or 0)


def _expected(record: Stamped, near: Stamped, number: int, at: datetime) -> _Expected:
    minutes = (record.sensor_minutes or 0) - (near.sensor_minutes or 0)
    passed = timedelta(minutes=minutes)
    is_next = abs(minutes) == _SAMPLING_MIN or abs(record.place - near.place) == 1
    return _Expected(number, at + passed, _BY_SENSOR + abs(passed) * _DRIFT, is_next)


def _eras(newest_first: Sequence[Change], shown: datetime | None) -> list[_Era]:
    """Return the eras from which steps are known to the present one, that first."""
    eras, ends, ahead = [], shown, timedelta()
    for change in newest_first:
        eras.append(_Era(change.place, change.new, ends, ahead))
        if change.by is None or abs(ahead + change.by) > _FARTHEST:
            return eras
        ahead += change.by
        ends = change.old
    return [*eras, _Era(-1, None, ends, ahead)]
