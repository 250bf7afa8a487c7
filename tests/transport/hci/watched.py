"""A transport that is being watched, for the tests of `hci`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from gateway.clock import SystemClock
from gateway.domain.device import DeviceId
from gateway.drivers.api import Manifest, Reach, Sighting
from gateway.errors import RadioUnavailable
from gateway.transport.gatt_link import Deadlines
from gateway.transport.hci import HciTransport
from gateway.transport.rotating_names import RotatingNames
from gateway.transport.settings import HciSettings
from tests.transport.hci.virtual_air import Air

MANIFEST = Manifest("test/cuff", "Cuff", Reach.BLE, frozenset(), "none", ())
SOON_S = 5.0


class Watched:
    """A transport that is being watched; `sighting()` waits for the next advertisement."""

    def __init__(self, transport: HciTransport) -> None:
        self.transport = transport
        self._seen: asyncio.Queue[Sighting] = asyncio.Queue()
        self.watching = asyncio.ensure_future(transport.watch(self._seen.put_nowait))

    async def sighting(self) -> Sighting:
        while not self._seen.empty():
            self._seen.get_nowait()
        return await self.next()

    async def next(self) -> Sighting:
        return await asyncio.wait_for(self._seen.get(), SOON_S)

    async def open(self) -> Any:
        return await self.transport.open(await self.sighting(), MANIFEST)


@asynccontextmanager
async def watch(
    air: Air,
    bonds: Path | None = None,
    adopted: Callable[[DeviceId], str | None] = lambda _: None,
    **deadlines: float,
) -> AsyncIterator[Watched]:
    settings = HciSettings(url=air.url, bonds=bonds)
    path = bonds.with_name("rotating-names.json") if bonds is not None else None
    names = RotatingNames(path, adopted)
    transport = HciTransport(settings, SystemClock(), Deadlines(**deadlines), names=names)
    watched = Watched(transport)
    try:
        yield watched
    finally:
        watched.watching.cancel()
        with suppress(asyncio.CancelledError, RadioUnavailable):
            await watched.watching


async def soon(condition: Any) -> None:
    async with asyncio.timeout(SOON_S):
        while not condition():  # noqa: ASYNC110  # the event is inside bumble
            await asyncio.sleep(0)
