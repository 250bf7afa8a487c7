"""What stands on a scale that is asked: nobody, somebody who sways, somebody who stands still."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from firmware_sims.body import stepped
from firmware_sims.faults import Fault
from firmware_sims.ledger import Kind
from firmware_sims.placement import Placement

_NOTHING = Decimal(0)
_SWAYS_BY = Decimal("0.4")
_KG_PER_LB = Decimal("0.45359237")


@dataclass(frozen=True, slots=True)
class Load:
    """What the scale shows now, in its own unit; `error`: it can only say that it cannot."""

    weight: Decimal
    in_motion: bool
    error: bool = False


class Platform:
    """One person at a time steps on, sways for `settle_s`, stands still, steps off after `stand_s`.

    Somebody who comes before the other has left takes their place, and nobody sees the zero between
    them: leave longer than `stand_s` between two.
    """

    def __init__(
        self, now: Callable[[], datetime], *, settle_s: float = 2.0, stand_s: float = 8.0
    ) -> None:
        self._now = now
        self._settle = timedelta(seconds=settle_s)
        self._stand = timedelta(seconds=stand_s)
        self._since: datetime | None = None
        self._weight = _NOTHING
        self._error = False

    def step_on(self, weight: Decimal, *, error: bool = False) -> None:
        """Let somebody step on now."""
        self._since, self._weight, self._error = self._now(), weight, error

    def load(self) -> Load:
        """Return what stands on it now."""
        if self._since is None:
            return Load(_NOTHING, in_motion=False)
        elapsed = self._now() - self._since
        if elapsed >= self._stand:
            return Load(_NOTHING, in_motion=False)
        if elapsed < self._settle:
            return Load(self._weight - _SWAYS_BY, in_motion=True, error=self._error)
        return Load(self._weight, in_motion=False, error=self._error)


def weigh_next(
    placement: Placement, platform: Platform, *, model: str, unit: str, step: Decimal | str
) -> Load:
    """Let the next person step on; return what the scale shows once they stand still.

    A scale that fails to show it has produced nothing. `unit` is `kg` or `lb`.
    """
    body, _ = placement.next_person()
    weight = shown_weight(body.weigh().weight, pounds=unit == "lb", step=step)
    failed = placement.faults.strikes(Fault.ERROR_CODE)
    if not failed:
        values = {"weight": str(weight), "unit": unit}
        placement.record(model, placement.now(), {Kind.WEIGHT: values})
    platform.step_on(weight, error=failed)
    return Load(weight, in_motion=False, error=failed)


def shown_weight(kilograms: Decimal, *, pounds: bool, step: Decimal | str) -> Decimal:
    """Return a weight as a scale of this step shows it."""
    return stepped(kilograms / _KG_PER_LB if pounds else kilograms, step)
