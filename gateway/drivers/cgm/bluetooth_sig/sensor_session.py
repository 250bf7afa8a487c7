"""Which sensor session are we in? It names the records, and says how far they have been read.

A CGM record is known only by its minute within a session of the sensor, so the session needs a name
that stays the same for every sample ever read twice. What the sensor states as the session's start
(2AAA) is no such name by itself: it is zero until a phone writes it, phones rewrite it after a
journey, and some firmware states a constant. What the sensor counts (2AA9: it is minute n now)
gives the start by our clock, `now - n`, which moves by some minutes between readings and is wrong
while the hub's clock is.

So the name is chosen once, when a session is first met, and kept in the bookmark:

- the stated start, if it lies within a time zone of ours: the name is then the same even if the
  bookmark is lost;
- else our own estimate, rounded.

Later we are in the same session if our estimate has hardly moved, whatever is stated by then; but
if another start is stated and the count went back as well, it was started again within minutes. Or,
where it has moved (was our clock wrong then, or is it now?), if the sensor states the same start as
before and that start has been true by our clock at either time. That second ground leaves a doubt,
and on doubt the whole memory is read again. Otherwise a new session has begun.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

TOLERANCE = timedelta(minutes=15)
"""How far two estimates of one start may lie apart: a status that counts on only with each sample
(5 min, at either reading), and the drift of a sensor's clock (100 ppm of 14 days are 2 min)."""

_ANY_ZONE = timedelta(hours=15)
"""Local times lie up to 14 h from UTC, and an estimate is off by minutes."""
_STARTED_MOVES = timedelta(minutes=5)
"""A smaller move of the estimate is noise, not worth a write to the journal."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What the sensor says of its session: the octets of 2AAA, their meaning, the minute it is."""

    octets: str
    """As hex, without CRC; empty if unreadable."""
    start: datetime | None
    """Naive, None if unusable."""
    minute: int
    at: datetime
    """When the minute was read: aware, by our clock."""

    @property
    def estimate(self) -> datetime:
        """When the session started by our clock, UTC."""
        return self.at.astimezone(UTC) - timedelta(minutes=self.minute)


