"""What a scale knows of its users: the User Data Service.

    2A9F User Control Point          op code u8 | parameters
         01 register new user        consent code u16
         02 consent                  user u8 | consent code u16
         03 delete user data
         04 list all users
         05 delete user              user u8, 0xFF all
         20 response                 request op code u8 | result u8 | [user u8 or number u8]
    2A9A User Index                  u8, 0xFF unknown
    2A99 Database Change Increment   u32
    2A85 Date of Birth               year u16 | month u8 | day u8
    2A8E Height                      u16, 0.01 m

Source: Bluetooth User Data Service 1.1, "User Control Point"; GATT Specification Supplement.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from gateway.drivers.message import NULL
from gateway.wire.cursor import Cursor

UNKNOWN_USER = 0xFF


class Op(Enum):
    """What is asked of the scale, or its answer."""

    REGISTER_NEW_USER = 0x01
    CONSENT = 0x02
    DELETE_USER_DATA = 0x03
    LIST_ALL_USERS = 0x04
    DELETE_USER = 0x05
    RESPONSE = 0x20


class Result(Enum):
    """How the scale answers."""

    SUCCESS = 0x01
    OP_CODE_NOT_SUPPORTED = 0x02
    INVALID_PARAMETER = 0x03
    OPERATION_FAILED = 0x04
    USER_NOT_AUTHORIZED = 0x05


@dataclass(frozen=True, slots=True)
class ControlPoint:
    """One request or response: 2A9F."""

    op: Op
    request_op: Op | None = None
    result: Result | None = None
    user_index: int | None = None
    consent_code: int | None = None
    number_of_users: int | None = None


@dataclass(frozen=True, slots=True)
class UserIndex:
    """Which user the connection is for: 2A9A."""

    user_index: int | None = field(metadata=NULL)
    unknown_user: bool


@dataclass(frozen=True, slots=True)
class ChangeIncrement:
    """How often the user's data changed: 2A99."""

    increment: int


@dataclass(frozen=True, slots=True)
class DateOfBirth:
    """When the user was born, 0 where unknown: 2A85."""

    year: int
    month: int
    day: int


@dataclass(frozen=True, slots=True)
class Height:
    """How tall the user is: 2A8E."""

    height_m: Decimal


def control_point(data: bytes) -> ControlPoint:
    """Decode a 2A9F."""
    cursor = Cursor(data)
    op = _op(cursor)
    match op:
        case Op.REGISTER_NEW_USER:
            return ControlPoint(op, consent_code=cursor.u16())
        case Op.CONSENT:
            return ControlPoint(op, user_index=cursor.u8(), consent_code=cursor.u16())
        case Op.DELETE_USER:
            return ControlPoint(op, user_index=cursor.u8())
        case Op.RESPONSE:
            return _response(cursor)
    return ControlPoint(op)


def user_index(data: bytes) -> UserIndex:
    """Decode a 2A9A."""
    index = Cursor(data).u8()
    unknown = index == UNKNOWN_USER
    return UserIndex(None if unknown else index, unknown)


def change_increment(data: bytes) -> ChangeIncrement:
    """Decode a 2A99."""
    return ChangeIncrement(Cursor(data).u32())


def date_of_birth(data: bytes) -> DateOfBirth:
    """Decode a 2A85."""
    cursor = Cursor(data)
    return DateOfBirth(cursor.u16(), cursor.u8(), cursor.u8())


def height(data: bytes) -> Height:
    """Decode a 2A8E."""
    return Height(Decimal(Cursor(data).u16()).scaleb(-2))


def _response(cursor: Cursor) -> ControlPoint:
    request = _op(cursor)
    result = _result(cursor)
    parameter = cursor.u8() if result is Result.SUCCESS and request in _WITH_PARAMETER else None
    if request is Op.LIST_ALL_USERS:
        return ControlPoint(Op.RESPONSE, request, result, number_of_users=parameter)
    return ControlPoint(Op.RESPONSE, request, result, user_index=parameter)


def _op(cursor: Cursor) -> Op:
    unread = cursor.offset
    try:
        return Op(cursor.u8())
    except ValueError:
        raise Cursor(cursor.data, unread).error("unknown_op_code") from None


def _result(cursor: Cursor) -> Result:
    unread = cursor.offset
    try:
        return Result(cursor.u8())
    except ValueError:
        raise Cursor(cursor.data, unread).error("unknown_result") from None


_WITH_PARAMETER = frozenset({Op.REGISTER_NEW_USER, Op.LIST_ALL_USERS})
