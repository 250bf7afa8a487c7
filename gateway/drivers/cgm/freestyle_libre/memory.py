"""A reader's memory: its two lists in one order, and when what is in them was measured.

Every record has a number of 16 bits from one counter (tidepool's uploader sorts all of them by it),
so the lists have one order, in which the reader stored them. It tells on which side of a change of
the clock a record lies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from gateway.domain.reading import ClockSample
from gateway.drivers.cgm.freestyle_libre.codec import Record, Result, Sample
from gateway.drivers.clock_log import Look, Told, told
from gateway.drivers.freestyle_text import TimeChange
from gateway.drivers.stamp_eras import Stamped
from gateway.errors import DecodeError

_ROUND = 0x10000
_KEY_FIELDS = 8
_KEY_OCTETS = 64  # more than those fields have in a line that is a record


@dataclass(frozen=True, slots=True)
class Stored:
    """A line of a list, and the record it is, or why it is none."""

    line: bytes
    record: Record | None = None
    error: DecodeError | None = None

    @property
    def key(self) -> str:
        """What of a line never changes and is never the same twice: number, type, and time.

        Not the number alone, which may begin anew; and not the rest, where notes are added later.
        """
        fields = self.line.split(b",", _KEY_FIELDS)[:_KEY_FIELDS]
        return b",".join(fields)[:_KEY_OCTETS].decode("latin-1")


@dataclass(frozen=True, slots=True)
class Timed:
    """A record, and when it was stamped by the reader's present clock."""

    key: str
    record: Sample | Result
    told: Told

    @property
    def raw(self) -> bytes:
        """The stamp as the reader writes it, whether or not there is such a time."""
        return self.key.split(",", 2)[2].encode("latin-1")


def stored(lines: Sequence[bytes], decode: Callable[[bytes], Record]) -> list[Stored]:
    """Decode the lines of a list, and bring them in the order in which they were stored."""
    made = [_stored(line, decode) for line in lines]
    ids = [each.record.record_id for each in made if each.record is not None]
    steps = [(later - earlier) % _ROUND < _ROUND // 2 for earlier, later in pairwise(ids)]
    return made if sum(steps) * 2 >= len(steps) else made[::-1]


def _stored(line: bytes, decode: Callable[[bytes], Record]) -> Stored:
    try:
        return Stored(line, decode(line))
    except DecodeError as error:
        return Stored(line, error=error)


def after(listed: Sequence[Stored], key: str | None) -> Sequence[Stored]:
    """Return what comes after the record with this key; all if it is not there."""
    for at in range(len(listed) - 1, -1, -1):
        if listed[at].key == key:
            return listed[at + 1 :]
    return listed


def in_time(
    history: Sequence[Stored],
    results: Sequence[Stored],
    clock: ClockSample | None,
    before: Look | None,
) -> tuple[list[Timed], Look | None]:
    """Return the samples and results in the order in which they were stored, and the look of now.

    `clock` is what the reader's clock shows now, None if it is lost, and `before` what it showed
    when it was last read.
    """
    newest = _newest(history, results)
    placed = sorted(
        (
            (_place(each.record, newest), each.key, each.record)
            for each in (*history, *results)
            if each.record is not None
        ),
        key=lambda record: record[0],
    )
    kept = [
        (_stamped(place, record), key, record)
        for place, key, record in placed
        if isinstance(record, Sample | Result)
    ]
    stamped = [stamp for stamp, _, _ in kept]
    logged = next((at for at, _, record in placed if not isinstance(record, Sample)), _ROUND)
    changes = [record.at(place) for place, _, record in placed if isinstance(record, TimeChange)]
    times = told(stamped, changes, clock, before, since=_since([at for at, _, _ in placed], logged))
    timed = [Timed(key, record, time) for (_, key, record), time in zip(kept, times, strict=True)]
    return timed, Look.of(clock, changes)


def _place(record: Record, newest: int) -> int:
    return (record.record_id - newest - 1) % _ROUND


def _since(places: Sequence[int], logged: int) -> int:
    """Return from which place on no record was forgotten, by the oldest of the results' list.

    Samples before that have all numbers up to it where nothing lay between them.
    """
    held = set(places)
    while logged - 1 in held:
        logged -= 1
    return logged


def _newest(history: Sequence[Stored], results: Sequence[Stored]) -> int:
    """Return the number of the record that was stored last."""
    last = [
        next(each.record.record_id for each in reversed(listed) if each.record is not None)
        for listed in (history, results)
        if any(each.record is not None for each in listed)
    ]
    if not last:
        return 0
    return last[0] if (last[0] - last[-1]) % _ROUND < _ROUND // 2 else last[-1]


def _stamped(place: int, record: Sample | Result) -> Stamped:
    stamp = record.device_time
    at = stamp.at if stamp is not None and record.time_valid else None
    if isinstance(record, Sample):
        return Stamped(place, at, record.sensor_minutes, record.first_of_sensor)
    return Stamped(place, at)
