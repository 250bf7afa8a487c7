"""A glucose meter for tests, on a scripted link: a memory, and a control point that answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.drivers.api import Channel, gatt
from gateway.drivers.glucose_meter.bluetooth_sig import DRIVER
from gateway.errors import LinkError, LinkTimeout
from gateway.testing.links import ScriptedLink, Written
from gateway.testing.session import RecordingSession

MEASUREMENT, CONTEXT = gatt("1808", "2a18"), gatt("1808", "2a34")
RACP = gatt("1808", "2a52")
OTHER_RACP = gatt("00000000-0000-1000-1000-000000000000", "2a52")


def record(
    sequence: int,
    mg_dl: int = 110,
    *,
    base: str = "",
    offset: int | None = None,
    word: str = "",
    place: str = "11",
    status: str = "",
    announces: bool = False,
) -> bytes:
    """A measurement in kg/L; its base time is that minute of 2026-02-14 unless given."""
    flags = 0x02 | (offset is not None) | 0x08 * bool(status) | 0x10 * announces
    hour, minute = divmod(sequence % 1440, 60)
    time = bytes.fromhex(base) if base else bytes.fromhex("ea07020e") + bytes((hour, minute, 0))
    moved = b"" if offset is None else offset.to_bytes(2, "little", signed=True)
    glucose = bytes.fromhex(word) if word else (0xB000 | mg_dl).to_bytes(2, "little")
    head = bytes((flags,)) + sequence.to_bytes(2, "little")
    return head + time + moved + glucose + bytes.fromhex(place + status)


def context(sequence: int, meal: int, *, exercise: str = "") -> bytes:
    flags = 0x02 | 0x08 * bool(exercise)
    head = bytes((flags,)) + sequence.to_bytes(2, "little")
    return head + bytes((meal,)) + bytes.fromhex(exercise)


@dataclass
class Meter:
    """What the meter holds and how it behaves; `link()` makes a new connection to it."""

    memory: dict[int, bytes]
    """By number, in their order; numbers that came a second time from 10000 (hex) on."""
    contexts: dict[int, bytes] = field(default_factory=dict)
    late_contexts: bool = False
    """Contexts come after all measurements."""
    filters: bool = True
    counts: bool = True
    tells_last: bool = True
    lose: list[set[int]] = field(default_factory=list)
    """For each report in turn, the records whose notifications never arrive."""
    lose_contexts: list[set[int]] = field(default_factory=list)
    cut_after: int | None = None
    """The link ends after so many notifications of a report."""
    clock: str = ""
    """The octets of its Current Time."""
    asked: list[bytes] = field(default_factory=list)

    def link(self, then: type[LinkError] = LinkTimeout) -> ScriptedLink:
        values: dict[Channel, bytes] = {MEASUREMENT: b"", OTHER_RACP: b""}
        if self.contexts:
            values[CONTEXT] = b""
        if self.clock:
            values[gatt("1805", "2a2b")] = bytes.fromhex(self.clock)
        return ScriptedLink(values, {RACP: self._answer}, then=then)

    def session(self, link: ScriptedLink | None = None) -> RecordingSession:
        return RecordingSession(DRIVER, link or self.link())

    def _answer(self, request: bytes) -> Iterable[Written]:
        self.asked.append(request)
        op, operator = request[0], request[1]
        if operator == 3 and not self.filters:
            return [(RACP, bytes((6, 0, op, 9)))]
        since = int.from_bytes(request[3:5], "little") if operator == 3 else 0
        wanted = [number for number in self.memory if number & 0xFFFF >= since]
        if operator == 6:
            if not self.tells_last:
                return [(RACP, bytes((6, 0, op, 4)))]
            wanted = wanted[-1:]
        if op == 4:
            count = b"\x05\x00" + len(wanted).to_bytes(2, "little")
            return [(RACP, count if self.counts else b"\x06\x00\x04\x02")]
        return self._report(wanted)

    def _report(self, wanted: list[int]) -> Iterable[Written]:
        lost = self.lose.pop(0) if self.lose else set()
        unheard = self.lose_contexts.pop(0) if self.lose_contexts else set()
        sent: list[Written] = []
        late: list[Written] = []
        for sequence in wanted:
            if sequence not in lost:
                sent.append((MEASUREMENT, self.memory[sequence]))
            if sequence in self.contexts and sequence not in unheard:
                target = late if self.late_contexts else sent
                target.append((CONTEXT, self.contexts[sequence]))
        sent += late
        if self.cut_after is not None:
            return sent[: self.cut_after]
        return [*sent, (RACP, bytes((6, 0, 1, 1 if wanted else 6)))]


def records(first: int, last: int) -> dict[int, bytes]:
    """Records whose value tells the sequence number."""
    return {n: record(n, 100 + n % 300) for n in range(first, last + 1)}


def values(session: RecordingSession) -> list[int]:
    """The recorded values, in order."""
    return [int(q.value) for reading in session.readings for q in reading.values.values()]
