"""What the memory of a Precision or Optium Neo says: a reading for each test of blood glucose.

Control solution has quality CONTROL: it is nobody's blood. LO and HI are limits in place of a
number. Ketone, insulin and the rest are no readings.

The meter shows minutes, and what its record ids count nobody says; so a record is named by its time
and value, and by a number among those that share both, counted from the oldest: what is measured
later never changes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from gateway.clock import Instant
from gateway.domain.device import DeviceId
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import ClockSample, DeviceTime, Kind, Measure, Quality, Reading
from gateway.drivers.clock_log import Look, Told, told
from gateway.drivers.freestyle_text import TimeChange
from gateway.drivers.glucose_meter.freestyle_neo.codec import Glucose, Record
from gateway.drivers.stamp_eras import Change, Stamped

_TIME_FIELDS = slice(2, 7)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Stored:
    """A line of the memory, and the record it is."""

    line: bytes
    record: Record

    @property
    def time(self) -> bytes:
        """The time of it, as the meter writes it, whether or not there is such a time."""
        return b",".join(self.line.split(b",")[_TIME_FIELDS])


@dataclass(frozen=True, slots=True)
class Meter:
    """Whose memory it is, and what its clock showed when it was read; None if it was lost."""

    device: DeviceId
    serial: str
    clock: ClockSample | None
    look: Look | None = None
    """What it showed when it was read before."""


def oldest_first(stored: Sequence[Stored]) -> Sequence[Stored]:
    """Bring records in the order in which they were measured, by most of their times.

    The newest comes first, a public client says.
    """
    stamps = [each.record.device_time for each in stored if isinstance(each.record, Glucose)]
    times = [stamp.at for stamp in stamps if stamp is not None]
    steps = [(later > earlier) - (later < earlier) for earlier, later in pairwise(times)]
    return stored if sum(steps) > 0 else stored[::-1]


def readings(ordered: Sequence[Stored], meter: Meter, received: Instant) -> Iterator[Reading]:
    """Make the readings of a memory, the oldest first, as its records are."""
    twins: Counter[str] = Counter()
    for each, when in zip(ordered, _times(ordered, meter), strict=True):
        if not isinstance(each.record, Glucose):
            continue
        value = each.record.limit or each.record.glucose_mgdl
        named = f"{each.time.decode('latin-1')}={value}"
        twins[named] += 1
        time = DeviceTime(
            stamp=when.at,
            raw=each.time.hex(),
            clock=None if when.unseen else meter.clock,
            resolution=_MINUTE,
            counter=when.counted,
        )
        key = f"{meter.serial}:{named}#{twins[named]}"
        yield _reading(each.record, time, key, meter.device, received)


def _reading(
    record: Glucose, time: DeviceTime, key: str, device: DeviceId, received: Instant
) -> Reading:
    values, flags, quality = {}, set(), Quality.GOOD
    if record.glucose_mgdl is not None:
        mg_dl = Decimal(record.glucose_mgdl)
        values[Measure.GLUCOSE] = Quantity(value=mg_dl, unit=Unit.MILLIGRAM_PER_DECILITRE)
    if time.stamp is None:
        flags.add("time_unknown")
        quality = Quality.QUESTIONABLE
    if record.control:
        flags.add("control_solution")
        quality = Quality.CONTROL
    return Reading(
        device=device,
        kind=Kind.BLOOD_GLUCOSE,
        values=values,
        limit=record.limit,
        received=received,
        device_time=time,
        record=key,
        live=False,
        quality=quality,
        flags=frozenset(flags),
    )


def _times(ordered: Sequence[Stored], meter: Meter) -> list[Told]:
    """Return for each record when it was measured by the meter's present clock."""
    stamped = [_stamped(place, each.record) for place, each in enumerate(ordered)]
    return told(stamped, clock_changes(ordered), meter.clock, meter.look)


def clock_changes(ordered: Sequence[Stored]) -> list[Change]:
    """Return how the clock was set, by records that are in order."""
    return [
        each.record.at(place)
        for place, each in enumerate(ordered)
        if isinstance(each.record, TimeChange)
    ]


def _stamped(place: int, record: Record) -> Stamped:
    if not isinstance(record, Glucose) or record.device_time is None or not record.time_valid:
        return Stamped(place, None)
    return Stamped(place, record.device_time.at)
