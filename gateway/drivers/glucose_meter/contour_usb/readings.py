"""What the memory of a Contour meter says: a reading for each test of glucose.

Control solution has quality CONTROL: it is nobody's blood. LO and HI are limits in place of a
number. A mark that no source names makes a reading questionable.

The number of a result is its place, which moves when the memory is full; so a record is named by
its time and value, and by a number among those that share both, counted from the oldest, as the
meter sends them: what is measured later never changes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from gateway.domain.device import DeviceId
from gateway.domain.device_time import EARLIEST
from gateway.domain.quantity import Quantity, Unit, mg_dl_from_mmol_l
from gateway.domain.reading import ClockSample, DeviceTime, Kind, Measure, Quality, Reading
from gateway.drivers.glucose_meter.contour_usb.codec import MMOL_L, Header, Result
from gateway.drivers.glucose_meter.contour_usb.memory import Memory

_MEALS = {"B": "preprandial", "A": "postprandial", "Z": "postprandial", "F": "fasting"}
_ACTIVITY = "X"
_KNOWN = {*_MEALS, _ACTIVITY, *"<>CDISMT"}


def readings(memory: Memory, device: DeviceId) -> Iterator[Reading]:
    """Make the readings of a memory, in the meter's order."""
    clock = clock_of(memory)
    twins: Counter[str] = Counter()
    for result in memory.results:
        said = result.limit or f"{result.glucose} {result.unit}"
        named = f"{result.raw_time.decode('latin-1')}={said}"
        twins[named] += 1
        troubles = _troubles(result)
        yield Reading(
            device=device,
            kind=Kind.BLOOD_GLUCOSE,
            values=_values(result),
            received=memory.at,
            device_time=_device_time(result, clock, memory.header),
            record=f"{memory.header.serial}:{named}#{twins[named]}",
            live=False,
            quality=_quality(result, troubles),
            flags=frozenset(troubles | _circumstances(result)),
            limit=result.limit,
        )


def clock_of(memory: Memory) -> ClockSample | None:
    """Return what the meter's clock showed; None if it was lost."""
    shown = memory.header.device_time
    if shown is None or shown.at.year < EARLIEST.year:
        return None
    return ClockSample(shown=shown.at, at=memory.header_at)


def _values(result: Result) -> dict[Measure, Quantity]:
    if result.glucose is None:
        return {}
    if result.unit == MMOL_L:
        return {Measure.GLUCOSE: mg_dl_from_mmol_l(result.glucose)}
    return {Measure.GLUCOSE: Quantity(value=result.glucose, unit=Unit.MILLIGRAM_PER_DECILITRE)}


def _device_time(result: Result, clock: ClockSample | None, header: Header) -> DeviceTime:
    stamp = result.device_time
    if stamp is None:
        return DeviceTime(stamp=None, raw=result.raw_time.hex(), clock=clock)
    if header.device_time is not None:  # each is told from the other no finer than the coarser
        resolution = max(stamp.resolution, header.device_time.resolution)
        stamp = replace(stamp, resolution=resolution)
    return stamp.device_time(clock)


def _troubles(result: Result) -> set[str]:
    found = {"time_unknown"} if result.device_time is None else set()
    if any(mark[0] not in _KNOWN for mark in result.marks):
        found.add("unknown_status")
    return found


def _circumstances(result: Result) -> set[str]:
    found = {_MEALS[mark[0]] for mark in result.marks if mark[0] in _MEALS}
    if _ACTIVITY in result.marks:
        found.add("exercise")
    if result.control:
        found.add("control_solution")
    return found


def _quality(result: Result, troubles: set[str]) -> Quality:
    if result.control:
        return Quality.CONTROL
    return Quality.QUESTIONABLE if troubles else Quality.GOOD
