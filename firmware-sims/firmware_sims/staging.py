"""Puts a scenario on a radio: in this process for a test, served to another for a gateway.

async with Stage(scenario, ledger=Ledger(), now=clock) as stage:
    central = await stage.radio.central()
"""

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from firmware_sims.body import Body
from firmware_sims.device_spec import DeviceSpec
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.happenings import Course, Due, Happening, What
from firmware_sims.ledger import Ledger
from firmware_sims.making import made
from firmware_sims.radio import VirtualRadio
from firmware_sims.scenario import Scenario
from firmware_sims.staged_device import StagedDevice, StoriedDevice
from firmware_sims.surroundings import Surroundings


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
        self._now = now
        self._course = Course(now(), [(spec.name, spec.happens) for spec in scenario.devices])
        self._specs = {spec.name: spec for spec in scenario.devices}
        self._away: set[str] = set()
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the radio and power every device on, with its past in its memory."""
        await self._exits.enter_async_context(self.radio)
        try:
            for spec in self._scenario.devices:
                self.devices[spec.name] = made(spec, self._surroundings)
            for due in self._course.until(self._now()):
                self._happened(due)
            for name, device in self.devices.items():
                if name not in self._away:
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

    @property
    def next_at(self) -> datetime | None:
        """When the next thing of the scenario happens; None when nothing more does."""
        return self._course.next_at

    @property
    def away(self) -> frozenset[str]:
        """The devices that are out of reach."""
        return frozenset(self._away)

    async def catch_up(self) -> None:
        """Let all happen that was to happen by now, in order."""
        for due in self._course.until(self._now()):
            was_away = due.device in self._away
            self._happened(due)
            is_away = due.device in self._away
            if is_away and not was_away:
                await self.radio.remove(self.devices[due.device])
            elif was_away and not is_away:
                await self.radio.add(self.devices[due.device])

    def be_quiet(self) -> None:
        """Let no device measure any more; what they hold they still deliver."""
        for device in self.devices.values():
            device.routine.be_quiet()

    def _happened(self, due: Due) -> None:
        device, happening = self.devices[due.device], due.happening
        if not isinstance(device, StoriedDevice):
            raise TypeError(f"nothing can happen to {due.device}")
        by = timedelta(seconds=happening.by_s)
        match happening.what:
            case What.MEASURED:
                device.measure(due.at, self._who(self._specs[due.device], happening))
            case What.BATTERY_CHANGED:
                device.change_battery(due.at)
            case What.CLOCK_MOVED:
                device.move_clock(due.at, by)
            case What.CLOCK_SET:
                device.clock.set_right(due.at, by)
            case What.LEFT:
                self._away.add(due.device)
            case What.RETURNED:
                self._away.discard(due.device)

    def _who(self, spec: DeviceSpec, happening: Happening) -> tuple[int | None, Body] | None:
        """Return who measures, with the user id that they give; None is whose turn it is."""
        if happening.who is None:
            return None
        theirs = [user for user, person in spec.users.items() if person == happening.who]
        user = happening.user if happening.user is not None else next(iter(theirs), None)
        return user, self._surroundings.body(spec, happening.who)
