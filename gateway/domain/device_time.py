"""When was it really measured? One pure function from what was observed to a moment and its doubt.

Device clocks drift, fall back to 1970 or 2000, shift with daylight saving and travel, or count from
the start of a sensor session. What the device said is never changed; this module computes the
corrected time beside it, with the correction, its reason and an uncertainty.

Order of truth (HL7 Personal Health Device guide, time rules): the device's stamp moved by the
difference between its clock and ours, as read in the same connection or seen in earlier ones
(`domain.device_clock`); else the stamp with the device's own UTC offset; else the stamp as a local
time of the hub's zone; else, for a reading that has just been taken, the moment of reception. A
stored reading with none of these has no known time.

The uncertainty is a bound, not a guess: where several moments are possible it reaches to the
farthest. What it rests on is said in `domain.device_clock`, and for a clock that cannot be read:
that its owner set it to the local time, perhaps not for the season.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from functools import lru_cache

from gateway.domain.device_clock import UNWATCHED, ClockHistory, Moment, moments, seen, seen_before
from gateway.domain.reading import DeviceTime, Reading
from gateway.frozen import frozen

EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)
"""No device in scope stored a reading before this: an earlier stamp is a clock never set."""
AHEAD = timedelta(minutes=10)
"""A stamp further than this in the future is a wrong clock (specs agree on ten minutes)."""
SENDABLE_WITHIN = timedelta(hours=2)
"""A time that may be off by more than this is not sent: morning and evening values differ."""

_FIRST_MEETING = timedelta(days=1)  # by then a device has given all that it held when we met
_STATED_OFFSET = timedelta(minutes=10)  # a clock that was set by hand, some months ago


class Correction(StrEnum):
    """Why the corrected time is what it is. A closed vocabulary: the trace shows it."""

    MEASURED_OFFSET = "measured_offset"
    EARLIER_OFFSET = "earlier_offset"
    """The clock was set or lost since; it is moved by what an earlier look at it had shown."""
    CLOCK_CHANGED = "clock_changed"
    """The clock was set between two looks; the uncertainty reaches over all of its accounts."""
    STATED_OFFSET = "stated_offset"
    ASSUMED_ZONE = "assumed_zone"
    RECEPTION = "reception"
    """The device keeps no time."""
    RECEPTION_BAD_CLOCK = "reception_bad_clock"
    """The device's clock cannot be right, but the reading had just been taken."""
    COMPUTED_HERE = "computed_here"
    """No device measured it: the hub computed it, for a period whose end it chose."""
    HUB_CLOCK_UNSET = "hub_clock_unset"
    """The hub itself did not know the time; this is provisional, and corrected once it does."""
    UNKNOWN = "unknown"
    """Taken from memory under a clock that cannot be right: when, nobody knows."""


@frozen
class Timing:
    """The corrected time of a reading. `sendable` is False where it is not known well enough."""

    measured_at: datetime
    """Aware, in the hub's offset from UTC at that moment."""
    correction: timedelta
    """What was added to the device's own account of the time; zero if it gave none."""
    reason: Correction
    uncertainty: timedelta | None
    """How far off `measured_at` may be, either way; None if nobody knows."""
    sendable: bool

    @property
    def earliest(self) -> datetime | None:
        """The first moment at which it can have been measured; None if nobody knows."""
        return None if self.uncertainty is None else self.measured_at - self.uncertainty

    @property
    def latest(self) -> datetime | None:
        """The last moment that its uncertainty reaches, perhaps after it was received; or None."""
        return None if self.uncertainty is None else self.measured_at + self.uncertainty


def corrected(
    reading: Reading,
    zone: tzinfo,
    history: ClockHistory = (),
    *,
    hub_doubt: timedelta = timedelta(),
) -> Timing:
    """Compute when `reading` was taken. `zone` is the hub's, assumed for the device too.

    `history` is what was seen of this device's clock before. `hub_doubt` is how far off the hub's
    own time of reception may be. A reading received while the hub did not know the time has no
    sendable time yet: bring its instants to true time first (`domain.hub_time`).
    """
    if not reading.received.trusted:
        return _unknown(reading, Correction.HUB_CLOCK_UNSET, zone)
    found = _found(reading, _Known(zone, history, hub_doubt))
    if found is None:
        return _unknown(reading, Correction.UNKNOWN, zone)
    moment, reason = found
    at = _told_in(zone, moment.at)
    doubt = max(moment.at - moment.earliest, moment.latest - moment.at) + hub_doubt
    return Timing(
        at,
        _correction(reading, at, reason),
        reason,
        doubt,
        sendable=doubt <= SENDABLE_WITHIN,
    )


_Found = tuple[Moment, Correction]


@frozen
class _Known:
    """What is known besides the reading."""

    zone: tzinfo
    history: ClockHistory
    hub_doubt: timedelta


def _found(reading: Reading, known: _Known) -> _Found | None:
    told = reading.device_time
    if told is None:
        return _around_reception(reading), Correction.RECEPTION
    if told.stamp is not None:
        for attempt in (_by_clock, _by_offset, _by_zone):
            found = attempt(reading, told, told.stamp, known)
            if found is not None:
                return found
    if reading.live:
        return _around_reception(reading), Correction.RECEPTION_BAD_CLOCK
    return None


