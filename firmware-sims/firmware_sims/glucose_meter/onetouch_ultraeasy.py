"""A OneTouch UltraEasy (UltraMini) on its cable (9600 8N1): packets with a link layer.

```
02 | length, all of it | link | message | 03 | CRC-16 u16, initial FFFF
link: 01 number of this packet, 02 number expected next, 04 acknowledge, 08 disconnect
05 0D 02 version   05 0B 02 ... serial   05 09 02 ... unit   05 20 02 ... clock -> 05 06 ...
05 1F index u16 -> 05 06 | time u32 | mg/dL u32; an index that is not there (501) -> 05 0F count u16
```
A message is acknowledged by a packet without one, and then answered; a repeated number gets what
was sent before. Times are local seconds since 1970, index 0 is the newest. 05 1A (erase) and
05 20 01 (set the clock) are recorded as forbidden and answered 05 06.
Source: glucometerutils, otultraeasy and its tests.
Guesses: that numbers after a disconnect begin where the host's first packet says, and that a packet
with a wrong CRC is answered by nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from firmware_sims.glucose_meter.strip_memory import StripMemory
from firmware_sims.packing.onetouch import SHORTEST, packet
from firmware_sims.placement import Placement
from firmware_sims.requests import Split

MODEL, SERIAL = "OneTouch UltraEasy", b"C176SA034"
NUMBER, EXPECTED, ACKNOWLEDGE, DISCONNECT = 0x01, 0x02, 0x04, 0x08
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - local seconds
_DONE = b"\x05\x06"
_COUNT = b"\x05\x0f"


class OneTouchUltraEasy:
    """A virtual meter; people take turns. `mmol` changes what the display shows, and no value."""

    def __init__(self, placement: Placement, *, mmol: bool = False) -> None:
        self.memory = StripMemory(placement, model=MODEL)
        self._placement = placement
        self._mmol = mmol
        self._expected: int | None = None
        self._number = 0
        self._sent: list[bytes] = []

    def measure(self) -> Sequence[bytes]:
        """Let the next person prick a finger; nothing is pushed."""
        self.memory.take(self._placement.now())
        return []

    def remember(self, count: int, every: timedelta) -> None:
        """Keep so many strips of the past, the last one `every` ago."""
        self.memory.take_history(count, every)

    def split(self, heard: bytes) -> Split:
        """Find packets by their first byte, length and end."""
        requests: list[bytes] = []
        while (start := heard.find(2)) >= 0:
            heard = heard[start:]
            length = heard[1] if len(heard) > 1 else SHORTEST
            if length >= SHORTEST and len(heard) < length:
                return requests, heard
            if length >= SHORTEST and heard[length - 3] == 3:
                requests.append(heard[:length])
                heard = heard[length:]
            else:
                heard = heard[1:]
        return requests, b""

    def answer(self, request: bytes) -> Sequence[bytes]:
        """Answer one packet."""
        link, message = request[2], request[3:-3]
        if packet(link, message) != request:
            return []
        if link & DISCONNECT:
            self._expected, self._number, self._sent = None, 0, []
            return [packet(DISCONNECT | ACKNOWLEDGE)]
        number, expected = link & NUMBER, int(bool(link & EXPECTED))
        if self._expected is None:
            self._expected, self._number = number, expected
        if link & ACKNOWLEDGE:
            self._number = expected
            return []
        if number != self._expected:
            return self._sent
        self._expected ^= 1
        link = self._number | self._expected << 1
        self._sent = [packet(link | ACKNOWLEDGE), packet(link, self._message(message))]
        return self._sent

    def _message(self, asked: bytes) -> bytes:
        match asked[:3]:
            case b"\x05\x0d\x02":
                return _DONE + b"\x11P02.00.00\x0025/05/07"
            case b"\x05\x0b\x02":
                return _DONE + SERIAL
            case b"\x05\x09\x02":
                return _DONE + int(self._mmol).to_bytes(4, "little")
            case b"\x05\x20\x02":
                return _DONE + _seconds(self._placement.clock.device_local())
            case b"\x05\x20\x01":
                self._placement.forbidden.record("set clock")
                return _DONE + asked[3:7]
        match asked[:2]:
            case b"\x05\x1f":
                return self._record(int.from_bytes(asked[2:4], "little"))
            case b"\x05\x1a":
                self._placement.forbidden.record("erase memory")
        return _DONE

    def _record(self, index: int) -> bytes:
        strips = self.memory.newest_first()
        if index >= len(strips):
            return _COUNT + len(strips).to_bytes(2, "little")
        strip = strips[index]
        glucose = strip.glucose_mg_dl.to_bytes(4, "little")
        return _DONE + _seconds(strip.taken_at_device_local) + glucose


def _seconds(shown: datetime) -> bytes:
    return int((shown - _EPOCH).total_seconds()).to_bytes(4, "little")
