"""The ambulatory glucose profile: percentiles by time of day. Pure.

Declared smoothing: the day is cut into 96 quarters of an hour, and the curve at each is the
percentile of everything measured in it and in the two before and after it, on all days, around
midnight too: 75 minutes in all. No other smoothing, no interpolation over gaps. Percentiles
interpolate linearly between order statistics (type 7, the default of R and numpy). Other programs
smooth otherwise (LOESS; hourly bins with weights), so curves differ slightly from theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.glucose.trace import Trace

PERCENTILES = (5, 25, 50, 75, 95)
QUARTERS = 96
_REACH = 2
_FEWEST = 5
"""With fewer values, a percentile of 5 is no more than the lowest of them."""


@dataclass(frozen=True, slots=True)
class Point:
    """The percentiles in mg/dL, in the order of PERCENTILES, in the middle of a quarter hour."""

    minute: int
    mg_dl: tuple[float, ...]


def profile(on_grid: Trace) -> list[Point]:
    """Compute the profile; a time of day with hardly any values has no point."""
    quarters: list[list[int]] = [[] for _ in range(QUARTERS)]
    for minute, amount in zip(on_grid.minutes, on_grid.amounts, strict=True):
        quarters[minute // 15].append(amount)
    for values in quarters:
        values.sort()
    points = []
    for quarter in range(QUARTERS):
        around: list[int] = []
        for near in range(quarter - _REACH, quarter + _REACH + 1):
            around += quarters[near % QUARTERS]
        if len(around) >= _FEWEST:
            around.sort()  # five sorted runs: sorting merges them
            found = tuple(_percentile(around, each) for each in PERCENTILES)
            points.append(Point(quarter * 15 + 7, found))
    return points


def _percentile(values: list[int], percent: int) -> float:
    """Interpolate in sorted thousandths of a mg/dL."""
    whole, part = divmod((len(values) - 1) * percent, 100)
    low = values[whole]
    if not part:
        return low / 1000
    return (low + (values[whole + 1] - low) * part / 100) / 1000
