"""Reading a Record Access Control Point request: which records, or which refusal.

Filter type 1, the time offset, is the only one that Continuous Glucose Monitoring knows.
Spec: Continuous Glucose Monitoring Service 1.0.2 section 3.9.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from firmware_sims.packing.racp import OpCode, Operator, ResponseCode

_TIME_OFFSET = 1
_ALL_OFFSETS = (0, 0xFFFF)
_SUPPORTED = {
    Operator.ALL,
    Operator.GREATER_OR_EQUAL,
    Operator.RANGE,
    Operator.FIRST,
    Operator.LAST,
}
_OPERAND_OCTETS = {Operator.GREATER_OR_EQUAL: 3, Operator.RANGE: 5}


class HasOffset(Protocol):
    """A record that counts minutes since the session began."""

    @property
    def time_offset_min(self) -> int:
        """Minutes since the session began."""


Record = TypeVar("Record", bound=HasOffset)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that makes sense."""

    op_code: OpCode
    operator: Operator
    lowest: int = 0
    highest: int = 0xFFFF

    def select(self, records: Sequence[Record]) -> list[Record]:
        """Return the records that are meant, in their order."""
        inside = [
            record for record in records if self.lowest <= record.time_offset_min <= self.highest
        ]
        if self.operator is Operator.FIRST:
            return inside[:1]
        if self.operator is Operator.LAST:
            return inside[-1:]
        return inside


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that gets a response code instead of records."""

    op_code: int
    code: ResponseCode


def read_request(octets: bytes) -> Request | Refusal:
    """Return what at least two octets written to the control point ask for."""
    op_code, operator, operand = octets[0], octets[1], octets[2:]
    if op_code == OpCode.ABORT:
        return _read_abort(operator, operand)
    if op_code not in (OpCode.REPORT, OpCode.COUNT):
        return Refusal(op_code, ResponseCode.OP_CODE_NOT_SUPPORTED)
    if operator == Operator.NULL:
        return Refusal(op_code, ResponseCode.INVALID_OPERATOR)
    if operator not in _SUPPORTED:
        return Refusal(op_code, ResponseCode.OPERATOR_NOT_SUPPORTED)
    return _read_operand(OpCode(op_code), Operator(operator), operand)


def _read_abort(operator: int, operand: bytes) -> Request | Refusal:
    if operator != Operator.NULL:
        return Refusal(OpCode.ABORT, ResponseCode.INVALID_OPERATOR)
    if operand:
        return Refusal(OpCode.ABORT, ResponseCode.INVALID_OPERAND)
    return Request(OpCode.ABORT, Operator.NULL)


def _read_operand(op_code: OpCode, operator: Operator, operand: bytes) -> Request | Refusal:
    octets = _OPERAND_OCTETS.get(operator, 0)
    if octets and operand and operand[0] != _TIME_OFFSET:
        return Refusal(op_code, ResponseCode.OPERAND_NOT_SUPPORTED)
    if len(operand) != octets:
        return Refusal(op_code, ResponseCode.INVALID_OPERAND)
    lowest, highest = _ALL_OFFSETS
    if octets:
        lowest = int.from_bytes(operand[1:3], "little")
    if operator is Operator.RANGE:
        highest = int.from_bytes(operand[3:5], "little")
    if lowest > highest:
        return Refusal(op_code, ResponseCode.INVALID_OPERAND)
    return Request(op_code, operator, lowest, highest)
