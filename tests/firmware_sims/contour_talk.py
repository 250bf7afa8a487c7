"""A host of a Contour meter on USB that checks every octet of what it is told."""

import re

from firmware_sims.serial_device import SerialDevice

ACK, NAK, ENQ, EOT = b"\x06", b"\x15", b"\x05", b"\x04"
FRAME = re.compile(rb"\x02(([0-7])([^\r]*)\r([\x03\x17]))([0-9A-F]{2})\r\n", re.DOTALL)


def told(device: SerialDevice, said: bytes, before: bytes = b"\0\0\0") -> bytes:
    """Return what is answered to one report, without how it was cut."""
    (request,), rest = device.split((before + bytes([len(said)]) + said).ljust(64, b"\0"))
    assert rest == b""
    text = b""
    for report in device.answer(request):
        assert len(report) == 64
        assert report[:3] == b"ABC"
        assert 1 <= report[3] <= 60
        assert not any(report[4 + report[3] :])
        text += report[4 : 4 + report[3]]
    return text


def record(text: bytes, number: int) -> bytes:
    """Return the record of a frame with that number and a right sum."""
    frame = FRAME.fullmatch(text)
    assert frame is not None
    summed, said, found, end, total = frame.groups()
    assert int(said) == number % 8
    assert int(total, 16) == sum(summed) % 256
    assert (end == b"\x03") == found.startswith(b"L")
    return found


def listed(device: SerialDevice) -> list[bytes]:
    """Return every record of a whole transfer."""
    first = told(device, ACK)
    found = [record(first.removeprefix(ENQ), 1)]
    while not found[-1].startswith(b"L"):
        found.append(record(told(device, ACK), len(found) + 1))
    assert told(device, ACK) == EOT
    return found


def results(device: SerialDevice) -> list[list[bytes]]:
    """Return the fields of each result, if they are numbered, and as many as the header says."""
    header, patient, *rows, _ = listed(device)
    assert patient == b"P|1"
    assert int(header.split(b"|")[6]) == len(rows)
    fields = [row.split(b"|") for row in rows]
    assert [int(row[1]) for row in fields] == list(range(1, len(rows) + 1))
    return fields
