"""The older Health o meter scales: baby scales 522, 524, 553 and the 2595KL (2400 8N1).

```
01 or 02 | 80 lb or 82 kg | D7 E4 | "004.990" (baby) or "123.4" (2595KL) | 0D
```
Source: Pelstar "Communication Protocols" REV20230711 p. 14 and 16. A guess: that a weighing is one
frame, and that 01 and 02 mean the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from firmware_sims.ledger import Kind
from firmware_sims.placement import Placement
from firmware_sims.requests import Split
from firmware_sims.scale.platform import shown_weight


def encode(figure: str, *, pounds: bool, start: int = 2) -> bytes:
    """Return a frame; `figure` has the width that the model uses."""
    return bytes([start, 0x80 if pounds else 0x82, 0xD7, 0xE4]) + figure.encode("ascii") + b"\r"


@dataclass(frozen=True, slots=True)
class Model:
    """What a scale is called, and the figure it shows: its step, and how wide it is written."""

    name: str
    step: Decimal
    format: str


MODEL_2595KL = Model("2595KL", Decimal("0.1"), "05.1f")
BABY_522 = Model("522KL", Decimal("0.005"), "07.3f")
"""It weighs babies up to 20 kg; here whoever steps on weighs a tenth of themselves."""

_TENTH = Decimal("0.1")


class HealthOMeterBinary:
    """A virtual scale that pushes one frame for each weighing; people take turns."""

    def __init__(
        self, placement: Placement, *, model: Model = MODEL_2595KL, pounds: bool = False
    ) -> None:
        self._placement = placement
        self._model = model
        self._pounds = pounds

    def measure(self) -> Sequence[bytes]:
        """Let the next person step on."""
        placement = self._placement
        body, _ = placement.next_person()
        mass = body.weigh().weight
        if self._model is BABY_522:
            mass *= _TENTH
        weight = shown_weight(mass, pounds=self._pounds, step=self._model.step)
        values = {"weight": str(weight), "unit": "lb" if self._pounds else "kg"}
        placement.record(self._model.name, placement.now(), {Kind.WEIGHT: values})
        return [encode(format(weight, self._model.format), pounds=self._pounds)]

    def split(self, heard: bytes) -> Split:
        """Hear nothing."""
        return [], b""

    def answer(self, request: bytes) -> Sequence[bytes]:
        """Say nothing."""
        return []
