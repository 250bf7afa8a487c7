"""A OneTouch meter behind its service, made from the description of its protocol."""

from __future__ import annotations

import struct
from binascii import crc_hqx
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.drivers.glucose_meter.onetouch_ble import DRIVER
from gateway.drivers.glucose_meter.onetouch_ble.meter import NOTIFIED, WRITTEN
from gateway.testing.links import ScriptedLink, Written
from gateway.testing.session import RecordingSession

NOW = 826_799_579  # 2026-03-14 10:32:59 on the meter's clock: six minutes fast, in Paris
DONE, NOT_ALLOWED, NOT_SUPPORTED, WRONG = b"\x06", b"\x07", b"\x08", b"\x09"


def sealed(message: bytes, prefix: int = 3) -> bytes:
    body = struct.pack("<BHB", 2, 7 + len(message), prefix) + message + b"\x03"
    return body + struct.pack("<H", crc_hqx(body, 0xFFFF))


def stored(seconds: int, mg_dl: int, *, control: int = 0, meal: int = 0, rest: int = 0) -> bytes:
    return struct.pack("<IHBB", seconds, mg_dl, control, meal) + rest.to_bytes(3, "little")


def memory(first: int, last: int) -> dict[int, bytes]:
    """Tests an hour apart, the last one an hour ago; number 7 has 107 mg/dL."""
    return {n: stored(NOW - 3600 * (last + 1 - n), 100 + n) for n in range(first, last + 1)}


def pieces(packet: bytes) -> list[bytes]:
    cut = [packet[at : at + 19] for at in range(0, len(packet), 19)]
    return [bytes((0x40 | n if n else len(cut),)) + part for n, part in enumerate(cut)]


@dataclass
class Meter:
    """What it is asked it acknowledges; the next piece comes once the one before has been."""

    records: dict[int, bytes] = field(default_factory=lambda: memory(1, 3))
    newest: int | None = None
    count: int | None = None
    shown: int = NOW
    refuses: dict[bytes, bytes] = field(default_factory=dict)
    """Statuses for questions that begin so."""
    deaf_to: dict[bytes, int] = field(default_factory=dict)
    """How often questions that begin so are acknowledged and not answered."""
    damaged: dict[bytes, int] = field(default_factory=dict)
    """How often the answer to questions that begin so comes with a wrong CRC."""
    asked: list[bytes] = field(default_factory=list)
    strict: bool = True
    """Whether a word too few or too many is a mistake; not where frames are lost on the way."""
    set_to: int | None = None
    _to_come: list[bytes] = field(default_factory=list)
    _open: int | None = None

    def link(self) -> ScriptedLink:
        return ScriptedLink({NOTIFIED: b""}, {WRITTEN: self.answer})

    def session(self, **settings: str) -> RecordingSession:
        return RecordingSession(DRIVER, self.link(), settings=dict(settings))

    def answer(self, data: bytes) -> Iterable[Written]:
        if len(data) == 1:
            is_right = self._open is not None and data == bytes((0x80 | self._open,))
            assert is_right or not self.strict, "something else was acknowledged"
            self._open = None
            return self._send()
        assert self._open is None or not self.strict, "the last piece was not acknowledged"
        packet = data[1:]
        assert data[0] == 1
        assert packet == sealed(packet[4:-3])
        question = packet[4:-3]
        self.asked.append(question)
        if self._counts(self.deaf_to, question):
            return [(NOTIFIED, b"\x81")]
        reply = sealed(self._reply(question))
        if self._counts(self.damaged, question):
            reply = reply[:-1] + bytes((reply[-1] ^ 0xFF,))
        self._to_come = pieces(reply)
        return [(NOTIFIED, b"\x81"), *self._send()]

    def _send(self) -> list[Written]:
        if not self._to_come:
            return []
        piece = self._to_come.pop(0)
        self._open = piece[0] & 0x3F
        return [(NOTIFIED, piece)]

    @staticmethod
    def _counts(left: dict[bytes, int], question: bytes) -> bool:
        for begins, times in left.items():
            if question.startswith(begins) and times:
                left[begins] = times - 1
                return True
        return False

    def _reply(self, question: bytes) -> bytes:
        for begins, status in self.refuses.items():
            if question.startswith(begins):
                return status
        last = max(self.records, default=0) if self.newest is None else self.newest
        count = len(self.records) if self.count is None else self.count
        match question[0], question[1:]:
            case 0x20, b"\x02":
                return DONE + struct.pack("<I", self.shown)
            case 0x20, order if order[0] == 1 and len(order) == 5:
                (self.set_to,) = struct.unpack("<I", order[1:])
                return DONE
            case 0x0A, b"\x02\x06":
                return DONE + struct.pack("<I", last)
            case 0x27, b"\x00":
                return DONE + struct.pack("<H", count)
            case 0x31, place:
                assert (place[0], place[3], len(place)) == (2, 0, 4)
                at = int.from_bytes(place[1:3], "little")
                number = sorted(self.records, reverse=True)[at]
                return DONE + struct.pack("<HBH", at, 0, number) + self.records[number]
            case 0xB3, number_octets:
                found = self.records.get(int.from_bytes(number_octets, "little"))
                return WRONG if found is None else DONE + found
        raise AssertionError(f"nothing else may be asked: {question.hex()}")


def numbers_asked_for(meter: Meter) -> list[int]:
    return [int.from_bytes(it[1:], "little") for it in meter.asked if it[0] == 0xB3]
