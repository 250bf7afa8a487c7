"""A device met in an unkind world: what happens to each frame is drawn from a seed."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field

from gateway.drivers.api import Channel, Frame
from gateway.drivers.never_sent import refuse_forbidden
from gateway.errors import LinkLost, LinkRefused, LinkTimeout
from gateway.testing.clock import ManualClock
from gateway.testing.specimen import Specimen, SpecimenLink, Trouble

_STEPS = 2000
"""So many frames and silences later the device is gone for sure."""


@dataclass
class UnkindLink:
    """Frames come late, twice, in another order or never; requests are refused; the link breaks.

    Answers of a control point are spared: they are indications, of which none is lost or repeated.
    With `garbles`, bytes change as well.
    """

    specimen: Specimen
    clock: ManualClock
    chance: random.Random
    garbles: bool = False
    coming: dict[Channel, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    known: dict[Channel, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    lost: bool = False
    steps: int = 0

    def __post_init__(self) -> None:
        self.channels = SpecimenLink(self.specimen, self.clock, Trouble()).channels
        self.answers = self.specimen.answers()
        self.trouble = self.chance.choice([0.02, 0.1, 0.3, 0.7])
        for _, channel, data in self.specimen.says:
            self.coming[channel].append(data)
            self.known[channel].append(data)

    async def read(self, channel: Channel, /) -> Frame:
        self.goes_on()
        if self.happens(8):
            raise LinkRefused("no", 0x80)
        if self.happens(8):
            self.lost = True
            raise LinkTimeout("unanswered")
        if channel not in self.specimen.values:
            raise LinkRefused("none", 0x0A)
        return Frame(channel, self.garbled(self.specimen.values[channel]), self.clock.now())

    async def write(self, channel: Channel, data: bytes, /, *, acknowledged: bool = True) -> None:
        refuse_forbidden(channel, data)
        self.goes_on()
        if self.happens(8):
            raise LinkRefused("no", 0xFE)
        for answered, answer in self.answers.get(channel, lambda _: ())(bytes(data)):
            self.known[answered].append(answer)
            times = 1
            if not is_control(answered):
                times = 0 if self.happens(4) else 2 if self.happens(4) else 1
            self.coming[answered] += times * [self.garbled(answer)]

    async def subscribe(self, channel: Channel, /) -> UnkindInbox:
        self.goes_on()
        if self.happens(10):
            raise LinkRefused("no", 0x03)
        return UnkindInbox(self, channel)

    async def close(self) -> None:
        pass

    def next(self, channel: Channel, within: float) -> Frame:
        coming = self.coming[channel]
        self.goes_on(seldom=bool(coming))
        if self.happens(4) and self.known[channel] and not is_control(channel):
            coming.insert(0, self.garbled(self.chance.choice(self.known[channel])))
        if not coming or self.happens(6):
            self.clock.advance(within)
            raise LinkTimeout("silence")
        at = self.chance.randrange(len(coming)) if self.happens(2) else 0
        self.clock.advance(self.chance.choice([0.01, 0.1, 1]))
        return Frame(channel, coming.pop(0 if is_control(channel) else at), self.clock.now())

    def goes_on(self, *, seldom: bool = False) -> None:
        self.steps += 1
        breaks = not seldom and self.happens(30)
        self.lost = self.lost or breaks or self.steps > _STEPS
        if self.lost:
            raise LinkLost("gone")

    def happens(self, seldom: int) -> bool:
        return self.chance.random() < self.trouble / seldom

    def garbled(self, data: bytes) -> bytes:
        if not self.garbles or not self.happens(1):
            return data
        at = self.chance.randrange(len(data) + 1)
        return data[:at] + self.chance.randbytes(self.chance.randrange(4)) + data[at + 1 :]


@dataclass(frozen=True, slots=True)
class UnkindInbox:
    link: UnkindLink
    channel: Channel

    async def get(self, *, within: float) -> Frame:
        return self.link.next(self.channel, within)


def is_control(channel: Channel) -> bool:
    return channel.endswith(("/2a52", "/2a9f"))
