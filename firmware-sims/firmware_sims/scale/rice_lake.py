"""A Rice Lake health scale (140-10-7, 150-10-7, 160-10-7N) on RS-232 or USB: it is asked.

9600 8N1. `ESC R ESC E` is answered by `ESC R ESC W0210.9 ESC Nm ESC E`; W999.9 or W999.99 says that
the load is more or less than it can weigh. `ESC ABAT ESC E` is answered by `ZE4U` (battery good) or
`ZE4L` (low).
Source: Rice Lake manuals 140-10-7 p. 24, 160-10-7N p. 15. A guess: a weight in motion is sent as it
is, and where the escapes are around the battery's answer.
"""

from collections.abc import Sequence
from decimal import Decimal

from firmware_sims.placement import Placement
from firmware_sims.requests import Split, ended_by
from firmware_sims.scale.escape_packet import encode
from firmware_sims.scale.platform import Platform, weigh_next

OUT_OF_RANGE = "999.99"
MODEL = "160-10-7"


def encode_weight(weight: Decimal, *, pounds: bool = False) -> bytes:
    """Return the answer for a weight."""
    return _packet(f"{weight:06.1f}", pounds=pounds)


def encode_out_of_range(*, pounds: bool = False) -> bytes:
    """Return the answer for an overload or underload."""
    return _packet(OUT_OF_RANGE, pounds=pounds)


def _packet(shown: str, *, pounds: bool) -> bytes:
    return encode([("W", shown), ("N", "c" if pounds else "m")])


class RiceLake:
    """A virtual scale that says what stands on it when asked; people take turns."""

    def __init__(
        self,
        placement: Placement,
        *,
        pounds: bool = False,
        battery_low: bool = False,
        settle_s: float = 2.0,
        stand_s: float = 8.0,
    ) -> None:
        self._placement = placement
        self._pounds = pounds
        self._battery_low = battery_low
        self._platform = Platform(placement.now, settle_s=settle_s, stand_s=stand_s)

    def measure(self) -> Sequence[bytes]:
        """Let the next person step on; nothing is pushed."""
        unit = "lb" if self._pounds else "kg"
        weigh_next(self._placement, self._platform, model=MODEL, unit=unit, step="0.1")
        return []

    def split(self, heard: bytes) -> Split:
        """Find requests by their end."""
        return ended_by(b"\x1bE", heard)

    def answer(self, request: bytes) -> Sequence[bytes]:
        """Answer for the weight or the battery; take note of anything else."""
        if request.endswith(b"\x1bABAT"):
            return [b"ZE4L" if self._battery_low else b"ZE4U"]
        if not request.endswith(b"\x1bR"):
            self._placement.forbidden.record(request.decode("ascii", "replace").strip("\x1b"))
            return []
        load = self._platform.load()
        if load.error:
            return [encode_out_of_range(pounds=self._pounds)]
        return [encode_weight(load.weight, pounds=self._pounds)]
