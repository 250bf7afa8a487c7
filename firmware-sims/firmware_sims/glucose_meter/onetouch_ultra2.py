"""A OneTouch Ultra2 on its cable (9600 8N1): it dumps its memory as lines of text.

```
11 CR DMP CR -> P 001,"SERIAL","MG/DL " XXXX CR
                P "WED","03/09/16","07:33:00   "," 098 ","N","00", 00 0991 CR      per strip
DM@ serial     DM? version     DMF clock     DMSU? unit
```
Each line ends with the sum of the bytes before the last blank, four hexadecimal digits. Values are
mg/dL whatever the display shows; a `C` before one means control solution. DMZ (erase) and DMT (set
the clock) are recorded as forbidden and not answered.
Source: glucometerutils, test_otultra2.py. Guesses: newest first, the meal flags B and A, and the
letter T before the clock.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from firmware_sims.glucose_meter.strip_memory import Strip, StripMemory
from firmware_sims.placement import Placement
from firmware_sims.requests import Split, ended_by

MODEL, SERIAL = "OneTouch Ultra2", "SNV012345"
_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_FORBIDDEN = {b"DMZ": "erase memory", b"DMT": "set clock"}


def encode(text: str) -> bytes:
    """Return the line of a text, with its sum."""
    octets = text.encode("ascii")
    return octets + f" {sum(octets) & 0xFFFF:04X}\r".encode("ascii")


def encode_clock(shown: datetime) -> str:
    """Return weekday, date and time as they stand in a line."""
    weekday = _WEEKDAYS[shown.weekday()]
    return f'"{weekday}","{shown:%m/%d/%y}","{shown:%H:%M:%S}   "'


def encode_strip(strip: Strip, *, meal: str = "N") -> bytes:
    """Return the line of a strip."""
    control = "C" if strip.control else " "
    when = encode_clock(strip.taken_at_device_local)
    return encode(f'P {when},"{control}{strip.glucose_mg_dl:03} ","{meal}","00", 00')


class OneTouchUltra2:
    """A virtual meter; people take turns. `mmol` changes what the display shows, and no value."""

    def __init__(self, placement: Placement, *, mmol: bool = False) -> None:
        self.memory = StripMemory(placement, model=MODEL)
        self._placement = placement
        self._unit = "MMOL/L" if mmol else "MG/DL "

    def measure(self) -> Sequence[bytes]:
        """Let the next person prick a finger; nothing is pushed."""
        self.memory.take(self._placement.now())
        return []

    def remember(self, count: int, every: timedelta) -> None:
        """Keep so many strips of the past, the last one `every` ago."""
        self.memory.take_history(count, every)

    def split(self, heard: bytes) -> Split:
        """Find requests by their CR."""
        return ended_by(b"\r", heard)

    def answer(self, request: bytes) -> Sequence[bytes]:
        """Answer one request; the 11 that wakes it up is none."""
        command = request.lstrip(b"\x11")
        forbidden = _FORBIDDEN.get(command[:3])
        if forbidden is not None:
            self._placement.forbidden.record(forbidden)
        match command:
            case b"DMP":
                return self._dump()
            case b"DM@":
                return [encode(f'@ "{SERIAL}"')]
            case b"DM?":
                return [encode("?P02.00.00 25/05/07")]
            case b"DMF":
                return [encode(f"T {encode_clock(self._placement.clock.device_local())}")]
            case b"DMSU?":
                return [encode(f'SU?,"{self._unit}"')]
        return []

    def _dump(self) -> list[bytes]:
        strips = self.memory.newest_first()
        head = encode(f'P {len(strips):03},"{SERIAL}","{self._unit}"')
        return [head, *[encode_strip(strip, meal=_meal(strip)) for strip in strips]]


def _meal(strip: Strip) -> str:
    # The same in every dump, and no draw that would change what comes after.
    return random.Random(strip.taken_at_device_local.isoformat()).choice("NNBA")  # noqa: S311
