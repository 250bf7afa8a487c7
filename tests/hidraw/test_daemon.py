"""The daemon reads a reader through Linux: simulated firmware, and nothing else that is not real.

The simulator's reports go into the kernel's gadget as firmware's would, over the kernel's own USB
and hidraw to the daemon, which was told nothing but `[usb]`.
"""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from firmware_sims.body import Body, Person
from firmware_sims.cable import Cable
from firmware_sims.cgm.libre_reader import LibreReader
from firmware_sims.device_clock import DeviceClock
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.ledger import Ledger
from firmware_sims.placement import Placement
from firmware_sims.serial_device import playing

from gateway.app.daemon import daemon
from gateway.app.hub import DaemonHub
from gateway.config import Config
from gateway.config_tables import HubSettings
from gateway.domain.entry import Entry
from gateway.transport.settings import UsbSettings
from tests.end_to_end.counter import missing_and_extra
from tests.hidraw.conftest import READER
from tests.hidraw.gadget import Gadget

WITHIN_S = 60.0
WORN = timedelta(days=2)
CLOCK = timedelta(seconds=70)
"""What a reader's clock, which shows minutes, may be off."""


class Firmware:
    """The gadget as the simulator's end of a cable; a frame is a report."""

    def __init__(self, gadget: Gadget) -> None:
        self._gadget = gadget

    async def send(self, report: bytes) -> int:
        """Send one once the host has taken the one before."""
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_writer(self._gadget.firmware, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_writer(self._gadget.firmware)
        return os.write(self._gadget.firmware, report)

    async def receive(self) -> bytes:
        """Wait for one."""
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._gadget.firmware, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._gadget.firmware)
        return os.read(self._gadget.firmware, 4096)

    def part(self, report: bytes) -> bytes:
        """Give out no part of a report: USB has none."""
        return b""

    def host_baud(self) -> None:
        """Know of no speed."""

    def unplug(self) -> None:
        """Pull it out."""
        self._gadget.unplug()


def now() -> datetime:
    return datetime.now(UTC)


def a_reader(serial: str, ledger: Ledger, forbidden: ForbiddenCommands) -> LibreReader:
    """Make one that was worn, and scanned often enough, until now."""
    placement = Placement(
        [(Body(Person(name="Odile", weight_kg=Decimal("64.5")), 1), "")],
        now=now,
        clock=DeviceClock(now, utc_offset=timedelta(hours=1)),
        ledger=ledger,
        name=serial,
        forbidden=forbidden,
    )
    reader = LibreReader(placement, put_on_at=now() - WORN, serial=serial)
    reader.remember(now() - WORN, now(), scan_every=timedelta(hours=6))
    return reader


def entries_of(hub: DaemonHub, serial: str) -> list[Entry]:
    """Return what the journal has of the reader with this number."""
    views = hub.reader.entries(limit=100_000)
    return [it.entry for it in views if it.entry.device.id == f"usb:1a61:3650:{serial}"]


async def test_readers_in_one_socket_are_read_one_after_the_other_each_as_itself(
    tmp_path: Path,
) -> None:
    ledgers = {"JCGM222-T0033": Ledger(), "JCGM333-T0044": Ledger()}
    forbidden = ForbiddenCommands()
    settings = HubSettings(state=tmp_path, zone="Africa/Tunis", time="system")

    async with daemon(Config(hub=settings, usb=UsbSettings())) as hub:
        for serial, ledger in ledgers.items():
            device = a_reader(serial, ledger, forbidden)
            with Gadget(READER, None, out_endpoint=False) as gadget:
                async with asyncio.timeout(WITHIN_S), playing(device, Cable(Firmware(gadget))):
                    while len(entries_of(hub, serial)) < len(ledger.produced):  # noqa: ASYNC110
                        await asyncio.sleep(0.1)

        for serial, ledger in ledgers.items():
            there = entries_of(hub, serial)
            assert len(there) > WORN / timedelta(minutes=15)
            assert missing_and_extra(ledger.produced, there, CLOCK) == ([], [])
        assert hub.reader.summary().entries == sum(len(it.produced) for it in ledgers.values())
    assert forbidden.received == []
