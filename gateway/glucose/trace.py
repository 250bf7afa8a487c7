"""A sensor's samples put on a grid, the way every summary here counts them. Pure.

Time is cut into slots of 5 minutes, counted back from the end, and each slot that holds a sample
counts once, with the mean of what it holds: sensors that measure every minute, samples kept twice
and two sensors worn at once then weigh no more than one sensor does. A gap is a gap: nothing is
interpolated.

A sample outside the sensor's range has no number; it counts as 39 mg/dL ("LO") or 401 mg/dL ("HI"),
one beyond the range of 40 to 400 that most sensors have. This favours neither mean nor wearer: the
true value lies further out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from gateway.domain.reading import Limit

Sample = tuple[datetime, Decimal | Limit]
"""When it was measured (aware), and mg/dL or the side on which it left the sensor's range."""

SLOT = timedelta(minutes=5)
SLOTS_PER_DAY = timedelta(days=1) // SLOT
BELOW_MG_DL = Decimal(39)
ABOVE_MG_DL = Decimal(401)

_OUTSIDE = {Limit.BELOW: int(BELOW_MG_DL) * 1000, Limit.ABOVE: int(ABOVE_MG_DL) * 1000}


@dataclass(frozen=True, slots=True)
class Trace:
    """The slots that hold something, as three lists of equal length."""

    days: int
    end: datetime
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


def trace(samples: Iterable[Sample], days: int, end: datetime) -> Trace:
    """Put the samples of the `days` that end at `end`, that moment included, on the grid."""
    there_are = days * SLOTS_PER_DAY
    single: dict[int, Sample] = {}
    crowded: dict[int, set[Sample]] = {}
    for sample in samples:
        slot = (end - sample[0]) // SLOT
        if not 0 <= slot < there_are:
            continue
        known = single.setdefault(slot, sample)
        if known is not sample:
            crowded.setdefault(slot, {known}).add(sample)
    amounts = {
        slot: _OUTSIDE[value] if isinstance(value, Limit) else int(value * 1000)
        for slot, (_, value) in single.items()
    }
    amounts |= {slot: _mean(inside) for slot, inside in crowded.items()}
    minutes = [at.hour * 60 + at.minute for at, _ in single.values()]
    return Trace(days, end, list(single), minutes, list(amounts.values()))


def _mean(samples: Collection[Sample]) -> int:
    total = sum(
        _OUTSIDE[value] if isinstance(value, Limit) else int(value * 1000) for _, value in samples
    )
    return round(Fraction(total, len(samples)))
