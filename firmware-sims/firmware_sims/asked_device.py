"""What devices that are asked for what they remember have in common."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from firmware_sims.episodic import Fittings
from firmware_sims.identity import Advertisement, Identity
from firmware_sims.ledger import Kind
from firmware_sims.on_demand import OnDemand
from firmware_sims.peripheral import Peripheral


class AskedDevice(ABC):
    """One such device; `life` is how it spends its time, and `call` what it says meanwhile."""

    def __init__(
        self,
        identity: Identity,
        fittings: Fittings,
        *,
        call: Callable[[], Advertisement] | None = None,
    ) -> None:
        self.identity = identity
        self.clock = fittings.clock
        self.faults = fittings.faults
        self.routine = fittings.routine
        self.forbidden = fittings.forbidden
        self.life = OnDemand(fittings.pace, fittings.faults, call=call)
        self.now = fittings.now
        self._ledger = fittings.ledger
        self._records = 0

    @abstractmethod
    def measure(self, at: datetime | None = None) -> None:
        """Let the next person measure, now or at a true time in the past."""

    def remember(self, count: int, *, every: timedelta) -> None:
        """Keep so many measurements of the past, the newest one interval ago."""
        now = self.now()
        for ago in range(count, 0, -1):
            self.measure(now - ago * every)

    def enter(
        self,
        taken_at: datetime,
        kinds: Mapping[Kind, Mapping[str, str]],
        *,
        person: str,
        slot: int | None = None,
    ) -> None:
        """Enter a measurement of a true time into the ledger, before it is offered to anybody."""
        self._records += 1
        self._ledger.enter(
            device=self.identity.address,
            model=self.identity.model,
            record=self._records,
            measured_at=taken_at,
            slot=slot,
            person=person,
            kinds=kinds,
        )

    async def run(self, peripheral: Peripheral) -> None:
        """Measure, and answer whoever connects, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.routine.run(self.measure))
            tasks.create_task(self.life.run(peripheral))
            await self.live_on(peripheral)

    @abstractmethod
    async def live_on(self, peripheral: Peripheral) -> None:
        """Be there to be asked, in this device's own way, until cancelled or for ever."""
