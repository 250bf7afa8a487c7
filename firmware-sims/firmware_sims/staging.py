"""Puts a scenario on a radio: in this process for a test, served to another for a gateway.

async with Stage(scenario, ledger=Ledger(), now=clock) as stage:
    central = await stage.radio.central()
"""

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime
from types import TracebackType
from typing import Self

from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.ledger import Ledger
from firmware_sims.making import StagedDevice, Surroundings, made
from firmware_sims.radio import VirtualRadio
from firmware_sims.scenario import Scenario


class Stage:
    """A scenario that plays; `devices` by name.

    `tell` is called with each command that nobody should send to a device, as it arrives.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        ledger: Ledger,
        now: Callable[[], datetime],
        tell: Callable[[str], object] | None = None,
    ) -> None:
        self.radio = VirtualRadio()
        self.forbidden = ForbiddenCommands(tell)
        self.devices: dict[str, StagedDevice] = {}
        self._scenario = scenario
        self._surroundings = Surroundings(scenario, ledger, now, self.forbidden)
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the radio and power every device on, with its past in its memory."""
        await self._exits.enter_async_context(self.radio)
        try:
            for spec in self._scenario.devices:
                device = made(spec, self._surroundings)
                self.devices[spec.name] = device
                await self.radio.add(device)
        except BaseException:
            await self._exits.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the radio."""
        await self._exits.__aexit__(kind, error, trace)

    def be_quiet(self) -> None:
        """Let no device measure any more; what they hold they still deliver."""
        for device in self.devices.values():
            device.routine.be_quiet()
