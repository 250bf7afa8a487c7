"""Record Access Control Point 0x2A52.

request:  op code u8 | operator u8 | [operand]
response: 06 | 00 | request op code u8 | response code u8
count:    05 | 00 | number of records u16

Spec: Glucose Service 1.0.1 section 3.5, Continuous Glucose Monitoring Service 1.0.2 section 3.9.
"""

from enum import IntEnum


class OpCode(IntEnum):
    """What is asked, or answered."""

    REPORT = 1
    DELETE = 2
    ABORT = 3
    COUNT = 4
    COUNT_RESPONSE = 5
    RESPONSE = 6


class Operator(IntEnum):
    """Which records are meant."""

    NULL = 0
    ALL = 1
    LESS_OR_EQUAL = 2
    GREATER_OR_EQUAL = 3
    RANGE = 4
    FIRST = 5
    LAST = 6


class ResponseCode(IntEnum):
    """How a procedure ended."""

    SUCCESS = 1
    OP_CODE_NOT_SUPPORTED = 2
    INVALID_OPERATOR = 3
    OPERATOR_NOT_SUPPORTED = 4
    INVALID_OPERAND = 5
    NO_RECORDS = 6
    ABORT_UNSUCCESSFUL = 7
    PROCEDURE_NOT_COMPLETED = 8
    OPERAND_NOT_SUPPORTED = 9
    SERVER_BUSY = 10


def request(op_code: int, operator: int, filter_type: int | None = None, *operands: bytes) -> bytes:
    """Return what a collector writes; all, the first and the last take no filter."""
    octets = bytes([op_code, operator])
    return octets if filter_type is None else octets + bytes([filter_type]) + b"".join(operands)


def response(request_op_code: int, code: ResponseCode) -> bytes:
    """Return the indication that ends a procedure."""
    return bytes([OpCode.RESPONSE, Operator.NULL, request_op_code, code])


def count_response(records: int) -> bytes:
    """Return the indication that answers a count."""
    return bytes([OpCode.COUNT_RESPONSE, Operator.NULL]) + records.to_bytes(2, "little")
