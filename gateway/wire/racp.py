"""The Record Access Control Point, 2A52: asks a device for the records it keeps.

    we write    op u8 | operator u8 | [filter u8 | operand(s)]
    answer      05 00 | count u16                    how many records there are
                06 00 | request u8 | code u8         how the request ended

Operands are u16 (sequence number, or minutes of a sensor session) or a Date Time. "All", "first"
and "last" take none, not even an empty filter: a meter answered `04 01 00` with "invalid operand".

Source: Bluetooth GATT Specification Supplement, Record Access Control Point; Glucose Service 1.0.1
section 3.4; CGM Service 1.0.2 section 3.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from gateway.errors import DecodeError
from gateway.wire.cursor import Cursor
from gateway.wire.gatt_time import DateTime, date_time


class Op(IntEnum):
    """What is asked for, or what an answer is."""

    REPORT = 1
    DELETE = 2
    ABORT = 3
    COUNT = 4
    COUNT_RESPONSE = 5
    RESPONSE = 6
    COMBINED_REPORT = 7
    COMBINED_RESPONSE = 8


class Operator(IntEnum):
    """Which records are meant."""

    NULL = 0
    ALL = 1
    LE = 2
    GE = 3
    RANGE = 4
    FIRST = 5
    LAST = 6


class Code(IntEnum):
    """How a request ended."""

    SUCCESS = 1
    OP_CODE_NOT_SUPPORTED = 2
    INVALID_OPERATOR = 3
    OPERATOR_NOT_SUPPORTED = 4
    INVALID_OPERAND = 5
    NO_RECORDS_FOUND = 6
    ABORT_UNSUCCESSFUL = 7
    PROCEDURE_NOT_COMPLETED = 8
    OPERAND_NOT_SUPPORTED = 9
    SERVER_BUSY = 10


@dataclass(frozen=True, slots=True)
class Count:
    """How many records the device would report."""

    op: Literal["count_response", "combined_response"]
    count: int


@dataclass(frozen=True, slots=True)
class Response:
    """How a request ended; an unknown code is named `reserved`."""

    op: Literal["response"]
    request_op: int
    response_code: int
    response: str


@dataclass(frozen=True, slots=True)
class Command:
    """What we write. `min` and `max` bound the records meant, both inclusive."""

    op: str
    operator: str
    filter: str | None = None
    min: int | DateTime | None = None
    max: int | DateTime | None = None


BY_NUMBER, BY_TIME = 1, 2
"""Filters: the number of a record (of a sensor: its minute), or the time shown to the user."""


def report(since: int | None = None, by: int = BY_NUMBER) -> bytes:
    """Ask for all records, or those whose number is `since` or higher.

    `by` is the filter that stands for numbers; makers have filters of their own.
    """
    return _ask(Op.REPORT, since, by)


def report_last() -> bytes:
    """Ask for the record that was stored last."""
    return bytes((Op.REPORT, Operator.LAST))


def count(since: int | None = None, by: int = BY_NUMBER) -> bytes:
    """Ask how many records there are, of all or from number `since` on."""
    return _ask(Op.COUNT, since, by)


def decode(payload: bytes, hints: Mapping[str, object]) -> Count | Response | Command:
    """Read either side, as the hints say: `direction` "command" for ours, `service` "CGMS".

    Without a direction the op code tells: no op code is used both ways. Raises DecodeError.
    """
    direction = hints.get("direction")
    if direction is None and payload[:1] and payload[0] in _REQUESTS:
        direction = "command"
    if direction != "command":
        return decode_answer(payload)
    is_cgm = str(hints.get("service", "")).upper() == "CGMS"
    return decode_command(payload, numbered_by="time_offset" if is_cgm else "sequence_number")


def decode_answer(payload: bytes) -> Count | Response:
    """Read what the device indicates. Raises DecodeError."""
    cursor = Cursor(payload)
    op = cursor.u8()
    if op not in (Op.COUNT_RESPONSE, Op.RESPONSE, Op.COMBINED_RESPONSE):
        raise DecodeError("unexpected_op_code", payload)
    if cursor.u8() != Operator.NULL:
        raise DecodeError("unexpected_operator", payload, 1)
    if op == Op.RESPONSE:
        return _response(cursor)
    kind: Literal["count_response", "combined_response"] = (
        "count_response" if op == Op.COUNT_RESPONSE else "combined_response"
    )
    return Count(kind, _count(cursor))


def decode_command(payload: bytes, *, numbered_by: str = "sequence_number") -> Command:
    """Read what a collector writes; `numbered_by` names filter 1 of the service it is for.

    Raises DecodeError, also for octets after the last operand.
    """
    cursor = Cursor(payload)
    op, operator = cursor.u8(), cursor.u8()
    if op not in _REQUESTS:
        raise DecodeError("unexpected_op_code", payload)
    if operator not in _OPERATORS:
        raise DecodeError("unknown_operator", payload, 1)
    request, wanted = Op(op).name.lower(), Operator(operator)
    if wanted not in _FILTERED:
        cursor.finish()
        return Command(request, wanted.name.lower())
    by = cursor.u8()
    if by not in (BY_NUMBER, BY_TIME):
        raise DecodeError("unknown_filter", payload, 2)
    low = None if wanted is Operator.LE else _operand(cursor, by)
    high = None if wanted is Operator.GE else _operand(cursor, by)
    cursor.finish()
    name = numbered_by if by == BY_NUMBER else "user_facing_time"
    return Command(request, wanted.name.lower(), name, low, high)


_REQUESTS = frozenset({Op.REPORT, Op.DELETE, Op.ABORT, Op.COUNT, Op.COMBINED_REPORT})
_OPERATORS = frozenset(Operator)
_CODES = frozenset(Code)
_FILTERED = (Operator.LE, Operator.GE, Operator.RANGE)


def _ask(op: Op, since: int | None, by: int) -> bytes:
    if since is None:
        return bytes((op, Operator.ALL))
    return bytes((op, Operator.GE, by)) + since.to_bytes(2, "little")


def _response(cursor: Cursor) -> Response:
    request, code = cursor.u8(), cursor.u8()
    name = Code(code).name.lower() if code in _CODES else "reserved"
    return Response("response", request, code, name)


def _count(cursor: Cursor) -> int:
    """Read a count: two octets by the rules, but devices send one or four as well."""
    octets = cursor.take(cursor.remaining)
    if not octets:
        raise cursor.error("truncated")
    if len(octets) not in (1, 2, 4):
        raise DecodeError("bad_length", cursor.data, 2)
    return int.from_bytes(octets, "little")


def _operand(cursor: Cursor, by: int) -> int | DateTime:
    return cursor.u16() if by == BY_NUMBER else date_time(cursor)
