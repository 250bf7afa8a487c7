"""One virtual machine for all tests of this folder, which run in series and in one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from firmware_sims.radio import VirtualRadio

from tests.bluez.air import Air
from tests.bluez.box import Box, build
from tests.bluez.hub import Hub, running

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.bluez)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            item.add_marker(pytest.mark.timeout(400))  # the first one also fetches and boots


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def machine(
    tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> AsyncIterator[tuple[VirtualRadio, Box]]:
    """The radio, and a box that joined it."""
    if worker_id != "master":
        # What the workers share; a second one fails here, instead of by chance and load.
        (tmp_path_factory.getbasetemp().parent / "bluez-box").touch(exist_ok=False)
    if (problem := await asyncio.to_thread(build)) is not None:
        pytest.skip(f"the box cannot be built: {problem}")
    started: asyncio.Future[tuple[VirtualRadio, Box]] = asyncio.get_running_loop().create_future()
    end = asyncio.Event()
    # A task of its own, because a radio is closed by the task that opened it.
    life = asyncio.ensure_future(_live(started, end))
    await asyncio.wait({started, life}, return_when=asyncio.FIRST_COMPLETED)
    if not started.done():
        await life
    yield started.result()
    end.set()
    await life


async def _live(started: asyncio.Future[tuple[VirtualRadio, Box]], end: asyncio.Event) -> None:
    async with VirtualRadio() as radio:
        box = await Box.boot(await radio.serve("127.0.0.1", 0))
        try:
            started.set_result((radio, box))
            await end.wait()
        finally:
            await box.off()


@pytest_asyncio.fixture(loop_scope="session")
async def air(
    machine: tuple[VirtualRadio, Box], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Air]:
    """Nothing but Bluetooth that works; afterwards everything in it is gone and forgotten."""
    radio, box = machine
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", box.bus_address)
    air = Air(radio, box)
    yield air
    await air.clear()


@pytest_asyncio.fixture(loop_scope="session")
async def hub(air: Air, tmp_path: Path) -> AsyncIterator[Hub]:
    """The daemon's own parts over that Bluetooth: transport, supervisor, drivers, journal."""
    async with running(tmp_path / "journal.db") as hub:
        yield hub
