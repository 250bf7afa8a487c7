"""A transport, a driver and a journal that do what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from decimal import Decimal

from gateway.domain.device import Device, DeviceId
from gateway.domain.device_time import corrected
from gateway.domain.entry import Entry
from gateway.domain.identity import identity
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Measure, Reading
from gateway.domain.subject import Attribution
from gateway.drivers.api import Fit, Frame, Manifest, Reach, Session, Sighting
from gateway.errors import DecodeError, JournalError
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink

CUFF = DeviceId("ble:C0:FF:EE:00:00:01")
ADDRESS = "C0:FF:EE:00:00:01"


def a_sighting(address: str = ADDRESS, *services: str) -> Sighting:
    return Sighting(address, Reach.BLE, services=frozenset(services or {"1810"}), rssi_dbm=-50)


def a_reading(device: DeviceId = CUFF, systolic: int = 120) -> Reading:
    return Reading(
        device=device,
        kind=Kind.BLOOD_PRESSURE,
        values={Measure.SYSTOLIC: Quantity(value=Decimal(systolic), unit=Unit.MMHG)},
        received=ManualClock().now(),
        record=f"seq:{systolic}",
    )


class ClosingLink(ScriptedLink):
    """A scripted link that knows whether it was closed."""

    closed = 0

    async def close(self) -> None:
        self.closed += 1


@dataclass
class FakeTransport:
    """A radio whose sightings and failures the test chooses."""

    name: str = "fake"
    trouble: list[Exception] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    links: list[ClosingLink] = field(default_factory=list)
    refuse: Exception | None = None
    watches: int = 0
    watching: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Queue[BaseException | None] = field(default_factory=asyncio.Queue)
    seen: Callable[[Sighting], None] | None = None

    async def watch(self, seen: Callable[[Sighting], None], /) -> None:
        self.watches += 1
        if self.trouble:
            raise self.trouble.pop(0)
        self.seen = seen
        self.watching.set()
        try:
            if (error := await self.gone.get()) is not None:
                raise error
        finally:
            self.watching.clear()
            self.seen = None

    def device_id(self, sighting: Sighting, /) -> DeviceId:
        return DeviceId(f"{sighting.reach}:{sighting.address}")

    async def open(self, sighting: Sighting, manifest: Manifest, /) -> ClosingLink:
        self.opened.append(sighting.address)
        if self.refuse is not None:
            raise self.refuse
        self.links.append(ClosingLink())
        return self.links[-1]

    async def show(self, sighting: Sighting | None = None) -> None:
        """Have the supervisor see a device, and let what follows happen."""
        await asyncio.wait_for(self.watching.wait(), 5)
        assert self.seen is not None
        self.seen(sighting or a_sighting())
        await settle()


async def settle() -> None:
    """Let every task run until it waits for something."""
    for _ in range(20):
        await asyncio.sleep(0)


Talk = Callable[[Session], Awaitable[None]]


async def says_nothing(_session: Session) -> None:
    return


@dataclass
class FakeDriver:
    """A driver whose conversations the test chooses, one after the other; the last one stays."""

    name: str = "bp_monitor/fake"
    talks: list[Talk] = field(default_factory=lambda: [says_nothing])
    service: str = "1810"
    emits: frozenset[Kind] = frozenset({Kind.BLOOD_PRESSURE})
    mistake: Exception | None = None
    reach: Reach = Reach.BLE

    @property
    def manifest(self) -> Manifest:
        return Manifest(self.name, "Fake", self.reach, self.emits, "none", ())

    def match(self, sighting: Sighting, /) -> Fit:
        if self.mistake is not None:
            raise self.mistake
        return Fit.PROFILE if self.service in sighting.services else Fit.NONE

    def decode(self, frame: Frame, /) -> object:
        raise DecodeError("unreadable", frame.data)

    async def converse(self, session: Session, /) -> None:
        talk = self.talks.pop(0) if len(self.talks) > 1 else self.talks[0]
        await talk(session)


def _entry(device: Device, reading: Reading) -> Entry:
    timing = corrected(reading, UTC)
    return Entry(identity(reading), reading, timing, None, Attribution.UNCLAIMED, device)


@dataclass
class FakeJournal:
    """A journal in lists; `trouble` is what it raises instead of taking anything."""

    trouble: JournalError | None = None
    readings: list[Reading] = field(default_factory=list)
    aside: list[Frame] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    bookmarks: dict[DeviceId, str] = field(default_factory=dict)
    described: list[Device] = field(default_factory=list)

    async def record(
        self, device: Device, readings: Sequence[Reading], bookmark: str | None = None
    ) -> list[Entry]:
        self._check()
        known = {identity(reading) for reading in self.readings}
        new = [reading for reading in readings if identity(reading) not in known]
        self.readings.extend(new)
        if bookmark is not None:
            self.bookmarks[device.id] = bookmark
        return [_entry(device, reading) for reading in new]

    async def describe(self, device: Device) -> Device:
        self._check()
        self.described.append(device)
        return device

    async def bookmark(self, device: Device) -> str | None:
        return self.bookmarks.get(device.id)

    async def set_bookmark(self, device: Device, bookmark: str) -> None:
        self._check()
        self.bookmarks[device.id] = bookmark

    async def set_aside(self, device: Device, frame: Frame, error: DecodeError) -> None:
        self._check()
        self.aside.append(frame)

    async def remark(self, device: Device, event: str, frame: Frame | None = None) -> None:
        self._check()
        self.remarks.append(event)

    def _check(self) -> None:
        if self.trouble is not None:
            raise self.trouble


class Pauses:
    """Pauses that last until the test's clock has been moved on."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._waiting: list[tuple[float, asyncio.Event]] = []
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        over = asyncio.Event()
        self.asked.append(seconds)
        self._waiting.append((self._clock.now().monotonic + seconds, over))
        await over.wait()

    async def advance(self, seconds: float) -> None:
        self._clock.advance(seconds)
        for until, over in self._waiting:
            if until <= self._clock.now().monotonic:
                over.set()
        await settle()
