"""The consensus metrics of continuous glucose, each with whether the data are enough for it. Pure.

Boundaries: a value counts in a range by its whole mg/dL, so that 3.9 and 10.0 mmol/L (70.3 and
180.2 mg/dL) are in target as 70 and 180 mg/dL are. Percentages of ranges are given to a tenth and
always add up to 100: the tenths that rounding leaves over go to the largest remainders.

Sources: Battelino et al. 2019, "Clinical Targets for Continuous Glucose Monitoring Data
Interpretation", Diabetes Care 42(8). Bergenstal et al. 2018, "Glucose Management Indicator",
Diabetes Care 41(11): GMI (%) = 3.31 + 0.02392 x mean mg/dL. How many days each metric needs: review
in Diabetes Technology & Therapeutics 2023 (14 for means and high ranges, 21-30 below 70, 30-35
below 54, 28-35 for the variation); where it gives a span, the longer is asked for here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from gateway.domain.quantity import MG_DL_PER_MMOL_L
from gateway.glucose.trace import SLOTS_PER_DAY, Sample, Trace, trace

WINDOWS_DAYS = (90, 30, 14, 7)
"""The periods that are summed up, longest first (the health space knows these four)."""
SUFFICIENT_PERCENT = 70

_TENTH = Decimal("0.1")
_GMI_OFFSET, _GMI_PER_MG_DL = Fraction("3.31"), Fraction("0.02392")


class Metric(StrEnum):
    """What is told of a period."""

    MEAN = "mean"
    GMI = "gmi"
    CV = "cv"
    VERY_LOW = "very_low"
    LOW = "low"
    TARGET = "target"
    HIGH = "high"
    VERY_HIGH = "very_high"


RANGES: Mapping[Metric, tuple[int, int]] = {
    Metric.VERY_LOW: (0, 53),
    Metric.LOW: (54, 69),
    Metric.TARGET: (70, 180),
    Metric.HIGH: (181, 250),
    Metric.VERY_HIGH: (251, 10**6),
}
"""First and last whole mg/dL of each range."""
TIGHT = (70, 140)

NEEDS_DAYS: Mapping[Metric, int] = {
    Metric.MEAN: 14,
    Metric.GMI: 14,
    Metric.TARGET: 14,
    Metric.HIGH: 14,
    Metric.VERY_HIGH: 14,
    Metric.LOW: 30,
    Metric.VERY_LOW: 35,
    Metric.CV: 35,
}


@dataclass(frozen=True, slots=True)
class Consensus:
    """The metrics of the `days` that end at `end`. All numbers to one decimal, half to even."""

    days: int
    end: datetime
    samples: int
    """How many slots of five minutes hold a sample."""
    slots: int
    """How many a sample stands for: more, where a sensor keeps one less often."""
    days_worn: int
    """Of the days counted back from the end, those with a sample."""
    active_percent: Decimal
    mean_mg_dl: Decimal
    mean_mmol_l: Decimal
    gmi_percent: Decimal
    cv_percent: Decimal | None
    """Standard deviation (n - 1) over mean; None with less than two samples."""
    ranges_percent: Mapping[Metric, Decimal]
    tight_percent: Decimal
    """In 70 to 140 mg/dL; part of the target range."""

    @property
    def is_full(self) -> bool:
        """Whether 70 % of the period was measured: with less, it says little of itself."""
        return 100 * self.slots >= SUFFICIENT_PERCENT * self.days * SLOTS_PER_DAY

    def sufficient(self, metric: Metric) -> bool:
        """Tell whether the period is long enough and full enough for this metric."""
        return self.is_full and self.days >= NEEDS_DAYS[metric]


def consensus(samples: Iterable[Sample], days: int, end: datetime) -> Consensus | None:
    """Compute the metrics over `days` until `end`; None without a sample."""
    return consensus_of(trace(samples, days, end))


def consensus_of(on_grid: Trace) -> Consensus | None:
    """Compute the metrics of samples that are on the grid already; None without a sample."""
    amounts = Counter(on_grid.amounts)  # a sensor says few different values: sums run over these
    count = amounts.total()
    if not count:
        return None
    total = sum(amount * often for amount, often in amounts.items())
    mean = Fraction(total, 1000 * count)
    whole: Counter[int] = Counter()
    for amount, often in amounts.items():
        whole[(amount + 500) // 1000] += often
    inside = {metric: _between(whole, *limits) for metric, limits in RANGES.items()}
    return Consensus(
        days=on_grid.days,
        end=on_grid.end,
        samples=on_grid.samples,
        slots=count,
        days_worn=len({slot // SLOTS_PER_DAY for slot in on_grid.slots}),
        active_percent=rounded(Fraction(100 * count, on_grid.days * SLOTS_PER_DAY)),
        mean_mg_dl=rounded(mean),
        mean_mmol_l=rounded(mean / Fraction(MG_DL_PER_MMOL_L)),
        gmi_percent=rounded(_GMI_OFFSET + _GMI_PER_MG_DL * mean),
        cv_percent=_cv(amounts, total),
        ranges_percent=_shares(inside, count),
        tight_percent=rounded(Fraction(100 * _between(whole, *TIGHT), count)),
    )


def rounded(value: Fraction) -> Decimal:
    """Round to one decimal, half to even."""
    return Decimal(round(value * 10)) * _TENTH


def _between(whole: Mapping[int, int], first: int, last: int) -> int:
    return sum(count for value, count in whole.items() if first <= value <= last)


def _cv(amounts: Counter[int], total: int) -> Decimal | None:
    count = amounts.total()
    if count < 2:
        return None
    squares = sum(amount * amount * often for amount, often in amounts.items())
    # CV^2 = variance / mean^2, all in integers until the root
    ratio = Decimal(count * (count * squares - total * total)) / ((count - 1) * total * total)
    return (100 * ratio.sqrt()).quantize(_TENTH)


def _shares(counts: Mapping[Metric, int], total: int) -> Mapping[Metric, Decimal]:
    """Give each its share in percent, to a tenth, so that they add up to 100."""
    tenths = {metric: divmod(1000 * count, total) for metric, count in counts.items()}
    left = 1000 - sum(quotient for quotient, _ in tenths.values())
    by_remainder = sorted(tenths, key=lambda metric: tenths[metric][1], reverse=True)
    extra = set(by_remainder[:left])
    return {
        metric: (quotient + (metric in extra)) * _TENTH for metric, (quotient, _) in tenths.items()
    }
