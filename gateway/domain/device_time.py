"""When was it really measured? One pure function from what was observed to a moment and its doubt.

Device clocks drift, fall back to 1970 or 2000, shift with daylight saving and travel, or count from
the start of a sensor session. What the device said is never changed; this module computes the
corrected time beside it, with the correction, its reason and an uncertainty.

Order of truth (HL7 Personal Health Device guide, time rules): the device's stamp moved by the
difference between its clock and ours, both read in the same connection; else the stamp with the
device's own UTC offset; else the stamp as a local time of the hub's zone; else, for a reading that
has just been taken, the moment of reception. A stored reading with none of these has no known time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

from gateway.domain.reading import DeviceTime, Reading

EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)
"""No device in scope stored a reading before this: an earlier stamp is a clock never set."""
AHEAD = timedelta(minutes=10)
"""A stamp further than this in the future is a wrong clock (specs agree on ten minutes)."""

_SAMPLED_CLOCK = timedelta(seconds=2)  # reading a clock over a link takes well under two seconds
_STATED_OFFSET = timedelta(minutes=5)  # guess: drift of a clock that was set, some months ago
_ASSUMED_ZONE = timedelta(hours=1)  # daylight saving may not have been set on the device
_JUST_TAKEN = timedelta(minutes=2)  # episodic devices send within some 30 s of measuring


class Correction(StrEnum):
    """Why the corrected time is what it is. A closed vocabulary: the trace shows it."""

    MEASURED_OFFSET = "measured_offset"
    STATED_OFFSET = "stated_offset"
    ASSUMED_ZONE = "assumed_zone"
    RECEPTION = "reception"
    """The device keeps no time."""
    RECEPTION_BAD_CLOCK = "reception_bad_clock"
    """The device's clock cannot be right, but the reading had just been taken."""
    UNKNOWN = "unknown"
    """Taken from memory under a clock that cannot be right: when, nobody knows."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The corrected time of a reading. `sendable` is False where no time can be stated."""

    measured_at: datetime
    """Aware, in the hub's zone offset at that moment."""
    correction: timedelta
    """What was added to the device's own account of the time; zero if it gave none."""
    reason: Correction
    uncertainty: timedelta | None
    """How far off `measured_at` may be, either way; None if nobody knows."""
    sendable: bool


def corrected(reading: Reading, zone: tzinfo) -> Timing:
    """Compute when `reading` was taken. `zone` is the hub's, assumed for the device too."""
    told = reading.device_time
    if told is None:
        return _at_reception(reading, Correction.RECEPTION, zone)
    if told.stamp is not None:
        for attempt in (_by_sample, _by_offset, _by_zone):
            try:
                timing = attempt(reading, told, told.stamp, zone)
            except OverflowError:  # a clock of the year 9999, or a stamp: no moment follows from it
                continue
            if timing is not None and _plausible(timing.measured_at, reading):
                return timing
    if reading.live:
        return _at_reception(reading, Correction.RECEPTION_BAD_CLOCK, zone)
    at = reading.received.utc.astimezone(zone)
    return Timing(at, timedelta(), Correction.UNKNOWN, None, sendable=False)


def _by_sample(reading: Reading, told: DeviceTime, stamp: datetime, zone: tzinfo) -> Timing | None:
    if told.clock is None:
        return None
    age = told.clock.shown - stamp
    since_sample = timedelta(seconds=reading.received.monotonic - told.clock.at.monotonic)
    if age + since_sample < -_SAMPLED_CLOCK - told.resolution:
        return None  # the clock was set back after the reading: the sample says nothing about it
    at = (told.clock.at.utc - age).astimezone(zone)
    shift = at.replace(tzinfo=None) - stamp
    return Timing(
        at, shift, Correction.MEASURED_OFFSET, _SAMPLED_CLOCK + told.resolution, sendable=True
    )


def _by_offset(reading: Reading, told: DeviceTime, stamp: datetime, zone: tzinfo) -> Timing | None:
    if told.utc_offset is None:
        return None
    at = (stamp - told.utc_offset).replace(tzinfo=UTC).astimezone(zone)
    return Timing(
        at, timedelta(), Correction.STATED_OFFSET, _STATED_OFFSET + told.resolution, sendable=True
    )


def _by_zone(reading: Reading, told: DeviceTime, stamp: datetime, zone: tzinfo) -> Timing | None:
    at = stamp.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
    return Timing(
        at, timedelta(), Correction.ASSUMED_ZONE, _ASSUMED_ZONE + told.resolution, sendable=True
    )


def _plausible(at: datetime, reading: Reading) -> bool:
    return at >= EARLIEST and at - reading.received.utc <= AHEAD


def _at_reception(reading: Reading, reason: Correction, zone: tzinfo) -> Timing:
    at = reading.received.utc.astimezone(zone)
    return Timing(at, timedelta(), reason, _JUST_TAKEN, sendable=True)
