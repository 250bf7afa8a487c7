"""LifeScan OneTouch packets, on a cable and over Bluetooth, where they are cut into pieces.

```
packet:  02 | length, all of it | link | message | 03 | CRC-16 u16, initial FFFF; little-endian
piece:   header | up to 19 octets of a packet
header:  00 + how many pieces, in the first; 40 + which one, from 1 on, in the others
         80 + the same number acknowledges a piece; C0 + it, the last one
record by number:  time u32 | mg/dL u16 | control solution | meal | 3
record by place:   place u16 | 00 | number u16 | time u32 | mg/dL u16 | meal | 4
```
Times are seconds since 2000-01-01 on the meter's own clock.
Sources: glucometer-protocols (shared binary protocol, Verio 2015) and glucometerutils; for the
pieces xavaro and AppiaGlucometers, who agree on two of them: with more, Appia counts down what is
left, and xavaro, who reads four, counts up. Meals: glucometerutils in a record by place, and what a
comment in a client for the Verio Reflect says (1 after, 2 before) in one by number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from firmware_sims.packing.crc_ccitt import ccitt_false

FIRST, NEXT, ACKNOWLEDGE, LAST = 0x00, 0x40, 0x80, 0xC0
KIND, NUMBER = 0xC0, 0x3F
PIECE_OCTETS = 19
SHORTEST = 6

_EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001 - local seconds
_BY_PLACE_MEAL = {0: 0, 1: 2, 2: 1}


class Meal(IntEnum):
    """What a test by number says of a meal."""

    NONE = 0
    AFTER = 1
    BEFORE = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a memory. What is no test has no glucose, and octets at its end."""

    number: int
    shown: datetime
    glucose_mg_dl: int
    control: bool = False
    meal: Meal = Meal.NONE
    end: bytes = bytes(3)

    @property
    def is_test(self) -> bool:
        """Whether a strip was in the meter."""
        return self.glucose_mg_dl > 0

    def by_number(self) -> bytes:
        """Return the 11 octets of a record that was asked for by its number."""
        return self._measured + bytes([self.control, self.meal]) + self.end

    def by_place(self, place: int) -> bytes:
        """Return the 16 octets of a record that was asked for by its place, 0 for the newest."""
        numbers = place.to_bytes(2, "little") + b"\x00" + self.number.to_bytes(2, "little")
        return numbers + self._measured + bytes([_BY_PLACE_MEAL[self.meal], 0]) + self.end

    @property
    def _measured(self) -> bytes:
        return seconds(self.shown) + self.glucose_mg_dl.to_bytes(2, "little")


def packet(link: int, message: bytes = b"") -> bytes:
    """Return a packet."""
    octets = bytes([2, len(message) + SHORTEST, link]) + message + b"\x03"
    return octets + ccitt_false(octets).to_bytes(2, "little")


def pieces(whole: bytes) -> Sequence[bytes]:
    """Cut a packet for Bluetooth, each piece with its header."""
    parts = [whole[at : at + PIECE_OCTETS] for at in range(0, len(whole), PIECE_OCTETS)]
    headers = [FIRST | len(parts), *(NEXT | which for which in range(1, len(parts)))]
    return [bytes([header]) + part for header, part in zip(headers, parts, strict=True)]


def seconds(shown: datetime) -> bytes:
    """Return a time of the meter's clock."""
    return int((shown - _EPOCH).total_seconds()).to_bytes(4, "little")


def shown(octets: bytes) -> datetime:
    """Return what the meter's clock shows at a time that `seconds` wrote."""
    return _EPOCH + timedelta(seconds=int.from_bytes(octets, "little"))
