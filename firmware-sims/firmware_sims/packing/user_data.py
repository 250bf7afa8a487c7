"""User Data Service 0x181C.

0x2A9F response: 20 | request op code u8 | result u8 | [parameter]
0x2A9A: user index u8, FF unknown     0x2A99: database change increment u32
0x2A85: year u16 | month u8 | day u8     0x2A8C: gender u8     0x2A8E: height u16, 0.01 m
0x2A98: weight u16, 0.005 kg
Spec: User Data Service 1.1; GATT Specification Supplement, same names.
"""

from datetime import date
from decimal import Decimal
from enum import IntEnum

from firmware_sims.packing.weight_scale import KG_PER_BIT, in_bits

INDEX_UNKNOWN = 0xFF
HIGHEST_CODE = 9999
_M_PER_BIT = Decimal("0.01")


class OpCode(IntEnum):
    """What the User Control Point is asked."""

    REGISTER = 0x01
    CONSENT = 0x02
    DELETE_DATA = 0x03
    LIST = 0x04
    DELETE_USERS = 0x05
    RESPONSE = 0x20


class Result(IntEnum):
    """How it answers."""

    SUCCESS = 1
    OP_CODE_NOT_SUPPORTED = 2
    INVALID_PARAMETER = 3
    FAILED = 4
    NOT_AUTHORISED = 5


def request(op_code: int, operand: bytes = b"") -> bytes:
    """Return what a collector writes."""
    return bytes([op_code]) + operand


def consent(user: int, code: int) -> bytes:
    """Return the operand of a consent."""
    return bytes([user]) + code.to_bytes(2, "little")


def response(request: int, result: Result, parameter: bytes = b"") -> bytes:
    """Return the indication that ends a procedure."""
    return bytes([OpCode.RESPONSE, request, result]) + parameter


def increment(count: int) -> bytes:
    """Return a Database Change Increment."""
    return count.to_bytes(4, "little")


def date_of_birth(born: date) -> bytes:
    """Return a Date of Birth."""
    return born.year.to_bytes(2, "little") + bytes([born.month, born.day])


def height(metres: Decimal) -> bytes:
    """Return a Height."""
    return in_bits(metres, _M_PER_BIT)


def weight(kilograms: Decimal) -> bytes:
    """Return a Weight."""
    return in_bits(kilograms, KG_PER_BIT)
