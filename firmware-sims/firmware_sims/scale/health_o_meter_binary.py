"""The older Health o meter scales: baby scales 522, 524, 553 and the 2595KL (2400 8N1).

```
01 or 02 | 80 lb or 82 kg | D7 E4 | "004.990" (baby) or "123.4" (2595KL) | 0D
```
Source: Pelstar "Communication Protocols" REV20230711 p. 14 and 16. A guess: that a weighing is one
frame, and that 01 and 02 mean the same.
"""

from collections.abc import Sequence
from decimal import Decimal

from firmware_sims.ledger import Kind
from firmware_sims.placement import Placement
from firmware_sims.requests import Split
from firmware_sims.scale.platform import shown_weight


def encode(figure: str, *, pounds: bool, start: int = 2) -> bytes:
    """Return a frame; `figure` has the width that the model uses."""
    return bytes([start, 0x80 if pounds else 0x82, 0xD7, 0xE4]) + figure.encode("ascii") + b"\r"


class HealthOMeterBinary:
    """A virtual 2595KL that pushes one frame for each weighing; people take turns."""

    MODEL = "2595KL"

    def __init__(self, placement: Placement, *, pounds: bool = False) -> None:
        self._placement = placement
        self._pounds = pounds

    def measure(self) -> Sequence[bytes]:
        """Let the next person step on."""
        placement = self._placement
        body, _ = placement.next_person()
        weight = shown_weight(body.weigh().weight, pounds=self._pounds, step=Decimal("0.1"))
        values = {"weight": str(weight), "unit": "lb" if self._pounds else "kg"}
        placement.record(self.MODEL, placement.now(), {Kind.WEIGHT: values})
        return [encode(f"{weight:05.1f}", pounds=self._pounds)]

    def split(self, heard: bytes) -> Split:
        """Hear nothing."""
        return [], b""

    def answer(self, request: bytes) -> Sequence[bytes]:
        """Say nothing."""
        return []
