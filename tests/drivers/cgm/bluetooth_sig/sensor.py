"""A CGM sensor for tests, on a scripted link: a memory, and a control point that answers for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from firmware_sims.packing.checksum import with_crc

from gateway.drivers.api import Channel, Frame, Inbox, gatt
from gateway.drivers.cgm.bluetooth_sig import DRIVER
from gateway.drivers.cgm.bluetooth_sig.session import QUIET_S
from gateway.errors import LinkError, LinkLost
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink, Written
from gateway.testing.session import RecordingSession

MEASUREMENT = gatt("181f", "2aa7")
RACP = gatt("181f", "2a52")
SUCCESS, NO_RECORDS = bytes.fromhex("06000101"), bytes.fromhex("06000106")


def sample(
    minute: int, mg_dl: int = 110, *, crc: bool = True, bits: int = 0, word: str | None = None
) -> bytes:
    """One record; `bits` are the 24 of its status octets, `word` a raw SFLOAT in hex."""
    glucose = bytes.fromhex(word) if word else mg_dl.to_bytes(2, "little")
    octets = bits.to_bytes(3, "little") if bits else b""
    body = bytes((0xE0 if bits else 0,)) + glucose + minute.to_bytes(2, "little") + octets
    record = bytes((len(body) + (3 if crc else 1),)) + body
    return with_crc(record) if crc else record


def damaged(record: bytes) -> bytes:
    return record[:-1] + bytes((record[-1] ^ 0xFF,))


@dataclass
class Sensor:
    """What the sensor holds and how it behaves; `link()` makes a new connection to it."""

    memory: dict[int, bytes]
    minute: int = 1526
    start: str = "ea07 03 0d 08 00 00 00 00"
    """2026-03-13T08:00:00 UTC: by ManualClock that was 1526 minutes and 53 s ago."""
    e2e_crc: bool = True
    type: int = 9
    """Interstitial fluid."""
    filters: bool = True
    counts: bool = True
    lose: list[set[int]] = field(default_factory=list)
    """For each report in turn, the minutes whose notifications never arrive."""
    damage: list[set[int]] = field(default_factory=list)
    """For each report in turn, the minutes that arrive damaged."""
    cut_after: int | None = None
    """The link is lost after so many records of a report."""
    answer: bytes = SUCCESS
    clock: ManualClock = field(default_factory=ManualClock)
    live: list[bytes] = field(default_factory=list)
    """Notified one by one, once a driver has time for them."""
    asked: list[bytes] = field(default_factory=list)

    def link(self, then: type[LinkError] = LinkLost) -> ScriptedLink:
        wrap = with_crc if self.e2e_crc else bytes
        feature = bytes.fromhex("009001" if self.e2e_crc else "008001") + bytes((self.type | 0x50,))
        values: dict[Channel, bytes] = {
            gatt("181f", "2aa8"): with_crc(feature) if self.e2e_crc else feature + b"\xff\xff",
            gatt("181f", "2aa9"): wrap(self.minute.to_bytes(2, "little") + bytes(3)),
            gatt("181f", "2aaa"): wrap(bytes.fromhex(self.start)),
            gatt("181f", "2aab"): wrap(bytes.fromhex("5001")),
            MEASUREMENT: b"",
        }
        return LiveLink(values, {RACP: self._answer}, then=then, clock=self.clock, sensor=self)

    def session(self, link: ScriptedLink | None = None) -> RecordingSession:
        return RecordingSession(DRIVER, link or self.link(), clock=self.clock)

    def passes(self, minutes: int) -> None:
        """Let time pass on both clocks."""
        self.minute += minutes
        self.clock.advance(minutes * 60)

    def _answer(self, request: bytes) -> Iterable[Written]:
        self.asked.append(request)
        op, operator = request[0], request[1]
        if operator == 3 and not self.filters:
            return [(RACP, bytes((6, 0, op, 4)))]
        since = int.from_bytes(request[3:5], "little") if operator == 3 else 0
        wanted = [minute for minute in sorted(self.memory) if minute >= since]
        if op == 4:
            count = b"\x05\x00" + len(wanted).to_bytes(2, "little")
            return [(RACP, count if self.counts else b"\x06\x00\x04\x02")]
        return self._report(wanted)

    def _report(self, wanted: list[int]) -> Iterable[Written]:
        lost = self.lose.pop(0) if self.lose else set()
        bad = self.damage.pop(0) if self.damage else set()
        sent = [
            (MEASUREMENT, damaged(self.memory[m]) if m in bad else self.memory[m])
            for m in wanted
            if m not in lost
        ]
        if self.cut_after is not None:
            return sent[: self.cut_after]
        end = self.answer if wanted or self.answer != SUCCESS else NO_RECORDS
        return [*sent, (RACP, end)]


@dataclass
class LiveLink(ScriptedLink):
    """Delivers a live sample when someone waits for one, not for the end of a report."""

    sensor: Sensor | None = None

    async def subscribe(self, channel: Channel, /) -> Inbox:
        inbox = await super().subscribe(channel)
        return _LiveInbox(inbox, self) if channel == MEASUREMENT else inbox


@dataclass
class _LiveInbox:
    inbox: Inbox
    link: LiveLink

    async def get(self, *, within: float) -> Frame:
        sensor = self.link.sensor
        if sensor is not None and within >= QUIET_S and not self.link.pending and sensor.live:
            self.link.pending.append((MEASUREMENT, sensor.live.pop(0)))
        return await self.inbox.get(within=within)


def every(step: int, first: int, last: int, **how: bool) -> dict[int, bytes]:
    """Records from `first` to `last`; the value tells the minute."""
    return {m: sample(m, 40 + m % 360, **how) for m in range(first, last + 1, step)}


def minutes(session: RecordingSession) -> list[int]:
    """The minutes of the recorded readings, in order."""
    return [int((reading.record or "+").split("+")[1]) for reading in session.readings]
