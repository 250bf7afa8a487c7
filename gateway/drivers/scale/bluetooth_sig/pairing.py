"""What belongs together: a weight and its body composition, two packets of one composition."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, fields, replace

from gateway.drivers.api import Frame
from gateway.drivers.episodic import Heard
from gateway.drivers.scale.bluetooth_sig.codec import UNKNOWN_USER, BodyComposition, Weight
from gateway.frozen import frozen

_MOST = 100
"""Weights that still wait for their composition; more than any scale in scope stores per user."""

_PARTS = (
    "basal_metabolism_kj",
    "muscle_percent",
    "muscle_mass",
    "fat_free_mass",
    "soft_lean_mass",
    "body_water_mass",
    "impedance_ohm",
    "weight",
    "height",
)


@frozen
class Paired(BodyComposition):
    """A composition whose weight was told by itself."""

    body: Weight


@dataclass(slots=True)
class Unpaired:
    """The weights that still wait for their composition.

    A composition with a time finds its weight by that. Many have none (Beurer): such a one comes
    right after its weight, whatever order the two channels are read in. What came before another
    composition, one that failed or could not be read too, is not its weight; and where weights of
    two people stand before it, nobody knows whose it is.
    """

    weights: deque[Heard[Weight]] = field(default_factory=lambda: deque(maxlen=_MOST))
    _since: float = 0.0
    """When the last composition came, monotonic."""

    def add(self, weight: Heard[Weight]) -> None:
        """Have a weight wait."""
        self.weights.append(weight)

    def passed(self, composition: Frame) -> None:
        """Note that a composition came."""
        self._since = composition.received.monotonic

    def take(self, composition: Heard[BodyComposition]) -> Weight | None:
        """Return the weight of a composition, which then waits no more; None if there is none."""
        said = composition.message
        found = [it for it in self.weights if same_weighing(it.message, said)]
        if said.timestamp is None:
            until = composition.frame.received.monotonic
            found = [it for it in found if self._since <= it.frame.received.monotonic <= until]
            if len({it.message.user_id for it in found}) > 1:
                found = []
        self.passed(composition.frame)
        if not found:
            return None
        self.weights.remove(found[-1])
        return found[-1].message


def same_weighing(one: Weight | BodyComposition, other: Weight | BodyComposition) -> bool:
    """Whether user and time agree, as far as both messages have them."""
    users = {one.user_id, other.user_id} - {None, UNKNOWN_USER}
    times = {one.timestamp, other.timestamp} - {None}
    return len(users) <= 1 and len(times) <= 1


def joined(first: BodyComposition, second: BodyComposition) -> BodyComposition | None:
    """Put two packets of one measurement together; None if the second is not the other half.

    The second brings what had no room in the first. Body fat is in both: the first one's counts.
    """
    told = {name: getattr(second, name) for name in _PARTS if getattr(second, name) is not None}
    repeated = any(getattr(first, name) is not None for name in told)
    if repeated or not same_weighing(first, second):
        return None
    return replace(first, **told, height_unit=first.height_unit or second.height_unit)


def completed(composition: BodyComposition, weight: Weight) -> Paired:
    """Give a composition the time and user of its weight, where it has none of its own.

    Weight and height are taken out of it: they have been told.
    """
    known = composition.user_id not in {None, UNKNOWN_USER}
    said = {it.name: getattr(composition, it.name) for it in fields(composition)}
    said["timestamp"] = weight.timestamp if composition.timestamp is None else composition.timestamp
    said["user_id"] = composition.user_id if known else weight.user_id
    return Paired(**{**said, "weight": None, "height": None}, body=weight)
