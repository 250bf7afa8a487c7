"""Omron cuffs with the maker's own service: records, frames, and what they advertise.

frame: length u8, all of it | type u16 | address u16 | size u8 | data | 00 | XOR of all before;
       most significant octet first; over one channel, or cut into 16 octets over four
record, first eight octets:
  "little": systolic - 25 | diastolic | pulse | year - 2000 | day u16 | minute u16, low octet first
  "big":    diastolic | systolic - 25 | year - 2000 | pulse | day u16 | minute u16, high octet first
  day:      movement b15, irregular b14, month b10, day b5, hour b0 (bit of the lowest)
  minute:   position b14, battery b13, cuff b12, minute b6, second b0
then: two octets (80 00 in a HEM-7142T2, 00 00 in others) | number u16, low octet first | sum of
      all before and its complement (big: complement and sum); a HEM-7361T has sixteen octets, and
      what the last four are is unknown
advertised, company 0x020E: 01 | users - 1, b2 time not set, b3 pairing mode |
                            for each user: last number u16, records u8
Sources: omblepy, hass-omron and the captures in their issues (#71); that the octets before the last
are a sum was found in those captures. The maker has published nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

COMPANY = 0x020E
CUT_OCTETS = 16
_LOWEST_SYSTOLIC = 25
_FRAME_OCTETS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One record: mmHg, per minute, and the time that the cuff showed."""

    systolic: int
    diastolic: int
    pulse: int
    shown: datetime
    number: int = 0
    irregular: bool = False
    movement: bool = False
    cuff: bool = True

    @property
    def _day(self) -> int:
        flags = self.movement << 15 | self.irregular << 14
        return flags | self.shown.month << 10 | self.shown.day << 5 | self.shown.hour

    @property
    def _minute(self) -> int:
        return self.cuff << 12 | self.shown.minute << 6 | self.shown.second


def record_little(reading: Reading) -> bytes:
    """Return the 14 octets of a HEM-7142T2."""
    octets = _little(reading) + b"\x80\x00" + reading.number.to_bytes(2, "little")
    return octets + bytes([_sum(octets), _sum(octets) ^ 0xFF])


def record_little_16(reading: Reading) -> bytes:
    """Return the 16 octets of a HEM-7361T."""
    octets = _little(reading) + bytes(2) + reading.number.to_bytes(2, "little")
    return octets + bytes(4)


def record_big(reading: Reading) -> bytes:
    """Return the 14 octets of a HEM-7322T or HEM-7600T."""
    octets = bytes(
        [
            reading.diastolic,
            reading.systolic - _LOWEST_SYSTOLIC,
            reading.shown.year - 2000,
            reading.pulse,
        ]
    )
    octets += reading._day.to_bytes(2, "big") + reading._minute.to_bytes(2, "big")
    octets += bytes(2) + reading.number.to_bytes(2, "little")
    return octets + bytes([_sum(octets) ^ 0xFF, _sum(octets)])


def frame(kind: int, address: int, size: int, data: bytes = b"") -> bytes:
    """Return a frame; `size` is what was asked for, and what is there but for a refusal."""
    octets = bytes([_FRAME_OCTETS + len(data)]) + kind.to_bytes(2, "big")
    octets += address.to_bytes(2, "big") + bytes([size]) + data + b"\x00"
    return octets + bytes([exclusive_or(octets)])


def cuts(octets: bytes, size: int = CUT_OCTETS) -> list[bytes]:
    """Return a frame cut for the channels."""
    return [octets[at : at + size] for at in range(0, len(octets), size)]


def exclusive_or(octets: bytes) -> int:
    """Return the XOR of octets; of a whole frame it is 0."""
    result = 0
    for octet in octets:
        result ^= octet
    return result


def advertised(
    users: Sequence[tuple[int, int]], *, time_not_set: bool = False, pairing_mode: bool = False
) -> bytes:
    """Return what follows the company: each user's last number and how many records they have."""
    flags = (len(users) - 1) | time_not_set << 2 | pairing_mode << 3
    rows = [last.to_bytes(2, "little") + bytes([count]) for last, count in users]
    return bytes([1, flags]) + b"".join(rows)


def _little(reading: Reading) -> bytes:
    octets = bytes(
        [
            reading.systolic - _LOWEST_SYSTOLIC,
            reading.diastolic,
            reading.pulse,
            reading.shown.year - 2000,
        ]
    )
    day, minute = reading._day, reading._minute
    return octets + day.to_bytes(2, "little") + minute.to_bytes(2, "little")


def _sum(octets: bytes) -> int:
    return sum(octets) & 0xFF
