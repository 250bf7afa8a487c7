"""Which numbers of a meter only stand for what it showed as LO or HI.

Most meters show 20 to 600 mg/dL. For HI some keep a number above; for LO one that ketone looks
like, which kept as glucose is low as well: so it has to have its status bit.

A Beurer GL50evo shows 20 to 630 mg/dL (1.1 to 35.0 mmol/L). It keeps the number itself beyond
that, to be shown as Lo and Hi, and has no status bits; it knows no ketone.

Source: "GL50evo Data Form", Beurer, version 006 of 2016-02-08, note 4; for ketone the uploader of a
diabetes data platform, by the maker's specification; the others as in `readings`.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from decimal import Decimal

from gateway.domain.reading import Limit

SAID = {Limit.BELOW: "below_device_range", Limit.ABOVE: "above_device_range"}
"""What the status bits say."""

_HIGHEST_STAND_IN = 750
"""A number further above is another format, unless the status says HI."""


@dataclass(frozen=True, slots=True)
class MeasuringRange:
    """From-to of what a meter shows as a number, both inclusive, in mg/dL."""

    lowest: Decimal
    highest: Decimal
    tells: bool = False
    """Whether a number beyond is LO or HI whatever its status."""

    def limit_of(self, mg_dl: Decimal, said: Set[str]) -> Limit | None:
        """Say what the number stands for; None if for itself, as far as its status tells.

        Where the status says LO or HI, it is that also with the last number before.
        """
        if self.tells and not self.lowest <= mg_dl <= self.highest:
            return Limit.BELOW if mg_dl < self.lowest else Limit.ABOVE
        if mg_dl <= self.lowest:
            return Limit.BELOW if SAID[Limit.BELOW] in said else None
        if SAID[Limit.ABOVE] in said:
            return Limit.ABOVE if mg_dl >= self.highest else None
        return Limit.ABOVE if self.highest < mg_dl <= _HIGHEST_STAND_IN else None


USUAL = MeasuringRange(Decimal(20), Decimal(600))
KETONE = MeasuringRange(Decimal(0), Decimal(80))
"""In tenths of a mmol/L, of a CareSens: it begins at 0, and HI is above 8.0 mmol/L."""
GL50_EVO = MeasuringRange(Decimal("19.8"), Decimal("630.6"), tells=True)
"""1.1 and 35.0 mmol/L, whichever of the two units it sends."""


def range_of(*names: str | None) -> MeasuringRange:
    """Return the range of the meter that one of the names is of."""
    plain = ["".join(filter(str.isalnum, name.lower())) for name in names if name]
    return GL50_EVO if any("gl50evo" in name for name in plain) else USUAL