@dataclass(frozen=True, slots=True)
class Mark:
    """The bookmark: the session, and the minute up to which all its records have been read."""

    key: str
    """Names the session in the keys of its records."""
    started: datetime
    """Our estimate of the start, aware, UTC."""
    stated: str
    """2AAA as last read, hex."""
    minute: int | None = None
    """Every record up to this minute is in the journal; None before the first."""
    interval: int | None = None
    """Minutes between records, as far as known."""
    first: int | None = None
    """With which minute the reading began, until it is sure that no record precedes it."""

    @property
    def since(self) -> int | None:
        """The first minute still to be read; None for "from the beginning"."""
        return None if self.minute is None else min(self.minute + 1, 0xFFFF)

    def past(self, minutes: Iterable[int]) -> Mark:
        """Move over records just recorded, as far as none can be missing in between.

        Stops at the first step longer than one and a half intervals (minutes are rounded), and at
        once where no interval is known yet: two steps in a row must tell the same. If they told too
        long a one while the first reading was not whole, records between them were lost, as many
        each time: the mark goes back to the beginning.
        """
        ahead = self._ahead(minutes)
        known = ahead if self.minute is None else [self.minute, *ahead]
        told = _told_twice(known) if self.interval is None else _shortest(ahead, self.interval)
        if self._is_finer(told):
            return replace(self.begun_anew(), interval=told)
        mark = replace(self, interval=told)
        for minute in ahead:
            if mark.minute is None:
                mark = replace(mark, first=minute)
            else:
                step = minute - mark.minute
                if mark.interval is None or 2 * step > 3 * mark.interval:
                    break
                if mark._is_finer(step):
                    return replace(self.begun_anew(), interval=step)
                mark = replace(mark, interval=min(step, mark.interval))
            mark = replace(mark, minute=minute)
        return mark

    def settled(self, minutes: Iterable[int]) -> Mark:
        """Move past records that are known to be all there are, whatever lies in between.

        Learns the interval anew: an owner may have set another one.
        """
        ahead = self._ahead(minutes)
        if not ahead:
            return self
        known = ahead if self.minute is None else [self.minute, *ahead]
        return replace(self, minute=ahead[-1], interval=_shortest(known) or self.interval)

    def begun_anew(self) -> Mark:
        """Return the mark of the same session with nothing read."""
        return replace(self, minute=None, first=None)

    def _is_finer(self, step: int | None) -> bool:
        """Whether a step shows that those of a first reading were too long, not only rounded."""
        if self.first is None or self.interval is None or step is None:
            return False
        return 3 * step < 2 * self.interval

    def _ahead(self, minutes: Iterable[int]) -> list[int]:
        return sorted({m for m in minutes if self.minute is None or m > self.minute})

    def to_text(self) -> str:
        """Write the mark as a bookmark."""
        fields = {
            "session": self.key,
            "started": self.started.isoformat(),
            "stated": self.stated,
            "minute": self.minute,
            "interval": self.interval,
            "first": self.first,
        }
        return json.dumps(fields, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str | None) -> Mark | None:
        """Read a bookmark; None if there is none, or not one of this driver's."""
        try:
            fields = json.loads(text or "")
            return cls(
                key=str(fields["session"]),
                started=datetime.fromisoformat(fields["started"]).astimezone(UTC),
                stated=str(fields["stated"]),
                minute=_number(fields["minute"]),
                interval=_number(fields["interval"]),
                first=_number(fields.get("first")),
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            return None


def identify(known: Mark | None, says: Statement) -> Mark:
    """Say which session this is, and how far it has been read: `known` moved on, or a new mark."""
    if known is None:
        return _begun(says, _name(says))
    is_near = abs(says.estimate - known.started) <= TOLERANCE
    if is_near and not _counts_from_another_start(known, says):
        moved = abs(says.estimate - known.started) > _STARTED_MOVES
        started = says.estimate if moved else known.started
        return replace(known, started=started, stated=says.octets)
    if _is_stated_again(known, says):
        return replace(known, started=says.estimate).begun_anew()
    name = _name(says)
    return _begun(says, name if name != known.key else _rounded(says.estimate))


def _shortest(minutes: list[int], known: int | None = None) -> int | None:
    steps = [later - earlier for earlier, later in pairwise(minutes)]
    return min([*steps, known] if known is not None else steps, default=None)


def _told_twice(minutes: list[int]) -> int | None:
    steps = [later - earlier for earlier, later in pairwise(minutes)]
    return min((step for step, after in pairwise(steps) if step == after), default=None)


def _begun(says: Statement, name: str) -> Mark:
    return Mark(name, says.estimate, says.octets)


def _name(says: Statement) -> str:
    if says.start is not None and _is_true(says.start, says.estimate):
        return says.start.isoformat()
    return _rounded(says.estimate)


def _rounded(estimate: datetime) -> str:
    nearest = estimate + timedelta(minutes=5)
    at = nearest.replace(minute=nearest.minute // 10 * 10, second=0, microsecond=0)
    return f"~{at:%Y-%m-%dT%H:%MZ}"


def _counts_from_another_start(known: Mark, says: Statement) -> bool:
    """Whether a sensor was started again within minutes: each ground alone may mean something else.

    A phone rewrites the start while the count goes on, and a status may lag behind a sample.
    """
    went_back = says.minute < (known.minute or 0)
    return went_back and says.start is not None and says.octets != known.stated


def _is_stated_again(known: Mark, says: Statement) -> bool:
    if says.start is None or says.octets != known.stated or says.minute < (known.minute or 0):
        return False
    return _is_true(says.start, says.estimate) or _is_true(says.start, known.started)


def _is_true(start: datetime, estimate: datetime) -> bool:
    return abs(start.replace(tzinfo=UTC) - estimate) <= _ANY_ZONE


def _number(value: object) -> int | None:
    if value is None or isinstance(value, int):
        return value
    raise ValueError("not a number")
