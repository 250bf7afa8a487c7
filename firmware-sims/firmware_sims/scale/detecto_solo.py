"""A Detecto solo scale (9600 8N1): one line with time, date, BMI, height and weight.

```
12:00,08/07/15,21.5,5'03.0",132.3lb CR      when PRINT is pressed, or on LF P CR
```
Source: Detecto solo manual p. 20. Guesses: the date is month, day, year; in kilograms the height is
`160.0cm`; on request the last line is printed again.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from firmware_sims.faults import Fault
from firmware_sims.ledger import Kind
from firmware_sims.placement import Placement
from firmware_sims.requests import Split, ended_by
from firmware_sims.scale.platform import shown_weight

MODEL = "Detecto solo"
_CM_PER_INCH = Decimal("2.54")


def encode(shown_at: datetime, bmi: Decimal, height_cm: Decimal, weight: str, unit: str) -> bytes:
    """Return the line; the height is in the system of units of the weight."""
    height = f"{height_cm:.1f}cm"
    if unit == "lb":
        feet, inches = divmod(height_cm / _CM_PER_INCH, 12)
        height = f"{feet:.0f}'{inches:04.1f}\""
    time, date = shown_at.strftime("%H:%M"), shown_at.strftime("%m/%d/%y")
    return f"{time},{date},{bmi:.1f},{height},{weight}{unit}\r".encode("ascii")


class DetectoSolo:
    """A virtual scale; people take turns, and press PRINT."""

    def __init__(self, placement: Placement, *, pounds: bool = True) -> None:
        self._placement = placement
        self._pounds = pounds
        self._last: bytes | None = None

    def measure(self) -> Sequence[bytes]:
        """Let the next person step on and press PRINT."""
        placement = self._placement
        taken_at = placement.now()
        body, _ = placement.next_person()
        mass = body.weigh()
        unit = "lb" if self._pounds else "kg"
        weight = str(shown_weight(mass.weight, pounds=self._pounds, step="0.1"))
        placement.record(MODEL, taken_at, {Kind.WEIGHT: {"weight": weight, "unit": unit}})
        shown_at = placement.clock.device_local(taken_at)
        self._last = encode(shown_at, mass.bmi, body.person.height_m * 100, weight, unit)
        return [self._last] * (2 if placement.faults.strikes(Fault.DOUBLE_KEY_PRESS) else 1)

    def split(self, heard: bytes) -> Split:
        """Find requests by their CR."""
        return ended_by(b"\r", heard)

    def answer(self, request: bytes) -> Sequence[bytes]:
        """Print the last line again; anything else is not understood."""
        return [self._last] if request == b"\nP" and self._last is not None else []
