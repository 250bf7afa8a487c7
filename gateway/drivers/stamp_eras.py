"""When a record was stamped, by a device's present clock and the log of how it was set. Pure.

Records and changes have places in one order, that in which the device stored them. Between two
changes lies an era of the clock, in which a stamp is ahead of the present clock, or behind it, by
the sum of what was changed later:

    places    . . . . . . . . | . . . . . . . | . . . . . . now
    eras      ends at 03:00   | 02:00 to 09:10| from 15:10 to what it shows
    moved by  -1 h + 6 h      |          + 6 h| nothing

Such a log is believed only where stamps agree with it: each must lie within its era. Samples of a
sensor are stored when it is next scanned, up to eight hours late, so they may belong to the era
before the one in which they were stored; the sensor's own count of minutes tells, as it does of
samples from before the log begins. Where that count and the stamps part, something happened to the
clock that no log tells, and no stamp before can be moved. A clock that was lost begins again long
ago: what it showed before, the log does not say.
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
_ONE_SETTING = timedelta(minutes=10)  # somebody is in the device's menu
_DRIFT = 100e-6  # s/s, as in `domain.device_clock`


@dataclass(frozen=True, slots=True)
class Change:
    """The clock was set from one time to another; None for one that is no time."""

    place: int
    old: datetime | None
    new: datetime | None

    @property
    def key(self) -> str:
        """What tells it from others, wherever it stands."""
        return f"{self.old} {self.new}"


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
        self._changes = newest_first
        self._eras = _eras(newest_first, shown)
        self._since = since

    def on_present_clock(self, records: Sequence[Stamped]) -> list[datetime | None]:
        """Return when each was stamped by the present clock; None where the log cannot tell.

        `records` are in the device's order, the oldest first.
        """
        possible = [self._possible(record) for record in records]
        made = [
            at.copy().pop() if len(at) == 1 and record.place >= self._since else None
            for record, at in zip(records, possible, strict=True)
        ]
        newest_first, oldest_first = range(len(records) - 1, -1, -1), range(len(records))
        for order in (newest_first, oldest_first):
            for number, near in _by_sensor(records, made, order):
                if made[number] is None and near is not None:
                    unstamped = records[number].at is None
                    made[number] = near.at if unstamped else near.nearest(possible[number])
        sure = len(records)
        for number, near in _by_sensor(records, made, newest_first):
            at = made[number]
            if near is not None and (at is None or not near.agrees(at)):
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

    def is_silent_about(self, record: Stamped) -> bool:
        """Say whether the log knows nothing of how the clock was set since a record.

        A clock that was lost was set by somebody who knew the time, as it had been before.
        """
        last = next((change for change in self._changes if is_loss(change)), None)
        return not self._changes or (last is not None and record.place < last.place)

    def shown_then(self, at: datetime) -> datetime:
        """Return what the clock showed, by the log, at a moment of the present clock."""
        for era in self._eras:
            if era.begins is None or at >= era.begins + era.ahead:
                return at - era.ahead
        return at

    def settings_since(self, key: str) -> list[Change]:
        """Return how the clock was set since the change with this key, the oldest first.

        By their order, which nothing that was done to the clock can change. Where that change has
        left the log, all that are in it are newer.
        """
        since = takewhile(lambda change: change.key != key, self._changes)
        return _settings(reversed(list(since)))

    def _possible(self, record: Stamped) -> set[datetime]:
        if record.at is None:
            return set()
        eras = [era for era in self._eras if era.since <= record.place]
        if record.sensor_minutes is None:
            del eras[1:]
        return {record.at + era.ahead for era in eras if era.holds(record, record.at)}


def is_loss(change: Change) -> bool:
    """Say whether the clock had been lost before it was set."""
    return change.old is None or change.old.year < _LOST_BEFORE


@dataclass(frozen=True, slots=True)
class _Expected:
    """When a sample was taken, by its sensor's count from the one of this number; `within` this."""

    number: int
    at: datetime
    within: timedelta

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
    passed = timedelta(minutes=(record.sensor_minutes or 0) - (near.sensor_minutes or 0))
    return _Expected(number, at + passed, _BY_SENSOR + abs(passed) * _DRIFT)


def _eras(newest_first: Sequence[Change], shown: datetime) -> list[_Era]:
    eras, ends, ahead = [], shown, timedelta()
    for change in newest_first:
        eras.append(_Era(change.place, change.new, ends, ahead))
        if change.new is None or change.old is None:
            return eras
        ahead += change.new - change.old
        ends = change.old
    return [*eras, _Era(-1, None, ends, ahead)]


def _settings(oldest_first: Iterable[Change]) -> list[Change]:
    """Make one of changes right after each other: a date, then a time (tidepool's uploader)."""
    made: list[Change] = []
    for change in oldest_first:
        last = made[-1].new if made else None
        if last is not None and change.old is not None and abs(change.old - last) <= _ONE_SETTING:
            made[-1] = Change(change.place, made[-1].old, change.new)
        else:
            made.append(change)
    return made
