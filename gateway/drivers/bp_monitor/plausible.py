"""Which numbers a living person can have; others stem from frames in another format.

The limits are wider than any cuff in scope measures (0 to 299 mmHg, 40 to 199 per minute), so that
a very ill person still counts.
"""

from __future__ import annotations

from decimal import Decimal

_SYSTOLIC_MMHG = (30, 300)
_DIASTOLIC_MMHG = (20, 250)
_PULSE_PER_MIN = (20, 300)

Number = Decimal | int


def pressure_is_plausible(systolic: Number, diastolic: Number, mean: Number | None) -> bool:
    """Say whether these are the pressures of one beating heart, in mmHg; the mean lies between."""
    return (
        _is_within(_SYSTOLIC_MMHG, systolic)
        and _is_within(_DIASTOLIC_MMHG, diastolic)
        and diastolic < systolic
        and (mean is None or diastolic <= mean <= systolic)
    )


def pulse_is_plausible(per_minute: Number) -> bool:
    """Say whether a heart beats so often."""
    return _is_within(_PULSE_PER_MIN, per_minute)


def _is_within(limits: tuple[int, int], number: Number) -> bool:
    lowest, highest = limits
    return lowest <= number <= highest
