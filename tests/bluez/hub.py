"""The daemon without its uplinks: what it has, and how a test waits for what it does."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.clock import SystemClock
from gateway.collect.supervisor import Supervisor
from gateway.domain.device import Device, DeviceId
from gateway.domain.entry import Entry
from gateway.domain.reading import Reading
from gateway.drivers.registry import installed
from gateway.errors import RadioTrouble
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.metrics import Metrics
from gateway.transport.ble import BleSettings
from gateway.transport.ble.transport import BleTransport
from gateway.transport.rotating_names import RotatingNames

BLOOD_PRESSURE, CGM = "bp_monitor/bluetooth_sig", "cgm/bluetooth_sig"
WITHIN_S = 40.0
"""Everything here takes seconds; a machine that also runs the rest of the suite is slower."""


class News(logging.Handler):
    """The daemon logs whatever changes for a person; each line is a reason to look again."""

    def __init__(self) -> None:
        super().__init__()
        self.event = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.event.set()


class NoticedJournal:
    """A journal whose every entry is news; see `collect.session.JournalPort`."""

    def __init__(self, journal: Journal, news: asyncio.Event) -> None:
        self._journal = journal
        self._news = news
        self.bookmark = journal.bookmark
        self.set_bookmark = journal.set_bookmark
        self.set_aside = journal.set_aside
        self.remark = journal.remark

    async def describe(self, device: Device) -> Device:
        self._news.set()
        return await self._journal.describe(device)

    async def record(
        self, device: Device, readings: Sequence[Reading], bookmark: str | None = None
    ) -> list[Entry]:
        entries = await self._journal.record(device, readings, bookmark)
        self._news.set()
        return entries


class Owner:
    """The person at the device: types what the test says, once asked."""

    def __init__(self) -> None:
        self.passkeys: list[int | None] = []
        self.asked: list[str] = []
        self.waits = asyncio.Event()

    async def type_code(self, address: str, within: float, /) -> int | None:
        self.asked.append(address)
        if not self.passkeys:
            self.waits.set()
            await asyncio.Event().wait()
        return self.passkeys.pop(0)

    async def show_code(self, address: str, code: int, within: float, /) -> None:
        raise NotImplementedError

    async def confirm(self, address: str, within: float, /) -> bool:
        raise NotImplementedError


class Hub:
    """One daemon."""

    def __init__(
        self,
        journal: Journal,
        reader: Reader,
        news: News,
        names: RotatingNames,
        adopted: dict[DeviceId, str],
    ) -> None:
        clock = SystemClock()
        self.owner = Owner()
        self.adopted = adopted
        self.transport = BleTransport(BleSettings(), clock, owner=self.owner, names=names)
        self.supervisor = Supervisor(
            [self.transport],
            installed(),
            NoticedJournal(journal, news.event),
            clock,
            Metrics(),
            settings_of=lambda _: {},
            adopted=self.adopted.get,
            number_of=lambda _device: 3,
            pause=_brisk,
        )
        self._reader = reader
        self._news = news

    def adopt(self, address: str, driver: str) -> DeviceId:
        """Make a device ours, by its address as it is now."""
        return self.adopt_as(DeviceId(f"ble:{address}"), driver)

    def adopt_as(self, device: DeviceId, driver: str) -> DeviceId:
        """Make a device ours."""
        self.adopted[device] = driver
        return device

    def readings(self, device: DeviceId) -> int:
        """Count what the journal holds of a device, each identity once."""
        views = self._reader.entries(limit=10_000)
        return sum(view.entry.reading.device == device for view in views)

    def kinds(self) -> Counter[str]:
        """Count the readings by kind."""
        return Counter(view.entry.reading.kind for view in self._reader.entries(limit=10_000))

    def problem(self, device: DeviceId) -> str | None:
        """Return what is wrong with a device, in words for people."""
        troubles = self.supervisor.status().troubles
        return next((it.problem for it in troubles if it.device == device), None)

    def radio(self) -> RadioTrouble | None:
        """Return what is wrong with the radio."""
        return self.supervisor.status().transports[0].reason

    def is_talking(self) -> bool:
        """Say whether any conversation is under way."""
        return bool(self.supervisor.status().sessions)

    async def until(self, condition: Callable[[], bool], within_s: float = WITHIN_S) -> None:
        """Wait until the condition holds, looked at whenever the daemon has news."""
        async with asyncio.timeout(within_s):
            while not condition():
                self._news.event.clear()
                await self._news.event.wait()


@asynccontextmanager
async def running(path: Path) -> AsyncIterator[Hub]:
    """Run one until the context ends."""
    news = News()
    logger = logging.getLogger("gateway")
    level = logger.level
    logger.addHandler(news)
    logger.setLevel(logging.INFO)
    try:
        zone = ZoneInfo("Europe/Paris")
        async with Journal.open(path, clock=SystemClock(), zone=zone, routes={}) as journal:
            with Reader.open(path) as reader:
                adopted: dict[DeviceId, str] = {}
                names = RotatingNames(path.with_name("rotating-names.json"), adopted.get)
                hub = Hub(journal, reader, news, names, adopted)
                life = asyncio.ensure_future(hub.supervisor.run())
                try:
                    yield hub
                finally:
                    life.cancel()
                    with suppress(asyncio.CancelledError):
                        await life
    finally:
        logger.removeHandler(news)
        logger.setLevel(level)


async def _brisk(seconds: float) -> None:
    """Wait, but not for as long as a daemon with a day ahead of it."""
    await asyncio.sleep(min(seconds, 0.5))
