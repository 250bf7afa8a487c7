"""Frames of a QN scale, the scale's and the host's.

    kind u8 | length u8 | who u8 | what it says | sum of all before u8

    12  address 6, the last octet first | u8 | 1: 0.01 kg, of 15 octets only | ...      what it is
    14  ...                                                                   it wants the time
    21  u8 | battery %, of 6 octets only                                              it is ready
    10  weight u16 | state | resistance u16 | resistance u16                basic, 1 is the end
    10  user | state | weight u16 | the same two | fat u16                extended, 2 is the end
    23  count | number | (extended: user) | seconds u32 LE | weight u16 | the two ...     stored
    15, 16  what the scale computed;  A1  whether it took a user

Most significant octet first, but for times. Weights are 0.01 kg. A `10` of 15 octets hides its
resistances: they are not ohm.

Source: docs/protocols/qn.md, with captures of renpho-escs20m, openScale and ble-scale-sync.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from enum import IntEnum

from gateway.drivers.scale.qn.messages import (
    Composed,
    Computed,
    Hello,
    Message,
    Ready,
    Said,
    Stored,
    Taken,
    TimeTold,
    UnitShown,
    User,
    Weight,
)
from gateway.errors import DecodeError


class Op(IntEnum):
    """The first octet: what a frame says."""

    HELLO = 0x12
    WANTS_TIME = 0x14
    READY = 0x21
    TAKEN = 0xA1
    WEIGHT = 0x10
    STORED = 0x23
    COMPUTED = 0x15
    COMPOSED = 0x16
    UNIT = 0x13
    TIME = 0x20
    RECEIVED = 0x1F
    ASK_STORED = 0x22
    USER = 0xA0


GUEST = 0xFE
EXTENDED = "qn-extended"

_LENGTHS: Mapping[int, Collection[int]] = {
    Op.HELLO: range(15, 19),
    Op.WANTS_TIME: (11,),
    Op.READY: (5, 6),
    Op.TAKEN: (6,),
    Op.WEIGHT: (11, 14, 15),
    Op.STORED: (19, 20),
    Op.COMPUTED: (16,),
    Op.COMPOSED: (16,),
    Op.UNIT: (9,),
    Op.TIME: (8,),
    Op.RECEIVED: (5,),
    Op.ASK_STORED: (4, 6),
    Op.USER: (13,),
}
_SHOWN = {0x01: "kg", 0x02: "lb", 0x08: "st:lb", 0x10: "st"}
_KILOGRAMS = 0x01
_ANYONE = 0xFF
_PERCENT_OF = Decimal("0.1")
_HIDES_OCTETS = 15
_END = {11: 0x01, 14: 0x02, 15: 0x02}


def message(data: bytes, *, extended: bool = False) -> Message:
    """Decode a frame; `extended` is the kind of scale, which a stored weighing does not tell.

    Raises DecodeError: `incomplete`, `kind`, `length`, `checksum`.
    """
    if len(data) < 3:
        raise DecodeError("incomplete", data, len(data))
    kind = data[0]
    if kind not in _LENGTHS:
        raise DecodeError("kind", data)
    if len(data) not in _LENGTHS[kind] or (data[1] != len(data) and kind != Op.READY):
        raise DecodeError("length", data, 1)
    if sum(data[:-1]) % 256 != data[-1]:
        raise DecodeError("checksum", data, len(data) - 1)
    return _read(kind, data, extended=extended)


def frame(kind: int, who: int, said: bytes = b"") -> bytes:
    """Make a frame of the host's."""
    body = bytes((kind, len(said) + 4, who)) + said
    return body + bytes((sum(body) % 256,))


def show_kilograms(who: int) -> bytes:
    """Make the answer to a hello."""
    return frame(Op.UNIT, who, bytes((_KILOGRAMS, 0x10, 0, 0, 0)))


def tell_time(who: int, seconds: int) -> bytes:
    """Make the answer to the question for the time."""
    return frame(Op.TIME, who, seconds.to_bytes(4, "little"))


def received(who: int) -> bytes:
    """Say that a weighing was received."""
    return frame(Op.RECEIVED, who, b"\x10")


def guest() -> bytes:
    """Say that it is for a guest without a body to compute with, of whom nothing is kept."""
    return frame(Op.USER, 0x02, bytes((GUEST, 0xFF, 0xEE, 0, 0, 0, 0, 0, 0x02)))


def _read(kind: int, data: bytes, *, extended: bool) -> Message:
    who = data[2]
    match kind:
        case Op.HELLO:
            address = ":".join(f"{octet:02X}" for octet in reversed(data[3:9]))
            return Hello(who, address, 100 if len(data) > 15 or data[10] == 1 else 10)
        case Op.READY:
            battery = data[4] if len(data) == 6 else None
            return Ready(who, data[1] >= 5 and who == _ANYONE, battery)
        case Op.TAKEN:
            return Taken(data[3], data[4] == 1)
        case Op.WEIGHT:
            return _weight(data)
        case Op.STORED:
            return _stored(data, extended=extended and len(data) == 19)
        case Op.COMPUTED:
            return Computed(
                who,
                bmi=_tenths(data, 3),
                water_percent=_tenths(data, 5),
                muscle_percent=_tenths(data, 7),
                basal_kcal=_u16(data, 11),
                protein_percent=_tenths(data, 13),
            )
        case Op.COMPOSED:
            return Composed(who, *(_tenths(data, at) for at in (4, 6, 8, 10)))
    return _of_the_host(kind, data)


def _of_the_host(kind: int, data: bytes) -> Message:
    match kind:
        case Op.UNIT:
            return UnitShown(data[2], _SHOWN.get(data[3]))
        case Op.TIME:
            return TimeTold(data[2], int.from_bytes(data[3:7], "little"))
        case Op.USER:
            return User(data[3], data[7], _u16(data, 8), data[10])
    return Said(kind, data[2])


def _weight(data: bytes) -> Weight:
    basic = len(data) == 11
    weight_at, state_at = (3, 5) if basic else (5, 4)
    ended = data[state_at] == _END[len(data)]
    told = ended and len(data) != _HIDES_OCTETS
    return Weight(
        who=data[2],
        weight_kg=_kilograms(data, weight_at),
        ended=ended,
        user=None if basic else data[3],
        resistance_1_ohm=_u16(data, 6 if basic else 7) if told else None,
        resistance_2_ohm=_u16(data, 8 if basic else 9) if told else None,
        fat_percent=_tenths(data, 11) if ended and not basic else None,
    )


def _stored(data: bytes, *, extended: bool) -> Stored:
    at = 6 if extended else 5
    return Stored(
        who=data[2],
        count=data[3],
        number=data[4],
        seconds=int.from_bytes(data[at : at + 4], "little"),
        weight_kg=_kilograms(data, at + 4),
        resistance_1_ohm=_u16(data, at + 6),
        resistance_2_ohm=_u16(data, at + 8),
        user=data[5] if extended else None,
        fat_percent=_tenths(data, at + 10) if extended else None,
    )


def _u16(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big")


def _kilograms(data: bytes, at: int) -> Decimal:
    return Decimal(_u16(data, at)).scaleb(-2)


def _tenths(data: bytes, at: int) -> Decimal:
    return _u16(data, at) * _PERCENT_OF
