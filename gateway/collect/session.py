"""One conversation as a driver sees it: its link, its device, and a journal that keeps things."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from gateway.clock import Clock, Instant
from gateway.domain.device import Device
from gateway.domain.entry import Entry
from gateway.domain.reading import Reading
from gateway.drivers.api import Driver, Frame, Link, Reach, Sighting
from gateway.drivers.plausible import doubted
from gateway.errors import (
    DecodeError,
    JournalDamaged,
    JournalError,
    JournalFull,
    ProtocolError,
)
from gateway.metrics import Metrics
from gateway.transport.api import Cabled

ASIDE_LIMIT = 1000
"""Frames set aside and remarks of one session in a day. Each costs a sync of the disk; a device
that sends a thousand frames its driver cannot read is another device, broken or hostile. The
session may be tried again: what was good in it is kept."""
_DAY_S = 86_400.0
_AT_ONCE = 250  # readings judged in one breath: each that no person can have is checked anew
OFFER_AGAIN_S = 10.0
"""As often as a connected device is tried again after a journal that took nothing."""

T = TypeVar("T")
_logger = logging.getLogger(__name__)

Settings = Mapping[str, str | int | bool | None]


class JournalPort(Protocol):
    """What a session needs of the journal. Every call returns once what it did is durable."""

    async def record(
        self, device: Device, readings: Sequence[Reading], bookmark: str | None = None
    ) -> list[Entry]:
        """Keep readings and, in the same transaction, the bookmark; returns the new entries."""
        ...

    async def describe(self, device: Device) -> Device:
        """Keep what is known of the device; returns it with all that is known by now."""
        ...

    async def bookmark(self, device: Device) -> str | None:
        """Return what `device.driver` last set for the device."""
        ...

    async def set_bookmark(self, device: Device, bookmark: str) -> None:
        """Move the bookmark."""
        ...

    async def set_aside(self, device: Device, frame: Frame, error: DecodeError) -> None:
        """Keep a frame that `device.driver` could not read."""
        ...

    async def remark(self, device: Device, event: str, frame: Frame | None = None) -> None:
        """Keep an event that is no reading."""
        ...


class LiveSession:
    """A `Session` over a live link. `recorded` counts the new readings so far."""

    def __init__(
        self,
        driver: Driver,
        link: Link,
        device: Device,
        sighting: Sighting,
        settings: Settings,
        journal: JournalPort,
        clock: Clock,
        metrics: Metrics,
        pause: Callable[[float], Awaitable[None]],
    ) -> None:
        self._driver = driver
        self._link = link
        self._device = device
        self._sighting = sighting
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self._metrics = metrics
        self._pause = pause
        self._aside = 0
        self._aside_since = clock.now().monotonic
        self.recorded = 0
        self.kept = 0
        """What the journal took so far: readings, new or not, frames set aside, remarks."""
        self.understood = 0
        """Readings that the driver made so far, new or not."""
        self.unreadable = 0
        """Frames that the driver set aside so far."""
        self.refused: str | None = None
        """Why the journal takes nothing now, if something waits for that."""

    @property
    def link(self) -> Link:
        """The connection to the device."""
        return self._link

    @property
    def device(self) -> Device:
        """The device as known so far."""
        return self._device

    @property
    def reach(self) -> Reach:
        """How the driver's devices are reached."""
        return self._driver.manifest.reach

    @property
    def sighting(self) -> Sighting:
        """How the device was noticed."""
        return self._sighting

    def now(self) -> Instant:
        """Return the present moment."""
        return self._clock.now()

    async def pause(self, seconds: float, /) -> None:
        """Let time pass, on a cable until it is pulled: what the driver does next tells it so."""
        pulled = self._link.pulled if isinstance(self._link, Cabled) else None
        if pulled is None or pulled.is_set():
            await self._pause(seconds)
            return
        both = {asyncio.ensure_future(self._pause(seconds)), asyncio.ensure_future(pulled.wait())}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in both:
                each.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    def setting(self, name: str, /) -> str | int | bool | None:
        """Return the owner's setting, or the manifest's default; a KeyError if it has neither."""
        defaults = {setting.name: setting.default for setting in self._driver.manifest.settings}
        return self._settings.get(name, defaults[name])

    async def describe(self, device: Device, /) -> None:
        """Keep what the device said of itself; what it did not repeat stays known."""
        self._own(device.id == self._device.id and device.driver == self._device.driver)
        if device != self._device:
            self._device = await self._kept_by(lambda: self._journal.describe(device))

    async def bookmark(self) -> str | None:
        """Return what this driver last set for this device, or None."""
        return await self._journal.bookmark(self._device)

    async def record(self, *readings: Reading, bookmark: str | None = None) -> int:
        """Make the readings durable, and with them the bookmark; returns how many were new."""
        self.understood += len(readings)
        self._own(all(reading.device == self._device.id for reading in readings))
        judged: list[Reading] = []
        for at in range(0, len(readings), _AT_ONCE):
            if at:
                await asyncio.sleep(0)
            judged += map(doubted, readings[at : at + _AT_ONCE])
        entries = await self._kept_by(lambda: self._journal.record(self._device, judged, bookmark))
        new = len(entries)
        self.recorded += new
        self.kept += len(readings)
        self._count("readings_recorded_total", new)
        self._count("readings_repeated_total", len(readings) - new)
        return new

    async def set_bookmark(self, bookmark: str, /) -> None:
        """Move the bookmark where no reading stands for it."""
        await self._kept_by(lambda: self._journal.set_bookmark(self._device, bookmark))

    async def set_aside(self, frame: Frame, error: DecodeError, /) -> None:
        """Keep a frame that could not be read. Raises ProtocolError after ASIDE_LIMIT a day."""
        self._one_more_aside()
        self.unreadable += 1
        await self._kept_by(lambda: self._journal.set_aside(self._device, frame, error))
        self.kept += 1
        self._count("frames_set_aside_total", 1)

    async def remark(self, event: str, frame: Frame | None = None, /) -> None:
        """Keep an event that is no reading. Raises ProtocolError after ASIDE_LIMIT a day."""
        self._one_more_aside()
        await self._kept_by(lambda: self._journal.remark(self._device, event, frame))
        self.kept += 1

    async def _kept_by(self, keep: Callable[[], Awaitable[T]]) -> T:
        """Have the journal keep something, and return what it says.

        What came by a cable or an advertisement may be nowhere else any more: it is offered again
        until the journal takes it. A device that is connected keeps what was not confirmed to it.
        """
        while True:
            try:
                kept = await keep()
            except JournalDamaged:
                raise
            except JournalError as error:
                if isinstance(error, JournalFull):
                    self._metrics.count("journal_refusals_total")
                if self.reach is Reach.BLE or is_stopping():
                    raise
                if self.refused is None:
                    _logger.warning("what a device sent waits for the journal: %s", error)
                self.refused = str(error)
                await self._pause(OFFER_AGAIN_S)
            else:
                self.refused = None
                return kept

    def _one_more_aside(self) -> None:
        now = self._clock.now().monotonic
        if now - self._aside_since >= _DAY_S:  # a port is listened to for months
            self._aside, self._aside_since = 0, now
        self._aside += 1
        if self._aside > ASIDE_LIMIT:
            raise ProtocolError(
                f"The device sent {ASIDE_LIMIT} frames that are no readings: its driver is for"
                " another device, or the device is broken."
            )

    def _own(self, its: bool) -> None:
        """Refuse what a driver mistakes for this device's: it would be filed as another's."""
        if not its:
            raise ValueError("the driver named another device than the one it talks with")

    def _count(self, name: str, by: int) -> None:
        if by:
            self._metrics.count(name, by, driver=self._driver.manifest.name)


def is_stopping() -> bool:
    """Say whether the gateway ends this conversation, rather than something within it."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
