"""Microlife cuffs with the maker's own service; pressures in mmHg, the pulse per minute.

frame:    4D | who says it | length u16, most significant octet first, of what follows | payload |
          sum of all before; 3A: newer cuffs, 31: older ones (A6 BT, A7 Touch BT), FF: a collector
00        mode 0 | current measurements | records u8 | user | MAM state | 0 0 |
          three current measurements, zeros while nobody measures | records, oldest first
05        user | newer, for each of two: name, 20 octets, and age; older: name, 11, and age |
          firmware name, 3 octets | year - 2000, month, day of it | users | records for each |
          options (IHB b0, AFib b1, MAM b2) | battery u8 (0.1 V)
0B        "D" and ID, 6 octets | newer: "B" | "M" and measurements u24 | error and count u16, each
0C        set u8 | year - 2000, month, day, hours, minutes, seconds: the clock, newer ones only
81, 92    done, and not now
record, newer: systolic | diastolic | pulse | year - 2000 | month | day | hours | minutes |
               cuff fits b7, irregular b6, AFib b5, MAM b4 b3 | 0
record, older: systolic | diastolic | pulse | month b0 b1 in b7 b6, day | month b2 b3 in b7 b6,
               hours | minutes | MAM b7, irregular b6, year - 2000
What was measured before the clock was set has zeros for month, day, hours and minutes.
The maker has published nothing: joergmlpts/blood-pressure-monitor and derdilla's tests (frames and
newer records), the kit for apps in nick0904/My_MicroLife (older records, 05, 0B) and a newer one
that somebody decompiled (0C), and a listing of a newer cuff's memory in vytautas-valaitis/
microlife_bp (flags, records without a time).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum

COLLECTOR = 0xFF
_START = 0x4D
_OVERHEAD_OCTETS = 4  # before what the length counts
_CURRENT = 3
_ALL_THREE = 3  # of the values of MAM in a newer record
_UNSET_YEAR = 17  # what the cuff of the listing has in its records from before its clock was set


class Family(IntEnum):
    """Who says a frame."""

    NEWER = 0x3A
    OLDER = 0x31

    @property
    def record_octets(self) -> int:
        """How long a record is."""
        return 10 if self is Family.NEWER else 7

    @property
    def name_octets(self) -> int:
        """How long a user's name is."""
        return 20 if self is Family.NEWER else 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One record. `shown` None: the clock was not set. `mam`: the mean of three measurements."""

    systolic: int
    diastolic: int
    pulse: int
    shown: datetime | None
    fits: bool = True
    irregular: bool = False
    fibrillation: bool = False
    mam: bool = False

    def pack(self, family: Family) -> bytes:
        """Return the octets of a record."""
        numbers = bytes([self.systolic, self.diastolic, self.pulse])
        return numbers + (self._newer() if family is Family.NEWER else self._older())

    def _newer(self) -> bytes:
        at = self.shown
        when = bytes([_UNSET_YEAR, 0, 0, 0, 0])
        if at is not None:
            when = bytes([at.year - 2000, at.month, at.day, at.hour, at.minute])
        flags = self.fits << 7 | self.irregular << 6 | self.fibrillation << 5
        return when + bytes([flags | (_ALL_THREE << 3 if self.mam else 0), 0])

    def _older(self) -> bytes:
        flags = self.mam << 7 | self.irregular << 6
        at = self.shown
        if at is None:
            return bytes([0, 0, 0, flags | _UNSET_YEAR])
        first, second = (at.month & 3) << 6 | at.day, (at.month >> 2) << 6 | at.hour
        return bytes([first, second, at.minute, flags | at.year - 2000])


@dataclass(frozen=True, slots=True, kw_only=True)
class Firmware:
    """What a cuff says of its make."""

    name: str = "MLC"
    made: date = date(2019, 11, 5)
    users: int = 2
    records: int = 99
    battery_tenth_v: int = 55

    def pack(self) -> bytes:
        """Return the octets."""
        made = bytes([self.made.year - 2000, self.made.month, self.made.day])
        options = 0b101  # IHB and MAM
        counts = bytes([self.users, self.records, options, self.battery_tenth_v])
        return self.name.encode("ascii").ljust(3)[:3] + made + counts


def frame(says: int, payload: bytes) -> bytes:
    """Return a frame of a cuff, or of a collector."""
    octets = bytes([_START, says]) + (len(payload) + 1).to_bytes(2, "big") + payload
    return octets + bytes([sum(octets) & 0xFF])


def whole(octets: bytes) -> int | None:
    """Return how long the frame is that begins so; None as long as that cannot be said."""
    if len(octets) < _OVERHEAD_OCTETS:
        return None
    return _OVERHEAD_OCTETS + int.from_bytes(octets[2:4], "big")


def asked(octets: bytes) -> bytes | None:
    """Return the payload of a collector's frame; None if it is none, or its sum is wrong."""
    is_frame = octets[:2] == bytes([_START, COLLECTOR]) and len(octets) == whole(octets)
    if not is_frame or len(octets) < _OVERHEAD_OCTETS + 2 or sum(octets[:-1]) & 0xFF != octets[-1]:
        return None
    return octets[_OVERHEAD_OCTETS:-1]


def history(family: Family, user: int, readings: Sequence[Reading], *, mam: bool = False) -> bytes:
    """Return the payload that answers 00, while nobody measures."""
    head = bytes([0x00, 0, 0, len(readings), user, 2 if mam else 0, 0, 0])
    current = bytes(_CURRENT * family.record_octets)
    return head + current + b"".join(reading.pack(family) for reading in readings)


def users(
    family: Family, user: int, people: Sequence[tuple[str, int]], firmware: Firmware
) -> bytes:
    """Return the payload that answers 05. `people` are names and ages: both, or the one it is."""
    names = [name.encode("ascii", "replace").ljust(family.name_octets) for name, _ in people]
    told = [
        name[: family.name_octets] + bytes([age])
        for name, (_, age) in zip(names, people, strict=True)
    ]
    return bytes([0x05, user]) + b"".join(told) + firmware.pack()


def device_info(family: Family, device_id: bytes, measurements: int, failures: int) -> bytes:
    """Return the payload that answers 0B; of the errors only the first ever happened."""
    link = b"B" if family is Family.NEWER else b""
    errors = b"".join(
        bytes([error]) + (failures if error == 1 else 0).to_bytes(2, "big")
        for error in (1, 2, 3, 5)
    )
    return b"\x0bD" + device_id + link + b"M" + measurements.to_bytes(3, "big") + errors


def clock(shown: datetime | None) -> bytes:
    """Return the payload that answers 0C; None: it was not set."""
    if shown is None:
        return bytes([0x0C, 0, _UNSET_YEAR, 0, 0, 0, 0, 0])
    date_ = [shown.year - 2000, shown.month, shown.day]
    return bytes([0x0C, 1, *date_, shown.hour, shown.minute, shown.second])
