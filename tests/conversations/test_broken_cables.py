"""Serial simulators on cables that lose bytes, are pulled anywhere, and a gateway that begins anew.

What happens is drawn from a seed. Bytes of either side are lost or come twice, frames come late or
never; the cable is pulled in the midst of a frame, the device falls silent, the gateway stops and
opens its journal again; people measure meanwhile. After a calm conversation in the end, what a
memory holds is in the journal, once and right. Of what is sent unasked, nothing good is in the
journal that was not measured, nothing twice, and all that was sent while nothing was wrong. `make
broken-links` tries more seeds.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import ClassVar
from zoneinfo import ZoneInfo

import pytest
from firmware_sims.body import Body, Person
from firmware_sims.cgm.dexcom_receiver import DexcomReceiver
from firmware_sims.device_clock import DeviceClock
from firmware_sims.ledger import Ledger, Produced
from firmware_sims.placement import Placement
from firmware_sims.scale.rice_lake import RiceLake
from firmware_sims.serial_device import IDLE_S, SerialDevice

from gateway.collect.conversations import Conversations
from gateway.collect.patience import Outcome
from gateway.domain.device import DeviceId
from gateway.domain.entry import Entry
from gateway.domain.reading import Quality
from gateway.drivers.api import SERIAL, Channel, Frame, Manifest, Reach, Sighting
from gateway.drivers.never_sent import refuse_forbidden
from gateway.drivers.registry import installed
from gateway.errors import LinkLost, LinkTimeout
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.metrics import Metrics
from gateway.testing.clock import ManualClock
from tests.conversations.broken import Break
from tests.end_to_end.counter import TYPED_IDS, UTC_OFFSET, ZONE, missing_and_extra, said, shown
from tests.end_to_end.serial_devices import ASKED, PUSHING, REMEMBERING, Case

SEEDS = int(os.environ.get("BROKEN_LINKS", "1"))
BREAKS = 3
LASTS_S = 300.0
"""A cable stays in for so long: several looks at a memory, several weigh-ins."""
SENDING = {
    **PUSHING,
    **ASKED,
    # It has no word for a platform that moves, and shows the virtual one at the same weight twice.
    "Rice Lake": replace(ASKED["Rice Lake"], make=lambda place: RiceLake(place, settle_s=0)),
}
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


class Counter:
    """A device, the hub's disk, and the time they share."""

    name = "serial:counter"
    port = "/dev/ttyUSB0"
    reach = Reach.SERIAL
    kind: type[Cable] = Cable

    def __init__(self, case: Case, seed: str, folder: Path) -> None:
        self.case = case
        self.chance = random.Random(seed)
        self.clock = ManualClock()
        self.path = folder / "journal.db"
        self.ledger = Ledger()
        utc = lambda: self.clock.now().utc  # noqa: E731
        people = [
            (Body(Person(name="Odile", weight_kg=Decimal("64.5")), 1), TYPED_IDS[0]),
            (Body(Person(name="Marcel", weight_kg=Decimal("83.2")), 1), TYPED_IDS[1]),
        ]
        placement = Placement(
            people,
            now=utc,
            clock=DeviceClock(utc, utc_offset=UTC_OFFSET, error=case.clock_error),
            ledger=self.ledger,
            name="counter",
        )
        self.device = case.make(placement)
        self.calm_from = 0
        """How many were in the ledger when all began to go well."""
        self.story: list[str] = []

    async def live(self) -> None:
        """Meet the device, with troubles, then calmly."""
        for _ in range(BREAKS):
            noise = self.chance.choice([0, 0, 0.02, 0.1, 0.4])
            how, at = self.chance.choice(list(Break)), int(2 ** self.chance.uniform(0, 9))
            await self.meet(self.cable(noise, how, at))
            self.clock.advance(self.chance.choice([1, 5, 70, 4000]))
        self.clock.advance(70)
        self.calm_from = len(self.ledger.produced)
        for _ in range(2):
            await self.meet(self.cable(0.0, Break.NEVER, 0))
            self.clock.advance(70)

    def cable(self, noise: float, how: Break, at: int) -> Cable:
        now = self.clock.now().monotonic
        measured = [now + 20, now + 100] if self.chance.random() < 0.7 else []
        self.story.append(f"noise {noise}, {how} at {at}, {len(measured)} measured")
        return self.kind(self.device, self.clock, self.chance, noise, how, at, measured)

    async def meet(self, cable: Cable) -> None:
        self.cable_in = cable
        driver = installed().named(self.case.driver)
        port = Sighting(self.port, self.reach, driver=self.case.driver)
        settings = dict(self.case.settings)
        async with Journal.open(
            self.path, clock=self.clock, zone=ZoneInfo(ZONE), routes={}
        ) as journal:
            conversations = Conversations(
                journal, self.clock, Metrics(), lambda _: settings, cable.pause
            )
            talking = asyncio.ensure_future(
                conversations.hold(self, port, driver, DeviceId(self.name))  # type: ignore[arg-type]
            )
            cable.stop = talking.cancel
            with suppress(asyncio.CancelledError):
                ended = await talking
                self.story.append(f"  {ended}")
                assert ended.outcome in _MAY_END, ended

    async def open(self, _sighting: Sighting, _manifest: Manifest, /) -> Cable:
        return self.cable_in

    def missing_and_extra(self) -> tuple[list[Produced], list[Entry]]:
        """Compare what was produced with what is good in the journal."""
        with Reader.open(self.path) as reader:
            entries = [view.entry for view in reader.entries(limit=10_000)]
        good = [entry for entry in entries if entry.reading.quality is Quality.GOOD]
        return missing_and_extra(self.ledger.produced, good, self.case.time_within, alike)