def _by_clock(reading: Reading, told: DeviceTime, stamp: datetime, known: _Known) -> _Found | None:
    """Go by the clock as seen now, and before."""
    if told.clock is None:
        return None
    if (stamp, reading.received) == (told.clock.shown, told.clock.at):
        return _around_reception(reading), Correction.MEASURED_OFFSET  # as it was being taken
    now = _possible(reading, told, stamp, seen((), told.clock, told.resolution))
    if reading.live and now and now[0].at >= reading.received.utc - reading.taken_within:
        return now[0], Correction.MEASURED_OFFSET  # that it is just now by the clock is no accident
    history = () if told.counter else known.history
    if known.hub_doubt and history:
        return _by_either(reading, told, stamp, now, known)
    looks = seen_before(history, told.clock, told.resolution)
    possible = _possible(reading, told, stamp, looks)
    if not possible:
        return None
    last = possible[-1]
    first_look = looks[0].first
    if last.at < first_look and reading.received.utc - first_look > _FIRST_MEETING:
        # It would have come when we first met: the clock was lost since, and set again.
        last = replace(last, latest=reading.received.utc)
        return _over(last, [*possible, last]), Correction.CLOCK_CHANGED
    if len(possible) > 1:
        return _over(last, possible), Correction.CLOCK_CHANGED
    return last, Correction.MEASURED_OFFSET if last.present else Correction.EARLIER_OFFSET


def _by_either(
    reading: Reading, told: DeviceTime, stamp: datetime, now: list[Moment], known: _Known
) -> _Found | None:
    """Go by the clock as seen at a moment that is itself in doubt, or as it had been seen before.

    Which of two looks was the earlier cannot be told then, so neither bounds the other.
    """
    until = reading.received.utc + known.hub_doubt
    before = tuple(span for span in known.history if span.first <= until)
    held = [m for m in moments(stamp, told.resolution, before, until) if m.at >= EARLIEST]
    possible = [*held, *now]
    if not possible:
        return None
    return _over(possible[-1], possible), Correction.CLOCK_CHANGED


def _by_offset(reading: Reading, told: DeviceTime, stamp: datetime, known: _Known) -> _Found | None:
    """Go by the offset from UTC that the device states.

    What its clock showed when it was looked at before is as likely, where that disagrees.
    """
    if told.utc_offset is None:
        return None
    try:
        at = (stamp - told.utc_offset).replace(tzinfo=UTC)
    except OverflowError:
        return None
    stated = _plausible(reading, at, _STATED_OFFSET + told.resolution)
    if stated is None:
        return None
    return _or_as_seen(stated, reading, told, stamp, known), Correction.STATED_OFFSET


def _by_zone(reading: Reading, told: DeviceTime, stamp: datetime, known: _Known) -> _Found | None:
    """Take the stamp for a time of the hub's zone.

    Where the clock was looked at before, it must not disagree: what it showed then is as likely.
    """
    if told.counter:
        return None
    try:
        at = datetime.combine(stamp, stamp.time(), known.zone).astimezone(UTC)
    except OverflowError:
        return None
    local = _plausible(reading, at, UNWATCHED + told.resolution)
    if local is None or _is_watched(told, at, known):
        return None
    if reading.live and abs(reading.received.utc - at) <= reading.taken_within:
        # That a clock which cannot be read shows this very moment is no accident.
        just_taken = _around_reception(reading)
        local = replace(just_taken, at=min(at, just_taken.at))
    return _or_as_seen(local, reading, told, stamp, known), Correction.ASSUMED_ZONE


def _or_as_seen(
    moment: Moment, reading: Reading, told: DeviceTime, stamp: datetime, known: _Known
) -> Moment:
    """Let it reach over what a clock that is not there now showed when it was looked at before."""
    if told.clock is not None or not known.history:
        return moment
    return _over(moment, [moment, *_possible(reading, told, stamp, known.history)])


def _is_watched(told: DeviceTime, at: datetime, known: _Known) -> bool:
    """Whether the clock was looked at before, so that it would be known to show local time."""
    return bool(known.history) and told.clock is not None and at >= known.history[0].first


def _possible(
    reading: Reading, told: DeviceTime, stamp: datetime, looks: ClockHistory
) -> list[Moment]:
    until, settable = reading.received.utc, not told.counter
    found = moments(stamp, told.resolution, looks, until, settable=settable)
    return [moment for moment in found if moment.at >= EARLIEST]


def _over(chosen: Moment, possible: list[Moment]) -> Moment:
    """Return the chosen moment with a doubt that reaches over all that are possible."""
    if possible == [chosen]:
        return chosen
    earliest = min(moment.earliest for moment in possible)
    latest = max(moment.latest for moment in possible)
    return replace(chosen, earliest=earliest, latest=latest)


def _plausible(reading: Reading, at: datetime, doubt: timedelta) -> Moment | None:
    """Return the moment unless no clock that is right shows it; what is received was measured."""
    if not EARLIEST <= at <= reading.received.utc + AHEAD:
        return None
    return Moment(at, at - doubt, at + doubt, present=True)


def _around_reception(reading: Reading) -> Moment:
    at = reading.received.utc
    return Moment(at, at - reading.taken_within, at, present=True)


def _told_in(zone: tzinfo, at: datetime) -> datetime:
    """Write a moment with the zone's offset of that moment, and not with the zone itself.

    Python adds to a time of a zone on the face of the clock: an hour wrong where it changes.
    """
    return at.astimezone(_fixed(at.astimezone(zone).utcoffset() or timedelta()))


@lru_cache(maxsize=64)  # every half and quarter hour there is
def _fixed(offset: timedelta) -> timezone:
    return timezone(offset)


def _unknown(reading: Reading, reason: Correction, zone: tzinfo) -> Timing:
    at = _told_in(zone, reading.received.utc)
    return Timing(at, timedelta(), reason, None, sendable=False)


_SHIFTED = {Correction.MEASURED_OFFSET, Correction.EARLIER_OFFSET, Correction.CLOCK_CHANGED}


def _correction(reading: Reading, at: datetime, reason: Correction) -> timedelta:
    told = reading.device_time
    if told is None or told.stamp is None or reason not in _SHIFTED:
        return timedelta()
    return at.replace(tzinfo=None) - told.stamp
