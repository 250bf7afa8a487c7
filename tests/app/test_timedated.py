"""Asking systemd-timedated, over a system bus of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from dbus_fast import BusType
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusBool
from dbus_fast.constants import PropertyAccess
from dbus_fast.service import ServiceInterface, dbus_property

from gateway.app import timedated

CONFIGURATION = """
<busconfig>
  <type>system</type>
  <listen>unix:path={path}</listen>
  <policy context="default">
    <allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
</busconfig>
"""


class Timedate(ServiceInterface):
    """What timedated shows of itself, as far as it is asked."""

    def __init__(self, *, synchronised: bool) -> None:
        super().__init__("org.freedesktop.timedate1")
        self._synchronised = synchronised

    @dbus_property(access=PropertyAccess.READ, name="NTPSynchronized")
    def synchronised(self) -> DBusBool:
        return self._synchronised


@asynccontextmanager
async def a_bus(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Run a system bus for as long as the block lasts."""
    configuration = folder / "bus.conf"
    configuration.write_text(CONFIGURATION.format(path=folder / "bus"))
    daemon = await asyncio.create_subprocess_exec(
        *("dbus-daemon", f"--config-file={configuration}", "--nofork", "--print-address"),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert daemon.stdout is not None
        address = (await daemon.stdout.readline()).decode().strip()
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        yield
    finally:
        daemon.terminate()
        await daemon.wait()


@pytest.mark.parametrize("synchronised", [True, False])
async def test_its_word_is_passed_on(
    *, synchronised: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_bus(tmp_path, monkeypatch):
        service = await MessageBus(bus_type=BusType.SYSTEM).connect()
        service.export("/org/freedesktop/timedate1", Timedate(synchronised=synchronised))
        await service.request_name("org.freedesktop.timedate1")

        answer = await timedated.is_synchronised()
        service.disconnect()

    assert answer is synchronised


async def test_a_bus_without_it_gives_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_bus(tmp_path, monkeypatch):
        answer = await timedated.is_synchronised()

    assert answer is None


async def test_no_bus_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")

    assert await timedated.is_synchronised() is None
