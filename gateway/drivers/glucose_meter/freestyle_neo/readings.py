"""What the memory of a Precision or Optium Neo says: a reading for each test of glucose or ketone.

Control solution has quality CONTROL: it is nobody's blood. LO and HI are limits in place of a
number. Insulin and the rest are no readings.

The meter shows minutes, and what its record ids count nobody says; so a record is named by its time
and value, and by a number among those that share both, counted from the oldest: what is measured
later never changes it. Ketone is counted by itself.
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
from gateway.drivers.freestyle_text import TimeChange, ketone
from gateway.drivers.glucose_meter.freestyle_neo.codec import Glucose, Ketone, Record
from gateway.drivers.stamp_eras import Change, Stamped

Test = Glucose | Ketone
_TESTS = (Glucose, Ketone)
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
    stamps = [each.record.device_time for each in stored if isinstance(each.record, _TESTS)]
    times = [stamp.at for stamp in stamps if stamp is not None]
    steps = [(later > earlier) - (later < earlier) for earlier, later in pairwise(times)]
    return stored if sum(steps) > 0 else stored[::-1]


def readings(ordered: Sequence[Stored], meter: Meter, received: Instant) -> Iterator[Reading]:
    """Make the readings of a memory, the oldest first, as its records are."""
    twins: Counter[str] = Counter()
    for each, when in zip(ordered, _times(ordered, meter), strict=True):
        if not isinstance(each.record, _TESTS):
            continue
        named = f"{each.time.decode('latin-1')}={_named(each.record)}"
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


def _named(record: Test) -> str:
    """Return what tells a value from others of its minute."""
    if isinstance(record, Ketone):
        return f"ketone {record.limit or record.ketone_18ths}"
    return f"{record.limit or record.glucose_mgdl}"


def _reading(
    record: Test, time: DeviceTime, key: str, device: DeviceId, received: Instant
) -> Reading:
    kind, values = _said(record)
    flags, quality = set(), Quality.GOOD
    if time.stamp is None:
        flags.add("time_unknown")
        quality = Quality.QUESTIONABLE
    if record.control:
        flags.add("control_solution")
        quality = Quality.CONTROL
    return Reading(
        device=device,
        kind=kind,
        values=values,
        limit=record.limit,
        received=received,
        device_time=time,
        record=key,
        live=False,
        quality=quality,
        flags=frozenset(flags),
    )


def _said(record: Test) -> tuple[Kind, dict[Measure, Quantity]]:
    if isinstance(record, Ketone):
        amount = record.ketone_18ths
        return Kind.BLOOD_KETONE, {} if amount is None else {Measure.KETONE: ketone(amount)}
    if record.glucose_mgdl is None:
        return Kind.BLOOD_GLUCOSE, {}
    mg_dl = Decimal(record.glucose_mgdl)
    glucose = Quantity(value=mg_dl, unit=Unit.MILLIGRAM_PER_DECILITRE)
    return Kind.BLOOD_GLUCOSE, {Measure.GLUCOSE: glucose}


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
    if not isinstance(record, _TESTS) or record.device_time is None or not record.time_valid:
        return Stamped(place, None)
    return Stamped(place, record.device_time.at)
