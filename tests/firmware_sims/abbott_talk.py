"""A host of Abbott's meters and readers that checks every octet of what it is told."""

import re
from collections.abc import Sequence

from firmware_sims.serial_device import SerialDevice

_REPLY = re.compile(rb"(.*)CKSM:([0-9A-F]{8})\r\nCMD (OK|Fail!)\r\n", re.DOTALL)
_RECORDS = re.compile(rb"(.*\r\n)([0-9]+),([0-9A-F]{8})\r\n", re.DOTALL)


def packet(kind: int, data: bytes = b"") -> bytes:
    return (bytes([kind, len(data)]) + data).ljust(64, b"\0")


def answered(device: SerialDevice, kind: int, data: bytes = b"") -> list[tuple[int, bytes]]:
    """Return kind and data of each report that answers, without what only keeps alive."""
    (request,), rest = device.split(packet(kind, data))
    assert rest == b""
    told = device.answer(request)
    assert {len(each) for each in told} <= {64}
    assert all(each[1] <= 62 for each in told)
    return [(each[0], each[2 : 2 + each[1]]) for each in told if each[0] != 0x22]


def begin(device: SerialDevice) -> None:
    assert answered(device, 0x01) == [(0x71, b"\x01")]


def said(device: SerialDevice, command: str, kind: int = 0x60) -> bytes | None:
    """Return the message that answers a text command, if its sum is right; None if it failed."""
    reports = answered(device, kind, command.encode())
    assert {kind for kind, _ in reports} == {0x60}
    whole = _REPLY.fullmatch(b"".join(data for _, data in reports))
    assert whole is not None
    message, total, status = whole.groups()
    assert int(total, 16) == sum(message)
    return message if status == b"OK" else None


def listed(device: SerialDevice, command: str) -> list[Sequence[bytes]]:
    """Return the fields of each record, if count and sum are right."""
    message = said(device, command)
    assert message is not None
    if message == b"Log Empty\r\n":
        return []
    whole = _RECORDS.fullmatch(message)
    assert whole is not None
    lines, count, total = whole.groups()
    assert int(total, 16) == sum(lines)
    found = lines.split(b"\r\n")[:-1]
    assert len(found) == int(count)
    return [each.split(b",") for each in found]
