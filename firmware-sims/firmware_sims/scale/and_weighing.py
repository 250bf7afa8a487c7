"""An A&D balance or indicator that writes A&D standard format (2400 7E1 by default, else 9600 8N1).

```
ST,+00072.45 kg CR LF     header, sign, 8 characters with the point, unit in 3, right-aligned
US in motion, OL out of range, QT a count
```
PRINT sends a line. `Q` and `SI` ask for one now, `S` for a stable one, `SIR` for one line after the
other until `C`. Zero and tare commands are recorded as forbidden and acknowledged (06).
Source: A&D manuals GC p. 51, EK-L p. 28, GH p. 42. Guesses: `S` in motion is answered by nothing,
an unknown command by `EC,E01`, and what the data field holds with OL.
"""

from collections.abc import Sequence
from decimal import Decimal

from firmware_sims.faults import Fault
from firmware_sims.placement import Placement
from firmware_sims.requests import Split, ended_by
from firmware_sims.scale.platform import Load, Platform, weigh_next

MODEL = "A&D standard format"
_FORBIDDEN = {b"Z": "zero", b"R": "zero", b"T": "tare"}
_STEP = Decimal("0.05")


def encode(header: str, figure: str, unit: str) -> bytes:
    """Return a line; `figure` is the number without its sign, already in its width."""
    return f"{header},+{figure}{unit:>3}\r\n".encode("ascii")


class AndWeighing:
    """A virtual scale; people take turns. `prints`: PRINT is pressed once they stand still.

    Without `prints` and without `SIR`, it only answers.
    """

    def __init__(
        self,
        placement: Placement,
        *,
        pounds: bool = False,
        prints: bool = True,
        settle_s: float = 2.0,
        stand_s: float = 8.0,
    ) -> None:
        self._placement = placement
        self._pounds = pounds
        self._prints = prints
        self._repeats = False
        self._platform = Platform(placement.now, settle_s=settle_s, stand_s=stand_s)

    def measure(self) -> Sequence[bytes]:
        """Let the next person step on; return the lines that are pushed."""
        placement = self._placement
        still = self._line(
            weigh_next(placement, self._platform, model=MODEL, unit=self._unit, step=_STEP)
        )
        if self._repeats:
            return [self._line(self._platform.load()), still, still]
        if not self._prints:
            return []
        return [still] * (2 if placement.faults.strikes(Fault.DOUBLE_KEY_PRESS) else 1)

    def split(self, heard: bytes) -> Split:
        """Find lines."""
        return ended_by(b"\r\n", heard)

    def answer(self, request: bytes) -> Sequence[bytes]:
        """Answer one command."""
        load = self._platform.load()
        match request:
            case b"Q" | b"SI":
                return [self._line(load)]
            case b"S":
                return [] if load.in_motion else [self._line(load)]
            case b"SIR" | b"C":
                self._repeats = request == b"SIR"
                return []
        if request in _FORBIDDEN:
            self._placement.forbidden.record(_FORBIDDEN[request])
            return [b"\x06"]
        return [b"EC,E01\r\n"]

    @property
    def _unit(self) -> str:
        return "lb" if self._pounds else "kg"

    def _line(self, load: Load) -> bytes:
        if load.error:
            return encode("OL", "99999999", self._unit)
        return encode("US" if load.in_motion else "ST", f"{load.weight:08.2f}", self._unit)
