"""The mean of continuous glucose over the windows that a health space knows. Pure.

`trace` says how samples are counted, `consensus` holds the other metrics.

Source: Battelino et al. 2019, "Clinical Targets for Continuous Glucose Monitoring Data
Interpretation", Diabetes Care 42(8): 14 days of which 70 % are active are enough for a mean.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from gateway.glucose.consensus import consensus
from gateway.glucose.trace import Sample

WINDOWS_DAYS = (90, 30, 14, 7)
"""The windows a mean is reported over, longest first (the health space knows these four)."""


@dataclass(frozen=True, slots=True)
class MeanGlucose:
    """The mean over the `days` that end at `end`."""

    mean_mg_dl: Decimal
    """To one decimal, half to even."""
    gmi_percent: Decimal
    """The glucose management indicator of that mean, likewise."""
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
    found = consensus(samples, days, end)
    if found is None:
        return None
    return MeanGlucose(
        mean_mg_dl=found.mean_mg_dl,
        gmi_percent=found.gmi_percent,
        days=days,
        end=end,
        samples=found.samples,
        active_percent=found.active_percent,
        sufficient=found.is_full,
    )
