"""The devices of a scenario that are on a USB cable, each behind the socket of its port."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from firmware_sims.body import Body
from firmware_sims.cable import Cable
from firmware_sims.hid_port import HidPort
from firmware_sims.identity import Identity
from firmware_sims.placement import Placement
from firmware_sims.routine import Routine
from firmware_sims.serial_device import SerialDevice, converse


class Remembering(SerialDevice, Protocol):
    """A device that keeps what was measured, also at a true time gone by, and pushes nothing."""

    def measure(
        self, at: datetime | None = None, who: tuple[int | None, Body] | None = None
    ) -> Sequence[bytes]:
        """Measure somebody."""

    @property
    def held(self) -> int:
        """How many records it holds."""


@runtime_checkable
class Erasable(Protocol):
    """A device whose owner can erase what it holds."""

    def erase(self, at: datetime) -> None:
        """Let its owner have erased it at a true time."""


class CabledDevice:
    """One such device with its owner and its surroundings, as a scenario wants it."""

    advertised: Sequence[int] = ()

    def __init__(
        self, identity: Identity, device: Remembering, placement: Placement, routine: Routine
    ) -> None:
        self.identity = identity
        self.device = device
        self.faults = placement.faults
        self.clock = placement.clock
        self.routine = routine

    def measure(
        self, at: datetime | None = None, who: tuple[int | None, Body] | None = None
    ) -> None:
        """Measure somebody, now or at a true time gone by."""
        self.device.measure(at, who)

    def change_battery(self, at: datetime) -> None:
        """Let it have lost its time."""
        self.clock.lost(at)

    def move_clock(self, at: datetime, by: timedelta) -> None:
        """Let its owner have moved the clock."""
        self.clock.moved(at, by)

    def erase(self, at: datetime) -> None:
        """Let its owner have erased it; raises ValueError if it cannot be."""
        if not isinstance(self.device, Erasable):
            raise ValueError(f"{self.identity.name} cannot be erased")
        self.device.erase(at)

    @property
    def held(self) -> int:
        """How many records it holds."""
        return self.device.held


class Bench:
    """Where they are plugged in. Their sockets are in a folder, or where their address says."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports: dict[str, HidPort] = {}
        self._lives: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Be ready; devices added live until it is left."""
        self._group = await asyncio.TaskGroup().__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Unplug every device and end its life."""
        for port in self._ports.values():
            port.unplug()
        for life in self._lives:
            life.cancel()
        if not isinstance(error, asyncio.CancelledError):
            kind = error = trace = None
        # A cancellation is perhaps the group's own doing, as a device failed: it says so.
        await self._group.__aexit__(kind, error, trace)

    def add(self, device: CabledDevice, *, plugged: bool = True) -> None:
        """Let a device live, and plug it in; raises OSError for a path that no socket can have."""
        port = HidPort(self.link(device))
        if plugged:
            port.plug()
        self._ports[device.identity.name] = port
        cable = Cable(port, faults=device.faults)
        life = converse(device.device, port, device.routine, cable=cable)
        self._lives.append(self._group.create_task(life))

    def link(self, device: CabledDevice) -> Path:
        """Return where its socket is, or will be."""
        return self._folder / device.identity.address

    def plug(self, device: CabledDevice) -> None:
        """Put its cable back."""
        self._ports[device.identity.name].plug()

    def unplug(self, device: CabledDevice) -> None:
        """Pull its cable; it goes on measuring."""
        self._ports[device.identity.name].unplug()
