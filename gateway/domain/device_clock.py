"""What is known of a device's clock: how far it was from UTC, from when to when.

Every look at a clock gives its offset at one moment. Looks that agree make a span; one that does
not begins the next. A stamp then has as many possible moments as there are spans whose offset may
have been in force then: one, as long as nobody sets the clock between two looks at it.

    looks      x    x    x                  x   x
    span       [--- A ---]                  [ B ]
    may hold  ------ A ---------------------]           between two spans the clock was set:
                         [------------------ B ------   either offset may have been in force

By which time of the hub a look is told may turn out wrong as long as the boot of the hub lasts in
which it was taken. So looks of the present boot are kept apart from those before, and only what
becomes of a stamp is asked of both as one.

What this rests on: between two looks a clock drifts by at most `DRIFT` and jumps at most once (is
set, or loses its battery).
Before the first look nobody watched it, nor long after the last; `UNWATCHED` is then what it may
have been off by, for a clock that was set for summer or winter meanwhile.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gateway.clock import Instant
from gateway.domain.reading import ClockSample
from gateway.frozen import frozen

DRIFT = 100e-6
"""Seconds per second: 9 s a day. Quartz clocks keep 20 to 50, cold or old ones twice that."""
READ_WITHIN = timedelta(seconds=2)
"""Reading a clock over a link takes well under this."""
UNWATCHED = timedelta(hours=1, minutes=10)
"""An hour for daylight saving; ten minutes are what a clock that was set by hand may be off by."""
SPANS_KEPT = 32
"""More changes of a clock than anything in a device's memory can be older than."""

_SAME_CLOCK = timedelta(minutes=1)  # a clock whose offset moves by more is another one, so to say
_ENDS = (1, 9999)  # of the calendar
_RECENT = timedelta(minutes=2)  # nobody sets a clock between measuring and sending at once


@frozen
class ClockSpan:
    """From `first` to `last` the clock was seen to be `low` to `high` ahead of UTC.

    A clock that shows whole seconds, or minutes, is ahead by up to one more than it shows.
    `offset` is the latest seen, `gap` the longest time between two looks. A span's looks differ by
    a minute or so at most. `until` is when we set the clock ourselves, if that ended the span.
    `boot` names the boot of the hub whose looks it holds, and by whose time they are told; once
    that is over, it may hold earlier ones too. `set_in` names that by whose time `until` is told.
    """

    offset: timedelta
    low: timedelta
    high: timedelta
    first: datetime
    last: datetime
    gap: timedelta = timedelta()
    until: datetime | None = None
    boot: str = ""
    set_in: str = ""


ClockHistory = tuple[ClockSpan, ...]
"""The spans of one device, the oldest first; at most SPANS_KEPT."""


@frozen
class Moment:
    """One possible moment of a stamp. `present` tells that the present span gives it."""

    at: datetime
    earliest: datetime
    latest: datetime
    present: bool


def seen(history: ClockHistory, sample: ClockSample, resolution: timedelta) -> ClockHistory:
    """Add a look at the clock. One that is older than the last look adds nothing."""
    at = sample.at.utc
    if history and at < history[-1].last:
        return history
    offset = sample.shown - at.replace(tzinfo=None)
    span = ClockSpan(offset, offset, offset + resolution, at, at, boot=sample.at.boot_id)
    if not history:
        return (span,)
    last = history[-1]
    if last.boot == span.boot and _agree(last, span, resolution):
        return (*history[:-1], _joined(last, span))
    last, span = _set_last(last, span)
    return (*_as_one((*history[:-1], last), resolution, but=span.boot), span)[-SPANS_KEPT:]


def seen_before(history: ClockHistory, sample: ClockSample, resolution: timedelta) -> ClockHistory:
    """Add a look of any time: one whose moment was learned only after later ones."""
    at = sample.at.utc
    before = tuple(span for span in history if span.last <= at)
    after = history[len(before) :]
    if after and after[0].first <= at:  # in the middle of a span
        around, (look,) = after[0], seen((), sample, resolution)
        if around.boot == look.boot and _agree(around, look, resolution):
            low, high = min(around.low, look.low), max(around.high, look.high)
            return (*before, replace(around, low=low, high=high), *after[1:])
        earlier = replace(around, last=max(around.first, at - around.gap), until=None)
        later = replace(around, first=min(around.last, at + around.gap))
        return (*before, earlier, look, later, *after[1:])
    return (*seen(before, sample, resolution), *after)


def was_set(history: ClockHistory, at: Instant) -> ClockHistory:
    """Add that we set the clock: what it showed before says nothing of later, nor the reverse.

    Nobody has looked at what it showed since it was set before, if it was: then that ends the span.
    """
    if not history or history[-1].until is not None:
        return history
    return (*history[:-1], replace(history[-1], until=at.utc, set_in=at.boot_id))


