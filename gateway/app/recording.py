"""The journal as sessions write to it: what is recorded may make a daily summary due."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.collect.summaries import Summaries
from gateway.domain.device import Device
from gateway.domain.entry import Entry
from gateway.domain.reading import Reading
from gateway.drivers.api import Frame
from gateway.errors import DecodeError
from gateway.journal.journal import Journal


class Recording:
    """Passes everything on to the journal; see `collect.session.JournalPort`."""

    def __init__(self, journal: Journal, summaries: Summaries) -> None:
        self._journal = journal
        self._summaries = summaries

    async def record(
        self, device: Device, readings: Sequence[Reading], bookmark: str | None = None
    ) -> list[Entry]:
        """Keep readings, then add the summaries that have become due through them."""
        entries = await self._journal.record(device, readings, bookmark)
        await self._summaries.after(entries)
        return entries

    async def describe(self, device: Device) -> Device:
        """Keep what is known of the device."""
        return await self._journal.describe(device)

    async def bookmark(self, device: Device) -> str | None:
        """Return the bookmark of the device's driver."""
        return await self._journal.bookmark(device)

    async def set_bookmark(self, device: Device, bookmark: str) -> None:
        """Move it."""
        await self._journal.set_bookmark(device, bookmark)

    async def set_aside(self, device: Device, frame: Frame, error: DecodeError) -> None:
        """Keep a frame that could not be read."""
        await self._journal.set_aside(device, frame, error)

    async def remark(self, device: Device, event: str, frame: Frame | None = None) -> None:
        """Keep an event that is no reading."""
        await self._journal.remark(device, event, frame)
