"""Frames of QN scales (Qing Niu; Renpho, Arboleaf and others).

```
kind | length | who | what it says | low octet of the sum of all before
12    address, last octet first | what the scale is     14    unknown
21    1 | (battery, %)                                   A1    (02 for who) user | 1 taken
10    basic:    weight u16 | state | resistance u16 | resistance u16
      extended: user | state | weight u16 | resistance u16 x 2 | fat u16 (0.1 %) | (one more)
23    basic:    count | number | seconds | weight u16 | resistance u16 x 2 | zeros
      extended: count | number | user | seconds | weight u16 | resistance u16 x 2 | fat u16
15    BMI u16 (0.1) | water u16 (0.1 %) | muscle u16 (0.1 %) | visceral u8 | age u8 |
      basal metabolism u16 (kcal) | protein u16 (0.1 %)
16    0 | bone u16 | fat-free mass u16 | subcutaneous fat u16 | skeletal muscle u16 (0.1 %) |
      score u16 (0.1) | shape u8
```
Numbers are most significant octet first; `seconds` of 2000, a u32, are least significant first. The
first frame of some says a length of 4 and has 5 octets.
Spec: docs/protocols/qn.md and the captures that it names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum

MILLENNIUM = datetime(2000, 1, 1)  # noqa: DTZ001 - the device's own clock
NOT_A_USER, GUEST = 0xF0, 0xFE
_TENTH = Decimal("0.1")


class Kind(IntEnum):
    """The first octet of a frame, whoever sends it."""

    OLD_TIME = 0x02
    WEIGHT = 0x10
    IDENTITY = 0x12
    SET_UNIT = 0x13
    WANTS_TIME = 0x14
    PANEL_A = 0x15
    PANEL_B = 0x16
    RECEIVED = 0x1F
    SET_TIME = 0x20
    READY = 0x21
    GET_STORED = 0x22
    STORED = 0x23
    SET_USER = 0xA0
    USER_TAKEN = 0xA1


class State(IntEnum):
    """How far a weighing is."""

    SETTLING = 0
    SETTLED = 1
    ENDED = 2


_OF_BASIC = {State.SETTLING: 0x00, State.SETTLED: 0x11, State.ENDED: 0x01}


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing:
    """What a scale measured: kg, two resistances in ohm, and the fat it computed, in percent."""

    weight: Decimal
    resistances: tuple[int, int] = (0, 0)
    fat_percent: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """What a scale computes of a body: masses in percent of the weight."""

    bmi: Decimal
    water_percent: Decimal
    muscle_percent: Decimal
    visceral: int
    age: int
    basal_kcal: int
    protein_percent: Decimal
    bone_percent: Decimal
    lean_percent: Decimal
    subcutaneous_percent: Decimal
    skeletal_percent: Decimal
    score: Decimal
    shape: int


def summed(octets: bytes) -> bytes:
    """Return a frame with its sum."""
    return octets + bytes([sum(octets) % 256])


def frame(kind: int, who: int, payload: bytes = b"", *, length: int | None = None) -> bytes:
    """Return a frame; `length` where it says another than it has."""
    return summed(bytes([kind, length or len(payload) + 4, who]) + payload)


def identity(who: int, address: str, rest: bytes) -> bytes:
    """Return the frame that a scale begins with."""
    return frame(Kind.IDENTITY, who, bytes.fromhex(address.replace(":", ""))[::-1] + rest)


def live(
    who: int,
    weighing: Weighing,
    state: State,
    *,
    user: int | None = None,
    per_kg: int = 100,
    rest: bytes = b"",
) -> bytes:
    """Return what is sent while somebody stands on a scale: an extended one names a user.

    `per_kg` is how many bits a kilogram has. Only the end has resistances and fat.
    """
    done = weighing if state is State.ENDED else Weighing(weight=weighing.weight)
    weight = _u16(_steps(weighing.weight, Decimal(1) / per_kg))
    resistances = b"".join(map(_u16, done.resistances))
    if user is None:
        return frame(Kind.WEIGHT, who, weight + bytes([_OF_BASIC[state]]) + resistances)
    fat = _u16(_steps(done.fat_percent, _TENTH))
    return frame(Kind.WEIGHT, who, bytes([user, state]) + weight + resistances + fat + rest)


def stored(
    who: int,
    weighing: Weighing,
    shown: datetime,
    place: tuple[int, int],
    *,
    user: int | None = None,
    zeros: int = 3,
    per_kg: int = 100,
) -> bytes:
    """Return a stored weighing; `place` is its number, from 1, and how many there are."""
    number, count = place
    seconds = (shown - MILLENNIUM) // timedelta(seconds=1)
    what = _u16(_steps(weighing.weight, Decimal(1) / per_kg))
    what += b"".join(map(_u16, weighing.resistances))
    time = seconds.to_bytes(4, "little")
    if user is None:
        return frame(Kind.STORED, who, bytes([count, number]) + time + what + bytes(zeros))
    fat = _u16(_steps(weighing.fat_percent, _TENTH))
    return frame(Kind.STORED, who, bytes([count, number, user]) + time + what + fat)


def nothing_stored(who: int, *, zeros: int = 3) -> bytes:
    """Return the answer of an empty memory."""
    return frame(Kind.STORED, who, bytes(12 + zeros))


def panels(who: int, panel: Panel) -> Sequence[bytes]:
    """Return the two frames that follow the end of a weighing on a scale that computes."""
    first = b"".join(
        (
            _u16(_steps(panel.bmi, _TENTH)),
            _u16(_steps(panel.water_percent, _TENTH)),
            _u16(_steps(panel.muscle_percent, _TENTH)),
            bytes([panel.visceral, panel.age]),
            _u16(panel.basal_kcal),
            _u16(_steps(panel.protein_percent, _TENTH)),
        )
    )
    second = b"".join(
        _u16(_steps(value, _TENTH))
        for value in (
            panel.bone_percent,
            panel.lean_percent,
            panel.subcutaneous_percent,
            panel.skeletal_percent,
            panel.score,
        )
    )
    return (
        frame(Kind.PANEL_A, who, first),
        frame(Kind.PANEL_B, who, b"\x00" + second + bytes([panel.shape])),
    )


def is_whole(octets: bytes) -> bool:
    """Say whether what a host wrote is a frame with its length and its sum."""
    return len(octets) > 3 and octets[1] == len(octets) and octets == summed(octets[:-1])


def _u16(number: int) -> bytes:
    return number.to_bytes(2, "big")


def _steps(quantity: Decimal, per_bit: Decimal) -> int:
    steps, rest = divmod(quantity, per_bit)
    if rest:
        raise ValueError(f"{quantity} is not a multiple of {per_bit}")
    return int(steps)
