"""Sanitas SBF70 and its relatives, on characteristic 0xFFE1; numbers are big-endian.

frame:    start | command | payload; start E7 (SBF70, SBF75, BF710) or F7 (BF700, BF800)
58        0 still, 1 not yet | weight u16 (50 g)
59        parts 3 | part | part 1: 01, user u64; parts 2 and 3: halves of a weighing
42        parts | part | half of a weighing, two for each saved one
34        users | number | user u64 | name, 3 octets | year of birth - 1900
F0        command that is answered | answer
weighing: unix time u32 | weight u16 (50 g) | impedance u16 ohm | fat u16 (0.1 %) |
          water u16 (0.1 %) | muscle u16 (0.1 %) | bone u16 (50 g) | basal and active metabolism
          u16 x 2 (kcal) | BMI u16 (0.1)
The maker has published nothing: captures in ble-scale-sync #211 and openScale #1500, and what
openScale's handler expects.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum

SBF70, BF700 = 0xE, 0xF
_KG_PER_BIT, _TENTH = Decimal("0.05"), Decimal("0.1")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the device's own clock
_HALF_OCTETS = 11


class Command(IntEnum):
    """The second octet of a frame, whoever sends it."""

    ADD_USER = 0x31
    DELETE_USER = 0x32
    USERS = 0x33
    USER = 0x34
    CHANGE_USER = 0x35
    MEASURE = 0x40
    GET_SAVED = 0x41
    SAVED = 0x42
    DELETE_SAVED = 0x43
    OF_NOBODY = 0x46
    DELETE_OF_NOBODY = 0x49
    SET_UNIT = 0x4D
    STATUS = 0x4F
    LIVE_WEIGHT = 0x58
    LIVE = 0x59
    ANSWER = 0xF0
    ACKNOWLEDGE = 0xF1


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing:
    """One weighing: kg, ohm, percent, kcal. For somebody unknown all but the weight is zero."""

    at_device: datetime
    weight: Decimal
    impedance_ohm: int = 0
    fat_percent: Decimal = Decimal(0)
    water_percent: Decimal = Decimal(0)
    muscle_percent: Decimal = Decimal(0)
    bone: Decimal = Decimal(0)
    basal_kcal: int = 0
    active_kcal: int = 0
    bmi: Decimal = Decimal(0)

    def pack(self) -> bytes:
        """Return the 22 octets."""
        seconds = (self.at_device - _EPOCH) // timedelta(seconds=1)
        fields = (
            _steps(self.weight, _KG_PER_BIT),
            self.impedance_ohm,
            _steps(self.fat_percent, _TENTH),
            _steps(self.water_percent, _TENTH),
            _steps(self.muscle_percent, _TENTH),
            _steps(self.bone, _KG_PER_BIT),
            self.basal_kcal,
            self.active_kcal,
            _steps(self.bmi, _TENTH),
        )
        return seconds.to_bytes(4, "big") + b"".join(field.to_bytes(2, "big") for field in fields)


@dataclass(frozen=True, slots=True)
class User:
    """Somebody the scale knows by a number that an app chose."""

    number: int
    initials: str
    year_of_birth: int


def frame(family: int, command: int, payload: bytes = b"") -> bytes:
    """Return a frame of a family of scales, `SBF70` or `BF700`."""
    return bytes([family << 4 | 7, command]) + payload


def live_weight(family: int, weight: Decimal, *, still: bool) -> bytes:
    """Return what is sent while somebody stands on the scale."""
    return frame(family, Command.LIVE_WEIGHT, bytes([not still]) + _weight(weight))


def live(family: int, weighing: Weighing, user: int) -> list[bytes]:
    """Return the three frames of a weighing that just ended; user 0 is nobody known."""
    whom = b"\x01" + user.to_bytes(8, "big")
    return _parts(family, Command.LIVE, [whom, *_halves(weighing)])


def saved(family: int, weighings: list[Weighing]) -> list[bytes]:
    """Return the frames of what was saved for a user."""
    return _parts(family, Command.SAVED, [half for one in weighings for half in _halves(one)])


def users(family: int, known: list[User]) -> list[bytes]:
    """Return the frames that list the users."""
    rows = [
        user.number.to_bytes(8, "big")
        + user.initials.encode("ascii").ljust(3, b"\x00")
        + bytes([user.year_of_birth - 1900])
        for user in known
    ]
    return _parts(family, Command.USER, rows)


def answer(family: int, command: int, payload: bytes) -> bytes:
    """Return the answer to a command."""
    return frame(family, Command.ANSWER, bytes([command]) + payload)


def acknowledgement(of: bytes) -> bytes:
    """Return what a collector writes to get the next frame."""
    return bytes([of[0], Command.ACKNOWLEDGE]) + of[1:4]


def _parts(family: int, command: int, payloads: list[bytes]) -> list[bytes]:
    return [
        frame(family, command, bytes([len(payloads), part]) + payload)
        for part, payload in enumerate(payloads, start=1)
    ]


def _halves(weighing: Weighing) -> tuple[bytes, bytes]:
    octets = weighing.pack()
    return octets[:_HALF_OCTETS], octets[_HALF_OCTETS:]


def _weight(weight: Decimal) -> bytes:
    return _steps(weight, _KG_PER_BIT).to_bytes(2, "big")


def _steps(quantity: Decimal, per_bit: Decimal) -> int:
    steps, rest = divmod(quantity, per_bit)
    if rest:
        raise ValueError(f"{quantity} is not a multiple of {per_bit}")
    return int(steps)
