"""A FreeStyle Libre 2 reader on its USB cable (1a61:3950): it wants keys that nobody publishes.

```
05 -> 06 0E serial 00                       01 -> 71 01 01
14 01 11 -> 33 10 16 | challenge, 8 | initialization vector, 7
14 1A 17 ... -> 33 01 14                    the answer to the challenge is wrong
60 or 21 ... -> 33 01 15                    there was no answer to a challenge
anything else -> 30 01 85
```
Source: glucometers-tech/glucometer-protocols, abbott/freestyle-libre-2.md; the errors,
glucometers-tech/freestyle-hid. Guess: that 01 is answered before the handshake too.
"""

import random
from collections.abc import Sequence
from datetime import datetime

from firmware_sims.abbott_hid import BEGIN, TEXT, TIDEPOOLS_TEXT, UNKNOWN
from firmware_sims.body import Body
from firmware_sims.ledger import Kind
from firmware_sims.packing import abbott_hid as packing
from firmware_sims.placement import Placement
from firmware_sims.requests import Split

MODEL = "FreeStyle Libre 2"
_AUTHORIZE, _AUTHORIZED = 0x14, 0x33
_START, _CHALLENGE, _WRONG, _MISSING = 0x11, 0x16, b"\x14", b"\x15"


class Libre2Reader:
    """A virtual reader; what it scanned is in the ledger, and nobody gets it."""

    def __init__(self, placement: Placement, *, serial: str = "MAGZ192-Q4221") -> None:
        self._placement = placement
        self._body: Body = placement.people[0][0]
        self._serial = serial
        self._random = random.Random(f"libre 2/{placement.seed}")  # noqa: S311 - repeatable
        self._buffer = bytes(packing.REPORT_OCTETS)
        self.held = 0

    def measure(
        self, at: datetime | None = None, who: tuple[int | None, Body] | None = None
    ) -> Sequence[bytes]:
        """Scan the sensor; nothing is pushed."""
        moment = at or self._placement.now()
        values = {"glucose": str(self._body.glucose(moment)), "unit": "mg/dL"}
        kinds = {Kind.INTERSTITIAL_GLUCOSE: values}
        self._placement.record(MODEL, moment, kinds, person=self._body.person.name)
        self.held += 1
        return []

    def split(self, heard: bytes) -> Split:
        """Take each packet as one report."""
        return [heard], b""

    def answer(self, request: bytes) -> Sequence[bytes]:
        """Answer one report."""
        if not 2 <= len(request) <= packing.REPORT_OCTETS:
            return []
        kind, data = self._reply(request[0], request[2 : 2 + request[1]])
        self._buffer = packing.report(kind, data, over=self._buffer)
        return [self._buffer]

    def _reply(self, kind: int, data: bytes) -> tuple[int, bytes]:
        if kind == BEGIN:
            return 0x71, b"\x01"
        if kind == 0x05:
            return 0x06, self._serial.encode("ascii") + b"\0"
        if kind == _AUTHORIZE:
            challenge = bytes([_CHALLENGE]) + self._random.randbytes(15)
            return _AUTHORIZED, challenge if data == bytes([_START]) else _WRONG
        return (_AUTHORIZED, _MISSING) if kind in (TEXT, TIDEPOOLS_TEXT) else UNKNOWN
