"""A device on a cable that fails, and a gateway that reads it: what happens, and what must be."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from firmware_sims.body import Body, Person
from firmware_sims.device_clock import DeviceClock
from firmware_sims.ledger import Ledger, Produced
from firmware_sims.placement import Placement

from gateway.collect.conversations import Conversations
from gateway.collect.patience import Outcome
from gateway.domain.device import DeviceId
from gateway.domain.entry import Entry
from gateway.domain.reading import Quality
from gateway.drivers.api import Manifest, Reach, Sighting
from gateway.drivers.registry import installed
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.metrics import Metrics
from gateway.testing.clock import ManualClock
from tests.conversations.broken import Break
from tests.conversations.cable import Cable
from tests.end_to_end.counter import TYPED_IDS, UTC_OFFSET, ZONE, missing_and_extra, said, shown
from tests.end_to_end.serial_devices import Case

BREAKS = 3
SEEDS = int(os.environ.get("BROKEN_LINKS", "1"))
each_seed = pytest.mark.parametrize("seed", range(SEEDS))
_MAY_END = {Outcome.COMPLETE, Outcome.LINK, Outcome.PROTOCOL}


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

    def assert_all_is_there(self) -> None:
        """Assert that what was produced is in the journal, once and right, and nothing else is."""
        missing, extra = self.missing_and_extra()
        story = "\n".join(self.story)
        assert [told(one) for one in missing] == [], story
        assert [told(one) for one in extra] == [], story


def alike(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Say whether the numbers are the same: a last 0 that was lost is none the worse."""
    return numbers(one) == numbers(other)


def numbers(values: Mapping[str, str]) -> dict[str, object]:
    return {
        name: text if name == "range" else Decimal(text.split()[0]) for name, text in values.items()
    }


def told(one: Produced | Entry) -> str:
    if isinstance(one, Entry):
        return f"{one.timing.measured_at} {said(one)}"
    return f"{one.measured_at} {shown(one)}"