def alike(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Say whether the numbers are the same: a last 0 that was lost is none the worse."""
    return numbers(one) == numbers(other)


def numbers(values: Mapping[str, str]) -> dict[str, object]:
    return {
        name: text if name == "range" else Decimal(text.split()[0]) for name, text in values.items()
    }


_MAY_END = {Outcome.COMPLETE, Outcome.LINK, Outcome.PROTOCOL}
each_seed = pytest.mark.parametrize("seed", range(SEEDS))


@each_seed
@pytest.mark.parametrize("name", REMEMBERING)
async def test_wherever_a_cable_fails_a_memory_is_there_once_after_a_calm_conversation(
    name: str, seed: int, tmp_path: Path
) -> None:
    counter = Counter(REMEMBERING[name], f"{name}/{seed}", tmp_path)
    device, now = counter.device, counter.clock.now().utc
    if isinstance(device, DexcomReceiver):
        device.remember(now - timedelta(hours=4), now - timedelta(minutes=5))
    else:
        device.remember(5, timedelta(hours=8))  # type: ignore[attr-defined]
    await counter.live()

    story = "\n".join(counter.story)
    missing, extra = counter.missing_and_extra()
    assert [told(one) for one in missing] == [], story
    assert [told(one) for one in extra] == [], story


@each_seed
@pytest.mark.parametrize("name", SENDING)
async def test_however_a_cable_harms_what_is_sent_nothing_comes_twice_or_wrong(
    name: str, seed: int, tmp_path: Path
) -> None:
    counter = Counter(SENDING[name], f"{name}/{seed}", tmp_path)
    await counter.live()

    story = "\n".join(counter.story)
    missing, extra = counter.missing_and_extra()
    calm = counter.ledger.produced[counter.calm_from :]
    assert [told(one) for one in missing if one in calm] == [], story
    assert [told(one) for one in extra] == [], story


def told(one: Produced | Entry) -> str:
    if isinstance(one, Entry):
        return f"{one.timing.measured_at} {said(one)}"
    return f"{one.measured_at} {shown(one)}"
