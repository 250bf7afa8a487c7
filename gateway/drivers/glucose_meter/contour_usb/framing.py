"""Reports of a Contour meter, and the frames of ASTM E1381 in them.

    report    ABC | length u8, 0 to 60 | that many octets | the rest up to 64, without meaning
    frame     STX | number, 0 to 7 | text | CR | ETB, or ETX for the last | sum, 2 hex | CR LF

A frame begins with its own report and goes on over as many as it takes; it may fill the last one to
the end, so that only its CR LF tells that it is whole. The sum is of the octets from the number to
the ETB or ETX, modulo 256. Between frames there are single octets: ENQ, ACK, NAK, EOT. The host
answers with such octets alone; it sends no frame and no text, which would be a command.

Source: public captures (bewest/decoding-bayer, tests of glucometerutils and of its forks);
tidepool-org/uploader.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from gateway.errors import DecodeError
from gateway.wire.stream import Cutting, Stream

REPORT_OCTETS = 64
DATA_OCTETS = 60
LONGEST_FRAME = 1024  # a header has some 260 octets
STX, EOT, ENQ, ACK, NAK = b"\x02", b"\x04", b"\x05", b"\x06", b"\x15"
CONTROLS = {EOT: "EOT", ENQ: "ENQ", ACK: "ACK", NAK: "NAK"}

_DATA_AT = 4
_FRAME = re.compile(rb"\x02(([0-7])(.*)\r([\x03\x17]))([0-9A-F]{2})\r\n", re.DOTALL)
_LAST = b"\x03"


class Say(Enum):
    """Every octet that is ever written to a meter."""

    STOP = EOT
    """Forget what was begun, and offer the memory."""
    GO_ON = ACK
    AGAIN = NAK
    """Send the last frame once more."""


@dataclass(frozen=True, slots=True)
class AstmFrame:
    """A frame whose sum is right."""

    number: int
    text: bytes
    last: bool
    checksum: str


def request(say: Say) -> bytes:
    """Make the report that says it, filled up to its 64 octets."""
    data: bytes = say.value
    return (b"ABC" + bytes((len(data),)) + data).ljust(REPORT_OCTETS, b"\0")


def payload(report: bytes) -> bytes:
    """Return what a report carries. Raises DecodeError: `incomplete`, `length`."""
    if len(report) < _DATA_AT:
        raise DecodeError("incomplete", report, len(report))
    length = report[_DATA_AT - 1]
    if length > DATA_OCTETS:
        raise DecodeError("length", report, _DATA_AT - 1)
    if len(report) < _DATA_AT + length:
        raise DecodeError("incomplete", report, len(report))
    return report[_DATA_AT : _DATA_AT + length]


def pieces(stream: Stream) -> Cutting:
    """Cut what reports carry into frames, not looked at yet, and single octets."""
    while True:
        first = yield from stream.need(1)
        if first in CONTROLS:
            yield stream.take(1)
        elif first != STX:
            stream.discard(1, "no_start")
        elif (size := (yield from stream.find(b"\n", limit=LONGEST_FRAME))) is None:
            stream.discard(1, "too_long")
        else:
            yield stream.take(size)


def frame(data: bytes) -> AstmFrame:
    """Decode a frame. Raises DecodeError: `start`, `incomplete`, `frame`, `checksum`."""
    if data[:1] != STX:
        raise DecodeError("start", data)
    if not data.endswith(b"\r\n"):
        raise DecodeError("incomplete", data, len(data))
    found = _FRAME.fullmatch(data)
    if found is None:
        raise DecodeError("frame", data, 1)
    summed, number, text, end, told = found.groups()
    if sum(summed) % 256 != int(told, 16):
        raise DecodeError("checksum", data, found.start(5))
    return AstmFrame(int(number), text, end == _LAST, told.decode("ascii"))
