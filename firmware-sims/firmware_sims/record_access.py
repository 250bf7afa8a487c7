"""Reading a Record Access Control Point request: which records, or which refusal.

Each service has its filters: Glucose the sequence number (1) and the user facing time (2),
Continuous Glucose Monitoring the time offset (1).
Spec: Glucose Service 1.0.1 section 3.5, Continuous Glucose Monitoring Service 1.0.2 section 3.9.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, TypeVar

from firmware_sims.packing.racp import OpCode, Operator, ResponseCode

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Filter:
    """One thing that records can be chosen by: how it is written, and what it is of a record.

    `read` raises ValueError for octets that mean nothing.
    """

    octets: int
    read: Callable[[bytes], Any]
    of: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a device's control point understands."""

    operators: Set[Operator]
    filters: Mapping[int, Filter]


@dataclass(frozen=True, slots=True)
class Request:
    """A request that makes sense; `lowest` and `highest`, where given, are both included."""

    op_code: OpCode
    operator: Operator
    filter: Filter | None = None
    lowest: Any = None
    highest: Any = None

    def select(self, records: Sequence[Record]) -> list[Record]:
        """Return the records that are meant, in their order."""
        if self.operator is Operator.FIRST:
            return list(records[:1])
        if self.operator is Operator.LAST:
            return list(records[-1:])
        return [record for record in records if self._includes(record)]

    def _includes(self, record: object) -> bool:
        if self.filter is None:
            return True
        value = self.filter.of(record)
        above = self.lowest is None or self.lowest <= value
        return above and (self.highest is None or value <= self.highest)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that gets a response code instead of records."""

    op_code: int
    code: ResponseCode


def number(octets: bytes) -> int:
    """Read a sequence number or a time offset, u16."""
    return int.from_bytes(octets, "little")


def read_request(octets: bytes, rules: Rules) -> Request | Refusal:
    """Return what at least two octets written to the control point ask for."""
    op_code, operator, operand = octets[0], octets[1], octets[2:]
    if op_code == OpCode.ABORT:
        return _read_abort(operator, operand)
    if op_code not in (OpCode.REPORT, OpCode.COUNT):
        return Refusal(op_code, ResponseCode.OP_CODE_NOT_SUPPORTED)
    if operator == Operator.NULL:
        return Refusal(op_code, ResponseCode.INVALID_OPERATOR)
    if operator not in rules.operators:
        return Refusal(op_code, ResponseCode.OPERATOR_NOT_SUPPORTED)
    return _read_operand(OpCode(op_code), Operator(operator), operand, rules)


def _read_abort(operator: int, operand: bytes) -> Request | Refusal:
    if operator != Operator.NULL:
        return Refusal(OpCode.ABORT, ResponseCode.INVALID_OPERATOR)
    if operand:
        return Refusal(OpCode.ABORT, ResponseCode.INVALID_OPERAND)
    return Request(OpCode.ABORT, Operator.NULL)


def _read_operand(
    op_code: OpCode, operator: Operator, operand: bytes, rules: Rules
) -> Request | Refusal:
    invalid = Refusal(op_code, ResponseCode.INVALID_OPERAND)
    limits = _LIMITS.get(operator, ())
    if not limits:
        return invalid if operand else Request(op_code, operator)
    if not operand:
        return invalid
    chosen = rules.filters.get(operand[0])
    if chosen is None:
        return Refusal(op_code, ResponseCode.OPERAND_NOT_SUPPORTED)
    if len(operand) != 1 + len(limits) * chosen.octets:
        return invalid
    pieces = [operand[1 + at * chosen.octets :][: chosen.octets] for at in range(len(limits))]
    try:
        values = dict(zip(limits, map(chosen.read, pieces), strict=True))
    except ValueError:
        return invalid
    if len(values) == 2 and values["lowest"] > values["highest"]:
        return invalid
    return Request(op_code, operator, chosen, **values)


_LIMITS: Mapping[Operator, tuple[str, ...]] = {
    Operator.LESS_OR_EQUAL: ("highest",),
    Operator.GREATER_OR_EQUAL: ("lowest",),
    Operator.RANGE: ("lowest", "highest"),
}
