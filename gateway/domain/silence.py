"""Tells when what usually comes has stopped coming. Pure.

A battery that is empty makes no noise: whoever measures every morning, and looks at no screen,
believes that it all arrives. How often something comes is told by what came. What comes seldom or
without any rhythm is never missed, and what has been missed for long is taken for given up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

LOOKED_AT = 60
"""Moments that tell a rhythm: a week of somebody who measures in the morning and in the evening."""
APART = timedelta(hours=3)
"""What lies further apart are two occasions; people measure two or three times in a row."""
WITHOUT_A_BREAK = timedelta(minutes=30)
"""What lies closer, all of it, comes from a sensor that measures all the time."""

_GAPS, _SAMPLES = 4, 12  # fewer are no rhythm
_SENSOR_MISSED, _SENSOR_GIVEN_UP = timedelta(hours=3), timedelta(days=3)
_MISSED, _GIVEN_UP = 2, 10  # times the longest gap there was
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing since then."""

    since: datetime
    usual: timedelta | None
    """The longest that there was nothing before, a day at least; None for a sensor, which measures
    all the time."""


def silence(moments: Sequence[datetime], now: datetime) -> Silence | None:
    """Tell whether what was measured at these moments, the latest first, has stopped.

    The latest LOOKED_AT are enough.
    """
    gaps = [later - earlier for later, earlier in pairwise(moments)]
    if not gaps:
        return None
    since, silent = moments[0], now - moments[0]
    if len(gaps) >= _SAMPLES and all(gap <= WITHOUT_A_BREAK for gap in gaps[:_SAMPLES]):
        is_missed = _SENSOR_MISSED < silent < _SENSOR_GIVEN_UP
        return Silence(since, None) if is_missed else None
    apart = [gap for gap in gaps if gap > APART]
    if len(apart) < _GAPS:
        return None
    longest = max(*apart, _DAY)
    is_missed = _MISSED * longest < silent < _GIVEN_UP * longest
    return Silence(since, longest) if is_missed else None
