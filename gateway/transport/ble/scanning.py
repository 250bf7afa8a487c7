"""Scans with bleak for as long as that hears anything, and gets Linux out of scans that are stuck.

Seen with BlueZ 5.82 on Linux 6.12, each of them a test in `tests/bluez`:

- bluetoothd was killed. The kernel goes on with the scan of the dead one for up to 10.24 s, and
  answers `InProgress` to another; the new bluetoothd says meanwhile that nobody scans. It passes.
- The kernel did not get its scan stopped (the controller refused, or two of its threads met: see
  bluez/bluetooth-next, pull request 410). It answers `InProgress` for ever, even to a bluetoothd
  that is started anew, and connects to nothing. Only the adapter off and on helps.
- The same, seen from a bluetoothd that was not restarted: stopping fails, every scan after that
  begins well and hears nothing (bluez/bluez, issue 807; bleak, issue 2021).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol

from bleak import BleakScanner
from bleak.args.bluez import BlueZScannerArgs
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner

from gateway.errors import RadioTrouble, RadioUnavailable
from gateway.transport.ble.trouble import on_radio

SILENCE_S = 30.0
"""bluetoothd may stop scanning and say nothing: after its restart, after an adapter was unplugged,
after failed connections. Somewhere near a device advertises every few seconds; a scan begun anew in
a silent place costs nothing."""
SILENT_ROUNDS = 10
"""After so many of them (five minutes) a scan hears nothing because it is none, or the place is
really without any Bluetooth: then an adapter without links loses nothing when it is restarted."""
ORPHAN_S = 12.0
"""The kernel ends a scan after 10.24 s by itself (DISCOV_LE_TIMEOUT); one that still keeps the
adapter busy after this is stuck."""
ORPHAN_LOOK_S = 1.0
"""How often to try meanwhile: a cuff advertises for half a minute, so seconds count."""
HEARD_WITHIN = 5
"""So many looks until bleak has heard that the adapter is on; guess, it takes milliseconds."""
WEAKEST_DBM = -127
"""Lets everything through, and has bluetoothd tell of every advertisement. Without a limit it tells
of a device again only when its signal changed by 8 dBm: a cuff that lies still on a table would be
seen once, and not when it has a new reading (bluetoothd 5.82, device_set_rssi_with_delta)."""

Hear = Callable[[BLEDevice, AdvertisementData], None]
Gone = asyncio.Future[RadioTrouble]
"""Done, with the reason, once nothing can be heard any more."""

_logger = logging.getLogger(__name__)


class Adapter(Protocol):
    """What is asked of the adapter; see `adapter.BluezAdapter`."""

    async def name(self) -> str | None:
        """Return the name (`hci0`) it has today, None for the one bleak takes."""
        ...

    async def is_scanning(self) -> bool:
        """Say whether somebody is known to scan."""
        ...

    async def is_linked(self) -> bool:
        """Say whether any device is connected."""
        ...

    async def restart(self) -> None:
        """Switch it off and on."""
        ...


class Scanning:
    """The only scanner there is. `adapter` None: not over BlueZ, whose troubles do not arise."""

    def __init__(
        self,
        hear: Hear,
        adapter: Adapter | None,
        pause: Callable[[float], Awaitable[None]],
        backend: type[BaseBleakScanner] | None,
    ) -> None:
        self._hear = hear
        self._adapter = adapter
        self._pause = pause
        self._backend = backend
        self._count = 0

    async def until(self, gone: Gone) -> None:
        """Scan, beginning anew after every silence, until `gone`. Raises RadioUnavailable."""
        silent = 0
        while not gone.done():
            silent = 0 if await self._round(gone) else silent + 1
            if silent == SILENT_ROUNDS and not gone.done():
                silent = 0
                await self._restart_if_idle()

    async def _round(self, gone: Gone) -> bool:
        """Scan until nothing was heard for a while, or can be; returns whether anything was."""
        before = self._count
        scanner = await self._scanner()
        try:
            await self._start(scanner)
            while not gone.done() and await self._hears(gone):
                pass
        finally:
            await self._stop(scanner)
        return self._count != before

    async def _scanner(self) -> BleakScanner:
        bluez: BlueZScannerArgs = {"filters": {"RSSI": WEAKEST_DBM}}
        if self._adapter is not None and (name := await self._adapter.name()) is not None:
            bluez["adapter"] = name
        return BleakScanner(self._heard, scanning_mode="active", bluez=bluez, backend=self._backend)

    def _heard(self, device: BLEDevice, advertisement: AdvertisementData) -> None:
        self._count += 1
        self._hear(device, advertisement)

    async def _hears(self, gone: Gone) -> bool:
        """Wait for SILENCE_S, or until `gone`; returns whether anything was heard meanwhile."""
        before = self._count
        pausing = asyncio.ensure_future(self._pause(SILENCE_S))
        try:
            either: set[asyncio.Future[Any]] = {pausing, gone}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pausing.cancel()
        return self._count != before

    async def _start(self, scanner: BleakScanner) -> None:
        """Begin to scan, once a scan that nobody owns has ended, by itself or by force."""
        for _ in range(round(ORPHAN_S / ORPHAN_LOOK_S)):
            if await self._starts(scanner):
                return
            await self._pause(ORPHAN_LOOK_S)
        await self._restart("it stays busy with a scan that nobody owns")
        await self._start_restarted(scanner)

    async def _start_restarted(self, scanner: BleakScanner) -> None:
        """Begin to scan; bleak hears a little later than we do that the adapter is on again."""
        for left in reversed(range(HEARD_WITHIN)):
            try:
                await on_radio(scanner.start(), "start to scan")
                return
            except RadioUnavailable as error:
                if not left or error.reason is not RadioTrouble.POWERED_OFF:
                    raise
            await self._pause(ORPHAN_LOOK_S)

    async def _starts(self, scanner: BleakScanner) -> bool:
        """Try to; False while the adapter is busy and nobody is known to scan."""
        adapter = self._adapter
        try:
            await on_radio(scanner.start(), "start to scan")
        except RadioUnavailable as error:
            if error.reason is not RadioTrouble.BUSY or adapter is None:
                raise
            if await adapter.is_scanning():
                raise
            return False
        return True

    async def _stop(self, scanner: BleakScanner) -> None:
        try:
            await on_radio(scanner.stop(), "stop scanning")
        except RadioUnavailable as error:
            if error.reason is RadioTrouble.BUSY:
                with suppress(RadioUnavailable):
                    await self._restart("its scan cannot be stopped")

    async def _restart_if_idle(self) -> None:
        if self._adapter is not None and not await self._adapter.is_linked():
            await self._restart("it has heard nothing for minutes")

    async def _restart(self, why: str) -> None:
        if self._adapter is not None:
            _logger.warning("the Bluetooth adapter is switched off and on: %s", why)
            await self._adapter.restart()
