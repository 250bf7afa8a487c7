"""A Microlife cuff made from the description of its protocol. The hub's clock: 2026-03-14 09:26:53.

It refuses to be told anything that would change it, but its clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.domain.reading import Kind, Measure
from gateway.drivers.api import gatt
from gateway.drivers.bp_monitor.microlife import DRIVER
from gateway.testing.links import ScriptedLink, Written
from gateway.testing.session import RecordingSession
from gateway.wire.sums import sum8

DATA, COMMANDS = gatt("fff0", "fff1"), gatt("fff0", "fff2")
TAKEN = bytes.fromhex("7850481a030e0a198000")  # 120/80, pulse 72, 2026-03-14 10:25
EARLIER = bytes.fromhex("8255461a030d14008000")  # 130/85, pulse 70, the evening before
THEIRS = bytes.fromhex("6e463c1a030d15008000")  # 110/70, pulse 60, an hour later
UNDATED = bytes.fromhex("90443311000000008000")  # 144/68, pulse 51, before the clock was set
EMPTY = bytes(10)
NOON = bytes.fromhex("01 1a030e 0a1b00")  # 2026-03-14 10:27:00


def sealed(payload: bytes, sender: int = 0x3A) -> bytes:
    body = bytes((0x4D, sender)) + (len(payload) + 1).to_bytes(2, "big") + payload
    return body + bytes((sum8(body),))


@dataclass
class Cuff:
    """`memory` holds the records of each user; `present` what was measured just now."""

    memory: dict[int, list[bytes]] = field(default_factory=lambda: {1: [EARLIER, TAKEN], 2: []})
    present: list[bytes] = field(default_factory=list)
    selected: int = 1
    older: bool = False
    clock: bytes | None = NOON
    waits: int = 0
    """How often it says that it needs time before it answers."""
    stored: int | None = None
    """How many records it says it has, if not as many as it gives."""
    pieces: int = 20
    asked: list[bytes] = field(default_factory=list)

    def link(self) -> ScriptedLink:
        return ScriptedLink({DATA: b"", gatt("180a", "2a24"): b"BP3GY1"}, {COMMANDS: self.answer})

    def session(self, **settings: str | bool) -> RecordingSession:
        return RecordingSession(DRIVER, self.link(), settings=dict(settings))

    @property
    def commands(self) -> list[int]:
        return [question[4] for question in self.asked]

    def answer(self, question: bytes) -> Iterable[Written]:
        assert question[:2] == b"\x4d\xff"
        assert question == sealed(question[4:-1], 0xFF)
        self.asked.append(question)
        payload = self.says(question[4], question[5:-1])
        sent = b"" if payload is None else self.framed(payload)
        return [(DATA, sent[at : at + self.pieces]) for at in range(0, len(sent), self.pieces)]

    def framed(self, payload: bytes) -> bytes:
        sender = 0x31 if self.older else 0x3A
        return sealed(b"\x91", sender) * self.waits + sealed(payload, sender)

    def says(self, command: int, data: bytes) -> bytes | None:
        match command:
            case 0x00:
                return self.history(data)
            case 0x04:
                return None
            case 0x05:
                ids = bytes(12) if self.older else bytes(42)
                return bytes((5, self.selected)) + ids + b"ABC\x18\x01\x01" + self.version
            case 0x0C:
                return b"\x92" if self.clock is None else b"\x0c" + self.clock
            case 0x0D:
                self.clock = b"\x01" + data
                return b"\x81"
        raise AssertionError(f"nobody may send {command:02x}")

    @property
    def version(self) -> bytes:
        return bytes((len(self.memory), 99, 7, 60))

    def history(self, data: bytes) -> bytes:
        size = 7 if self.older else 10
        assert len(data) == (6 if self.older else 7)
        user = self.selected if self.older or data[6] == 0xFD else data[6]
        records = self.memory.get(user, [])
        if self.older and any(data):
            self.clock = b"\x01" + data
        if not records and not self.present:
            return b"\x92"
        stored = len(records) if self.stored is None else self.stored
        index = bytes((0, 0, len(self.present), stored, user, 0, 0, 0))
        present = b"".join(self.present).ljust(3 * size, b"\0")
        return index + present + b"".join(records)


def systolic(session: RecordingSession) -> list[tuple[str | None, int]]:
    return [
        (r.slot, int(r.values[Measure.SYSTOLIC].value))
        for r in session.readings
        if r.kind is Kind.BLOOD_PRESSURE
    ]
