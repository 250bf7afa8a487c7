"""A cable that loses bytes, is pulled anywhere, and outlives a gateway that stops."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import ClassVar

from firmware_sims.serial_device import IDLE_S, SerialDevice

from gateway.drivers.api import SERIAL, Channel, Frame
from gateway.drivers.never_sent import refuse_forbidden
from gateway.errors import LinkLost, LinkTimeout
from gateway.testing.clock import ManualClock
from tests.conversations.broken import Break

LASTS_S = 300.0
"""A cable stays in for so long: several looks at a memory, several weigh-ins."""
_STEPS = 100_000
"""So many steps in `LASTS_S` are an endless loop."""


@dataclass
class Cable:
    """An `OpenLink` and its inbox; time passes only on its clock, and only while somebody waits."""

    device: SerialDevice
    clock: ManualClock
    chance: random.Random
    noise: float = 0.0
    """How likely each frame is harmed."""
    how: Break = Break.NEVER
    at: int = 0
    """The step at which it breaks."""
    measures_at_s: list[float] = field(default_factory=list)
    coming: list[tuple[float, bytes]] = field(default_factory=list)
    half: bytes = b""
    half_at: float = 0.0
    steps: int = 0
    broken: bool = False
    stop: Callable[[], object] | None = None
    """Ends the gateway."""
    channel: ClassVar[Channel] = SERIAL

    def __post_init__(self) -> None:
        self.ends = self.now() + LASTS_S

    @property
    def channels(self) -> Collection[Channel]:
        return {self.channel}

    async def read(self, channel: Channel, /) -> Frame:
        raise AssertionError("a cable is not read")

    async def subscribe(self, channel: Channel, /) -> Cable:
        return self

    async def close(self) -> None:
        self.broken, self.how = True, Break.CUT

    async def write(self, channel: Channel, data: bytes, /, *, acknowledged: bool = True) -> None:
        refuse_forbidden(channel, data)
        await self.step()
        if self.broken:
            return  # it falls silent
        if self.now() - self.half_at > IDLE_S:
            self.half = b""
        requests, self.half = self.device.split(self.half + b"".join(self.harmed(bytes(data))))
        self.half_at = self.now()
        for request in requests:
            self.send(self.device.answer(request))

    async def get(self, *, within: float) -> Frame:
        until = self.now() + within
        while True:
            await self.step()
            due = min(self.coming[0][0] if self.coming else until, *self.measures_at_s, until)
            due = min(due, self.ends) if due > self.now() else due
            self.clock.advance(max(0.0, due - self.now()))
            if self.now() >= self.ends:
                raise LinkLost("unplugged")
            if self.measures_at_s and self.measures_at_s[0] <= self.now():
                self.measures_at_s.pop(0)
                self.send(self.device.measure())
            elif self.coming and self.coming[0][0] <= self.now() and not self.broken:
                return Frame(self.channel, self.chunk(), self.clock.now())
            elif self.now() >= until:
                raise LinkTimeout("silence")
            elif self.broken:
                self.coming.clear()

    async def pause(self, seconds: float) -> None:
        """Let the driver wait; somebody may measure meanwhile."""
        until = self.now() + seconds
        while self.measures_at_s and self.measures_at_s[0] <= until:
            self.clock.advance(max(0.0, self.measures_at_s.pop(0) - self.now()))
            self.send(self.device.measure())
        self.clock.advance(max(0.0, until - self.now()))

    def now(self) -> float:
        return self.clock.now().monotonic

    async def step(self) -> None:
        self.steps += 1
        assert self.steps < _STEPS, "an endless loop"
        if self.how is not Break.NEVER and self.steps > self.at:
            self.broken = True
        if self.broken and self.how in (Break.CUT, Break.CUT_IN_STEP):
            raise LinkLost("pulled")
        if self.broken and self.how is Break.STOP:
            assert self.stop is not None
            self.stop()
            await asyncio.Event().wait()

    def send(self, frames: Collection[bytes]) -> None:
        for frame in frames:
            for piece in self.harmed(frame):
                late_s = self.chance.choice([0.6, 1.5, 2.0]) if self.harms(8) else 0.01
                after = self.coming[-1][0] if self.coming else self.now()
                self.coming.append((max(after, self.now() + late_s), piece))

    def harmed(self, frame: bytes) -> list[bytes]:
        """Return what comes of a frame, in pieces."""
        if self.harms(1):
            at = self.chance.randrange(len(frame))
            gone = self.chance.choice([-1, 1, 1, 2, 5, len(frame)])  # -1: one comes twice
            harmed = frame[:at] + frame[max(0, at + gone) :]
            frame = b"" if looks_whole(frame, harmed) else harmed
        if not frame:
            return []
        cut = self.chance.randrange(len(frame)) if self.noise else 0
        return [piece for piece in (frame[:cut], frame[cut:]) if piece]

    def harms(self, seldom: int) -> bool:
        return self.chance.random() < self.noise / seldom

    def chunk(self) -> bytes:
        _, data = self.coming.pop(0)
        if self.how is Break.CUT_IN_STEP and self.steps == self.at:
            data = data[: self.chance.randrange(len(data))] or data[:1]
        return data


def looks_whole(frame: bytes, harmed: bytes) -> bool:
    """Say whether no grammar can tell: a unit became another, or a number of no fixed width."""
    lost_a_letter = b"kg" in frame and b"kg" not in harmed
    return lost_a_letter or number_of(frame) != number_of(harmed)


def number_of(frame: bytes) -> bytes:
    """Return the weight in a packet of Health o meter's and Rice Lake's, which have no width."""
    found = re.search(rb"\x1bW([^\x1b]*)\x1b", frame)
    return b"" if found is None else found[1]
