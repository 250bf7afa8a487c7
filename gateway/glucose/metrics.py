"""Summaries of continuous glucose: what months of samples come to. Pure.

Time is cut into slots of 5 minutes and each slot that holds a sample counts once, with the mean of
what it holds: sensors that measure every minute, samples kept twice and two sensors worn at once
then weigh no more than one sensor does.

A sample outside the sensor's range has no number; it counts as 39 mg/dL ("LO") or 401 mg/dL ("HI"),
one beyond the range of 40 to 400 that most sensors have. This favours neither mean nor wearer: the
true value lies further out.

Source: Battelino et al. 2019, "Clinical Targets for Continuous Glucose Monitoring Data
Interpretation", Diabetes Care 42(8): 14 days of which 70 % are active are enough for a mean.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from gateway.domain.reading import Limit

Sample = tuple[datetime, Decimal | Limit]
"""When it was measured (aware), and mg/dL or the side on which it left the sensor's range."""

WINDOWS_DAYS = (90, 30, 14, 7)
"""The windows a mean is reported over, longest first (the health space knows these four)."""
SLOT = timedelta(minutes=5)
BELOW_MG_DL = Decimal(39)
ABOVE_MG_DL = Decimal(401)
SUFFICIENT_PERCENT = 70

_DAY = timedelta(days=1)
_TENTH = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class MeanGlucose:
    """The mean over the `days` that end at `end`."""

    mean_mg_dl: Decimal
    """To one decimal, half to even."""
    days: int
    end: datetime
    samples: int
    """How many slots hold a sample."""
    active_percent: Decimal
    """Of the slots there are in so many days, to one decimal."""
    sufficient: bool
    """Whether at least 70 % are active: with less, the mean says little about the period."""


def mean_glucose(samples: Iterable[Sample], days: int, end: datetime) -> MeanGlucose | None:
    """Compute the mean over `days` until `end`, that moment included; None without a sample."""
    slots: dict[int, set[Sample]] = {}
    there_are = days * (_DAY // SLOT)
    for sample in samples:
        number = (end - sample[0]) // SLOT
        if 0 <= number < there_are:
            slots.setdefault(number, set()).add(sample)
    if not slots:
        return None
    mean = sum((_mean(slot) for slot in slots.values()), Fraction()) / len(slots)
    return MeanGlucose(
        mean_mg_dl=_rounded(mean),
        days=days,
        end=end,
        samples=len(slots),
        active_percent=_rounded(Fraction(100 * len(slots), there_are)),
        sufficient=100 * len(slots) >= SUFFICIENT_PERCENT * there_are,
    )


def longest_mean(samples: Collection[Sample], end: datetime | None = None) -> MeanGlucose | None:
    """Compute the mean over the longest of WINDOWS_DAYS that the samples span sufficiently.

    If none is sufficient, over the longest they span; if they span less than 7 days, over those,
    rounded up. `end` is the last sample unless given. None without a sample.
    """
    times = [at for at, _ in samples if end is None or at <= end]
    if not times:
        return None
    until = end or max(times) + SLOT / 2  # samples then lie in the middle of their slots
    spanned = until - min(times)
    windows = [days for days in WINDOWS_DAYS if spanned + SLOT >= days * _DAY]
    windows = windows or [max(1, -(-spanned // _DAY))]
    means = [mean for days in windows if (mean := mean_glucose(samples, days, until))]
    return next((mean for mean in means if mean.sufficient), means[0] if means else None)


def _mean(slot: Collection[Sample]) -> Fraction:
    return sum((Fraction(_mg_dl(value)) for _, value in slot), Fraction()) / len(slot)


def _mg_dl(value: Decimal | Limit) -> Decimal:
    match value:
        case Limit.BELOW:
            return BELOW_MG_DL
        case Limit.ABOVE:
            return ABOVE_MG_DL
    return value


def _rounded(value: Fraction) -> Decimal:
    return Decimal(round(value * 10)) * _TENTH
