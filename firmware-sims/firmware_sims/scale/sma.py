"""A scale that speaks SMA SCP-0499 (Detecto, Cardinal, Fairbanks, Brecknell, B-TEK), level 1.

```
request  LF W CR           weight now; P when stable; Detecto also takes a bare ENQ (05)
answer   LF s r n m f weight(10) unit(3) CR
         s Z zero, O over, U under, E zero error, T tare error, e not displayed, space good
         r range, n G gross, m M in motion, f always space; unknown command: LF ? CR
```
Repeating, zero and tare are recorded as forbidden. A Detecto 758C puts `W01,` before the status.
Source: SCP-0499 as printed in Detecto APEX p. 28, 758C p. 32, B-TEK T419S p. 61. Guesses: `P` in
motion is answered by nothing, and that `W01,` stands after the LF.
"""

from collections.abc import Sequence
from decimal import Decimal

from firmware_sims.placement import Placement
from firmware_sims.requests import Split
from firmware_sims.scale.platform import Platform, weigh_next

MODEL = "SMA SCP-0499"
_ENQ = b"\x05"
_FORBIDDEN = {b"Z": "zero", b"T": "tare", b"R": "repeat", b"S": "repeat when stable"}
_NO_FIGURE = "-" * 10


def encode(
    status: str, weight: str, unit: str, *, in_motion: bool = False, head: str = ""
) -> bytes:
    """Return an answer; `weight` is text, because some have dashes instead."""
    motion = "M" if in_motion else " "
    return f"\n{head}{status}1G{motion} {weight:>10}{unit:<3}\r".encode("ascii")


class SmaScale:
    """A virtual scale that only answers; people take turns. `detecto_758c` adds its prefix."""

    def __init__(
        self,
        placement: Placement,
        *,
        pounds: bool = False,
        detecto_758c: bool = False,
        settle_s: float = 2.0,
        stand_s: float = 8.0,
    ) -> None:
        self._placement = placement
        self._pounds = pounds
        self._head = "W01," if detecto_758c else ""
        self._platform = Platform(placement.now, settle_s=settle_s, stand_s=stand_s)

    def measure(self) -> Sequence[bytes]:
        """Let the next person step on; nothing is pushed."""
        weigh_next(self._placement, self._platform, model=MODEL, unit=self._unit, step="0.1")
        return []

    def split(self, heard: bytes) -> Split:
        """Find LF ... CR, and ENQ outside of them."""
        requests: list[bytes] = []
        while heard:
            if heard.startswith(_ENQ):
                requests.append(_ENQ)
                heard = heard[1:]
            elif not heard.startswith(b"\n"):
                heard = heard[1:]
            elif (end := heard.find(b"\r")) > 0:
                requests.append(heard[1:end])
                heard = heard[end + 1 :]
            else:
                break
        return requests, heard

    def answer(self, request: bytes) -> Sequence[bytes]:
        """Answer one request."""
        if request in _FORBIDDEN:
            self._placement.forbidden.record(_FORBIDDEN[request])
            return []
        if request not in (b"W", b"P", _ENQ):
            return [b"\n?\r"]
        load = self._platform.load()
        if load.error:
            return [encode("E", _NO_FIGURE, self._unit, head=self._head)]
        if request == b"P" and load.in_motion:
            return []
        status = "Z" if load.weight == Decimal(0) else " "
        weight = f"{load.weight:.1f}"
        return [encode(status, weight, self._unit, in_motion=load.in_motion, head=self._head)]

    @property
    def _unit(self) -> str:
        return "lb" if self._pounds else "kg"
