"""What a device's own log of how its clock was set makes of the stamps in its memory. Pure.

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

Where the clock was looked at before, the log must explain how it moved since. If it does, what was
stamped in between is told as a count that nobody set; if not, all stamps are left as they are, and
the domain judges by what was seen of the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.domain.reading import ClockSample

_SEASON = timedelta(hours=1)
"""A clock set by no more than this does not make a stamp worse than the domain takes it to be."""
_LOST_BEFORE = 2010  # no device in scope is older: one that shows an earlier year was never set
_JITTER = timedelta(minutes=2)  # a clock that shows minutes, read between two seconds
_STORED_LATE = timedelta(hours=8, minutes=30)  # what a sensor keeps, and half an hour
_BY_SENSOR = timedelta(minutes=3)  # its count is in whole minutes, and made at each scan anew
_ONE_SETTING = timedelta(minutes=10)  # somebody is in the device's menu
_BETWEEN_LOOKS = timedelta(minutes=2)  # each is of a minute
_DRIFT = 100e-6  # s/s, as in `domain.device_clock`


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
class Look:
    """How far ahead of UTC a clock was seen to be, and when."""

    ahead_s: int
    utc_s: int

    @classmethod
    def of(cls, clock: ClockSample | None) -> Look | None:
        """Make it of a look; None if the clock was lost, or the hub did not know the time."""
        if clock is None or not clock.at.trusted:
            return None
        utc = clock.at.utc.astimezone(UTC)
        ahead = clock.shown - utc.replace(tzinfo=None)
        return cls(round(ahead.total_seconds()), round(utc.timestamp()))

    @classmethod
    def from_text(cls, text: object) -> Look | None:
        """Read what `to_text` wrote; None if it is something else."""
        ahead, _, utc = str(text).partition("@")
        if ahead.removeprefix("-").isdecimal() and utc.isdecimal():
            return cls(int(ahead), int(utc))
        return None

    def to_text(self) -> str:
        """Write it for a bookmark."""
        return f"{self.ahead_s}@{self.utc_s}"


@dataclass(frozen=True, slots=True)
class Told:
    """When something was stamped by the present clock; None if nobody can tell.

    `counted`: by a clock of which every setting since is known.
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

    The log reaches back to place `since`. What it cannot place is told as it was stamped, unless
    the clock was moved by so much that this would be wrong.
    """
    log, now = ClockLog(changes, clock.shown, since), Look.of(clock)
    counted_since = None
    if before is not None and now is not None:
        if not log.explains(before, now):
            return [Told(record.at) for record in records]
        counted_since = clock.shown - timedelta(seconds=now.utc_s - before.utc_s)
    made = []
    for record, at in zip(records, log.on_present_clock(records), strict=True):
        counted = at is not None and counted_since is not None and at >= counted_since
        made.append(Told(record.at if at is None and not log.moves else at, counted))
    return made


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
        self.moves = any(map(_moves, _settings(reversed(newest_first))))
        """Whether the clock was set by so much that a stamp of before is no time of today's."""
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
            for number, expected in _by_sensor(records, made, order):
                if made[number] is None and expected is not None:
                    unstamped = records[number].at is None
                    made[number] = expected.at if unstamped else expected.nearest(possible[number])
        sure = len(records)
        for number, expected in _by_sensor(records, made, newest_first):
            at = made[number]
            if expected is not None and (at is None or not expected.agrees(at)):
                return [None] * sure + made[sure:]
            sure = sure if at is None else number
        return made

    def explains(self, before: Look, now: Look) -> bool:
        """Say whether the log has all that was done to the clock between two looks at it."""
        passed_s = now.utc_s - before.utc_s
        moved = timedelta(seconds=now.ahead_s - before.ahead_s)
        since = self._eras[0].ends - timedelta(seconds=passed_s)
        for change, era in zip(self._changes, self._eras, strict=False):
            if change.new is not None and change.new + era.ahead <= since:
                break
            if change.new is None or change.old is None:
                return False
            moved -= change.new - change.old
        return passed_s >= 0 and abs(moved) <= _BETWEEN_LOOKS + timedelta(seconds=passed_s * _DRIFT)

    def _possible(self, record: Stamped) -> set[datetime]:
        if record.at is None:
            return set()
        eras = [era for era in self._eras if era.since <= record.place]
        if record.sensor_minutes is None:
            del eras[1:]
        return {record.at + era.ahead for era in eras if era.holds(record, record.at)}


@dataclass(frozen=True, slots=True)
class _Expected:
    """When a sample was taken, by its sensor's count from another one; `within` so much."""

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
    near: tuple[Stamped, datetime] | None = None
    for number in order:
        record = records[number]
        if record.sensor_minutes is None:
            continue
        begins = record.first_of_sensor and order.step > 0
        if near is not None and (begins or not _are_of_one_sensor(near[0], record)):
            near = None
        yield number, None if near is None else _expected(record, *near)
        at = made[number]
        if at is not None:
            near = (record, at)
        if record.first_of_sensor and order.step < 0:
            near = None


def _are_of_one_sensor(one: Stamped, other: Stamped) -> bool:
    earlier, later = sorted((one, other), key=lambda record: record.place)
    return (earlier.sensor_minutes or 0) < (later.sensor_minutes or 0)


def _expected(record: Stamped, near: Stamped, at: datetime) -> _Expected:
    passed = timedelta(minutes=(record.sensor_minutes or 0) - (near.sensor_minutes or 0))
    return _Expected(at + passed, _BY_SENSOR + abs(passed) * _DRIFT)


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


def _moves(change: Change) -> bool:
    if change.new is None or change.old is None or change.old.year < _LOST_BEFORE:
        return False
    return abs(change.new - change.old) > _SEASON
