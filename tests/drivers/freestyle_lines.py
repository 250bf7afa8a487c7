"""What the tests of FreeStyle devices share: answers, and a device behind its reports."""

from __future__ import annotations

from collections.abc import Callable

from gateway.errors import DecodeError


def summed(message: bytes, status: bytes = b"OK") -> bytes:
    """An answer with its checksum."""
    return message + b"CKSM:%08X\r\nCMD %s\r\n" % (sum(message), status)


def log(*lines: bytes) -> bytes:
    """An answer that is a list of records."""
    told = b"".join(line + b"\r\n" for line in lines)
    return summed(told + b"%d,%08X\r\n" % (len(lines), sum(told)) if lines else b"Log Empty\r\n")


def is_total(decode: Callable[[bytes], object], data: bytes) -> None:
    """Assert that decoding gives a value or a DecodeError that points into what it carries."""
    fault = None
    try:
        decode(data)
    except DecodeError as error:
        fault = error

    assert fault is None or (fault.reason and 0 <= fault.offset <= len(fault.payload))
