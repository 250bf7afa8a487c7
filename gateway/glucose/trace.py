"""A sensor's samples put on a grid, the way every summary here counts them. Pure.

Time is cut into slots of 5 minutes, counted back from the end, and each slot that holds a sample
counts once, with the mean of what it holds: sensors that measure every minute, samples kept twice
and two sensors worn at once then weigh no more than one sensor does. A gap is a gap: nothing is
interpolated.

Some sensors keep a value less often (FreeStyle Libre: every 15 minutes), and what they keep stands
for the time until the next one: such a day is as full as any other, and weighs as much. How often a
sensor keeps one is told by its samples: it is the commonest step of the day, up to 15 minutes.

A sample outside the sensor's range has no number; it counts as 39 mg/dL ("LO") or 401 mg/dL ("HI"),
one beyond the range of 40 to 400 that most sensors have. This favours neither mean nor wearer: the
true value lies further out.

What a sensor measured while it warmed up is not among the samples: `Reader.glucose` leaves it out
by the flag that the driver gave it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from itertools import compress, pairwise, repeat
from operator import sub
from typing import Protocol

from gateway.domain.reading import Limit

Sample = tuple[datetime, Decimal | Limit]
"""When it was measured (aware), and mg/dL or the side on which it left the sensor's range."""

SLOT = timedelta(minutes=5)
SLOTS_PER_DAY = timedelta(days=1) // SLOT
_SLOT_S = SLOT // timedelta(seconds=1)
_LONGEST_STEP = timedelta(minutes=15) // SLOT
BELOW_MG_DL = Decimal(39)
ABOVE_MG_DL = Decimal(401)

_OUTSIDE = {Limit.BELOW: int(BELOW_MG_DL) * 1000, Limit.ABOVE: int(ABOVE_MG_DL) * 1000}


@dataclass(frozen=True, slots=True)
class Trace:
    """The slots that a sample stands for, as three lists of equal length."""

    days: int
    end: datetime
    samples: int
    """How many of them hold one of their own."""
    slots: list[int]
    """Counted back from the end, 0 the last."""
    minutes: list[int]
    """The minute of the day, on the clock of the samples."""
    amounts: list[int]
    """In thousandths of a mg/dL: exact for whatever a sensor says, and quick to add up."""


class Measured(Protocol):
    """A sample as the journal tells it: `mg_dl` is None where `limit` says why."""

    @property
    def at(self) -> datetime:
        """When it was measured, aware."""
        ...

    @property
    def mg_dl(self) -> Decimal | None:
        """The value."""
        ...

    @property
    def limit(self) -> Limit | None:
        """On which side it left the sensor's range."""
        ...


def counted(measured: Iterable[Measured]) -> list[Sample]:
    """Return what counts of the journal's samples, in their order."""
    found = ((each.at, each.limit if each.mg_dl is None else each.mg_dl) for each in measured)
    return [(at, value) for at, value in found if value is not None]


def beginning(days: int, end: datetime) -> datetime:
    """Return when the period of so many days begins that ends at this midnight, in its own zone.

    At midnight, too, so that it has nothing in common with the one before; no more than so many
    times 24 hours before, which is what the grid holds: where the clocks were set back, at 1.
    """
    midnight = (end - timedelta(days=days)).astimezone(UTC)
    return max(midnight, end.astimezone(UTC) - timedelta(days=days))


def trace(samples: Iterable[Sample], days: int, end: datetime) -> Trace:
    """Put the samples of the `days` that end at `end`, that moment included, on the grid."""
    given = list(samples)
    slots = _slots([at for at, _ in given], end)
    there_are = range(days * SLOTS_PER_DAY)
    if slots and not (min(slots) in there_are and max(slots) in there_are):
        kept = [slot in there_are for slot in slots]
        given, slots = list(compress(given, kept)), list(compress(slots, kept))
    values = [value for _, value in given]
    known = {value: _thousandths(value) for value in set(values)}
    if len(set(slots)) < len(slots):
        return _filled(_crowded(given, slots, known, days, end))
    minutes = [at.hour * 60 + at.minute for at, _ in given]
    amounts = [known[value] for value in values]
    return _filled(Trace(days, end, len(slots), slots, minutes, amounts))


def in_gaps(late: Iterable[Sample], known: Trace) -> list[Sample]:
    """Return what was measured where the trace has nothing."""
    given, taken = list(late), set(known.slots)
    slots = _slots([at for at, _ in given], known.end)
    return [sample for sample, slot in zip(given, slots, strict=True) if slot not in taken]


def _slots(times: list[datetime], end: datetime) -> list[int]:
    """Count back in real time. Two moments of one zone are quick to subtract, of two zones slow."""
    zones = [at.tzinfo for at in times]
    ends = {zone: _written_in(zone, end) for zone in set(zones)}
    until = repeat(*ends.values()) if len(ends) == 1 else map(ends.__getitem__, zones)
    since = map(sub, until, times)
    return [delta.days * SLOTS_PER_DAY + delta.seconds // _SLOT_S for delta in since]


def _written_in(zone: tzinfo | None, moment: datetime) -> datetime:
    """Write the moment in a fixed zone, else in UTC: within other zones, clocks are subtracted."""
    return moment.astimezone(zone if isinstance(zone, timezone) else UTC)


def _crowded(
    given: Iterable[Sample],
    slots: Iterable[int],
    known: Mapping[Decimal | Limit, int],
    days: int,
    end: datetime,
) -> Trace:
    """Put samples on the grid of which some share a slot; one that was kept twice counts once."""
    together: dict[int, set[Sample]] = {}
    for slot, sample in zip(slots, given, strict=True):
        together.setdefault(slot, set()).add(sample)
    first = [min(at for at, _ in inside) for inside in together.values()]
    amounts = [
        round(Fraction(sum(known[value] for _, value in inside), len(inside)))
        for inside in together.values()
    ]
    minutes = [at.hour * 60 + at.minute for at in first]
    return Trace(days, end, len(together), list(together), minutes, amounts)


def _filled(grid: Trace) -> Trace:
    """Let each sample of a sensor that keeps few stand for the slots until its next one."""
    held = sorted(grid.slots)
    days = (bisect_left(held, day * SLOTS_PER_DAY) for day in range(grid.days + 1))
    steps = [_step(held[first:past]) for first, past in pairwise(days)]
    if all(step == 1 for step in steps):
        return grid
    taken = set(held)
    filled = sorted(zip(grid.slots, grid.minutes, grid.amounts, strict=True))
    for slot, minute, amount in tuple(filled):  # the last first, so that the nearest counts
        for later in range(1, steps[slot // SLOTS_PER_DAY]):
            if slot >= later and slot - later not in taken:
                taken.add(slot - later)
                filled.append((slot - later, (minute + 5 * later) % 1440, amount))
    slots, minutes, amounts = map(list, zip(*filled, strict=True))
    return Trace(grid.days, grid.end, grid.samples, slots, minutes, amounts)


def _step(held: Sequence[int]) -> int:
    """Return how many slots lie between most samples of a day; 1 if that is no rhythm."""
    if len(held) < 2 or 2 * len(held) > SLOTS_PER_DAY:
        return 1
    ((step, _),) = Counter(after - before for before, after in pairwise(held)).most_common(1)
    return step if step <= _LONGEST_STEP else 1


def _thousandths(value: Decimal | Limit) -> int:
    return _OUTSIDE[value] if isinstance(value, Limit) else int(value * 1000)