def hub_was_set(history: ClockHistory, boot: str, by: timedelta) -> ClockHistory:
    """Tell what was seen in a boot of the hub by the time that is right: `by` later than it said.

    The looks were at the true clock, at other moments than the hub believed.
    """
    told: list[ClockSpan] = []
    for span in sorted((_set_by(span, boot, by) for span in history), key=lambda span: span.last):
        told[-1:] = _set_last(told[-1], span) if told else (span,)
    return tuple(told)


def _set_by(span: ClockSpan, boot: str, by: timedelta) -> ClockSpan:
    if span.until is not None and span.set_in == boot:
        span = replace(span, until=span.until + by)
    if span.boot != boot:
        return span
    return replace(
        span,
        offset=span.offset - by,
        low=span.low - by,
        high=span.high - by,
        first=span.first + by,
        last=span.last + by,
    )


def moments(
    stamp: datetime,
    resolution: timedelta,
    history: ClockHistory,
    until: datetime,
    *,
    settable: bool = True,
) -> list[Moment]:
    """Return when the clock may have shown `stamp`, no later than `until`; by span, oldest first.

    A span answers only for the time in which its offset may have been in force. A clock that is not
    `settable` was right, or as wrong as now, before anyone looked at it too.
    """
    found: list[Moment] = []
    history = _as_one(history, resolution)
    for at, span in enumerate(history):
        begins = (history[at - 1].until or history[at - 1].last) - READ_WITHIN if at else None
        ends = history[at + 1].first if at + 1 < len(history) else until
        ends = min(ends, until, span.until or until)
        present = at + 1 == len(history)
        moment = _moment(stamp, resolution, span)
        if moment is None or moment.earliest > ends or (begins and moment.latest < begins):
            continue
        early = begins is None and moment.at < span.first - _RECENT
        late = present and moment.at > span.last + _RECENT
        if settable and (early or late):
            moment = _unwatched(moment)
        found.append(_clipped(moment, begins, ends, present=present))
    return found


def _set_last(span: ClockSpan, later: ClockSpan) -> tuple[ClockSpan, ClockSpan]:
    """Tell of two spans which of them ended by our setting the clock: the one seen just before."""
    if span.until is None or span.until <= later.last:
        return span, later
    return replace(span, until=None), replace(later, until=span.until, set_in=span.set_in)


def _as_one(
    history: ClockHistory, resolution: timedelta, *, but: str | None = None
) -> ClockHistory:
    """Make one span of neighbours that agree, of whichever boots but one."""
    made: list[ClockSpan] = []
    for span in history:
        if made and but not in (made[-1].boot, span.boot) and _agree(made[-1], span, resolution):
            made[-1] = _joined(made[-1], span)
        else:
            made.append(span)
    return tuple(made)


def _agree(one: ClockSpan, other: ClockSpan, resolution: timedelta) -> bool:
    return max(one.high, other.high) - min(one.low, other.low) <= _SAME_CLOCK + resolution


def _joined(span: ClockSpan, later: ClockSpan) -> ClockSpan:
    ends = later if span.until is None or span.until <= later.last else span
    return ClockSpan(
        later.offset,
        min(span.low, later.low),
        max(span.high, later.high),
        span.first,
        later.last,
        max(span.gap, later.gap, later.first - span.last),
        ends.until,
        later.boot,
        ends.set_in,
    )


def _moment(stamp: datetime, resolution: timedelta, span: ClockSpan) -> Moment | None:
    try:
        at = (stamp - span.offset).replace(tzinfo=UTC)
        distance = max(span.first - at, at - span.last, timedelta())
        # Within a gap the clock may have drifted and been set right again, unseen.
        doubt = READ_WITHIN + max(distance, span.gap) * DRIFT
        earliest = (stamp - span.high).replace(tzinfo=UTC) - doubt
        latest = (stamp + resolution - span.low).replace(tzinfo=UTC) + doubt
    except OverflowError:  # a clock of the year 9999, or a stamp: no moment follows from it
        return None
    return None if at.year in _ENDS else Moment(at, earliest, latest, present=False)


def _unwatched(moment: Moment) -> Moment:
    earliest = min(moment.earliest, moment.at - UNWATCHED)
    return replace(moment, earliest=earliest, latest=max(moment.latest, moment.at + UNWATCHED))


def _clipped(moment: Moment, begins: datetime | None, ends: datetime, *, present: bool) -> Moment:
    earliest = max(moment.earliest, begins) if begins else moment.earliest
    latest = min(moment.latest, ends)
    return Moment(min(max(moment.at, earliest), latest), earliest, latest, present)
