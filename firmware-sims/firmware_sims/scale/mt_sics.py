"""A Mettler-Toledo scale that speaks MT-SICS, levels 0 and 1 (ASCII, CR LF both ways).

```
S     stable weight       S S      64.20 kg     weight in 10, right-aligned
SI    weight now          S D      63.80 kg     in motion
SIR   one after the other, until S, SI or @
      S I not executable (still in motion), S + overload, S - underload
I2 model    I4 serial    @ reset, answered as I4
      ES syntax error, ET transmission error (here: a byte that is no ASCII)
```
Zero and tare are recorded as forbidden and answered as if they had been done.
Source: METTLER TOLEDO MT-SICS reference manual 11780711. Guesses: the text of I2 and I4, and that
`S` in motion is answered at once and not after the scale's timeout.
"""

from collections.abc import Sequence
from decimal import Decimal

from firmware_sims.placement import Placement
from firmware_sims.requests import Split, ended_by
from firmware_sims.scale.platform import Load, Platform, weigh_next

MODEL = "MT-SICS"
OVERLOAD, UNDERLOAD, NOT_EXECUTABLE = b"S +\r\n", b"S -\r\n", b"S I\r\n"
SYNTAX, TRANSMISSION = b"ES\r\n", b"ET\r\n"
_FORBIDDEN = {b"Z": ("zero", b"Z A\r\n"), b"T": ("tare", b"T S       0.00 kg\r\n")}


def encode(weight: Decimal, unit: str, *, in_motion: bool = False) -> bytes:
    """Return the answer for a weight."""
    return f"S {'D' if in_motion else 'S'} {weight:>10.2f} {unit}\r\n".encode("ascii")


class MtSics:
    """A virtual scale that answers, or repeats when told to; people take turns."""

    def __init__(
        self,
        placement: Placement,
        *,
        pounds: bool = False,
        serial: str = "B021002593",
        settle_s: float = 2.0,
        stand_s: float = 8.0,
    ) -> None:
        self._placement = placement
        self._unit = "lb" if pounds else "kg"
        self._serial = f'I4 A "{serial}"\r\n'.encode("ascii")
        self._repeats = False
        self._platform = Platform(placement.now, settle_s=settle_s, stand_s=stand_s)

    def measure(self) -> Sequence[bytes]:
        """Let the next person step on; return what is pushed, if `SIR` was asked for."""
        still = self._shown(
            weigh_next(self._placement, self._platform, model=MODEL, unit=self._unit, step="0.05")
        )
        return [self._shown(self._platform.load()), still, still] if self._repeats else []

    def split(self, heard: bytes) -> Split:
        """Find lines."""
        return ended_by(b"\r\n", heard)

    def answer(self, request: bytes) -> Sequence[bytes]:
        """Answer one command."""
        if not request.isascii():
            return [TRANSMISSION]
        if request in (b"S", b"SI", b"SIR", b"@"):
            self._repeats = request == b"SIR"
        load = self._platform.load()
        match request:
            case b"S" if load.in_motion and not load.error:
                return [NOT_EXECUTABLE]
            case b"S" | b"SI" | b"SIR":
                return [self._shown(load)]
            case b"I2":
                return [b'I2 A "Virtual scale 200.00 kg"\r\n']
            case b"I4" | b"@":
                return [self._serial]
        if request in _FORBIDDEN:
            name, answer = _FORBIDDEN[request]
            self._placement.forbidden.record(name)
            return [answer]
        return [SYNTAX]

    def _shown(self, load: Load) -> bytes:
        return OVERLOAD if load.error else encode(load.weight, self._unit, in_motion=load.in_motion)
