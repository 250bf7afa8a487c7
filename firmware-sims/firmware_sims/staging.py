"""Puts a scenario on a radio and on cables: here for a test, or served to a gateway.

async with Stage(scenario, ledger=Ledger(), now=clock) as stage:
    central = await stage.radio.central()
"""

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from firmware_sims.body import Body
from firmware_sims.cabled import Bench, CabledDevice
from firmware_sims.device_spec import TYPES, DeviceSpec
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.happenings import Course, Due, Happening, What
from firmware_sims.ledger import Ledger
from firmware_sims.making import made
from firmware_sims.making_cabled import made_cabled
from firmware_sims.radio import VirtualRadio
from firmware_sims.scenario import Scenario
from firmware_sims.staged_device import RadioDevice, StoriedDevice
from firmware_sims.surroundings import Surroundings


class Stage:
    """A scenario that plays; `devices` by name.

    `tell` is called with each command that nobody should send to a device, as it arrives. Devices
    on a USB cable have their sockets in the folder `sockets`.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        ledger: Ledger,
        now: Callable[[], datetime],
        tell: Callable[[str], object] | None = None,
        sockets: Path = Path(),
    ) -> None:
        self.radio = VirtualRadio()
        self.bench = Bench(sockets)
        self.forbidden = ForbiddenCommands(tell)
        self.devices: dict[str, RadioDevice | CabledDevice] = {}
        self._scenario = scenario
        self._surroundings = Surroundings(scenario, ledger, now, self.forbidden)
        self.now = now
        self._course = Course(now(), [(spec.name, spec.happens) for spec in scenario.devices])
        self._specs = {spec.name: spec for spec in scenario.devices}
        self._away: set[str] = set()
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the radio and power every device on, with its past in its memory."""
        await self._exits.enter_async_context(self.radio)
        await self._exits.enter_async_context(self.bench)
        try:
            for spec in self._scenario.devices:
                make = made_cabled if TYPES[spec.type].on_cable else made
                self.devices[spec.name] = make(spec, self._surroundings)
            for due in self._course.until(self.now()):
                self._happened(due)
            for name, device in self.devices.items():
                if isinstance(device, CabledDevice):
                    self.bench.add(device, plugged=name not in self._away)
                elif name not in self._away:
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
        """Close the radio, and unplug what is on a cable."""
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
        for due in self._course.until(self.now()):
            was_away = due.device in self._away
            self._happened(due)
            is_away = due.device in self._away
            if is_away != was_away:
                await self._moved(self.devices[due.device], away=is_away)

    def be_quiet(self) -> None:
        """Let no device measure any more; what they hold they still deliver."""
        for device in self.devices.values():
            device.routine.be_quiet()

    async def _moved(self, device: RadioDevice | CabledDevice, *, away: bool) -> None:
        if isinstance(device, CabledDevice):
            (self.bench.unplug if away else self.bench.plug)(device)
        elif away:
            await self.radio.remove(device)
        else:
            await self.radio.add(device)

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
            case What.ERASED:
                if not isinstance(device, CabledDevice):
                    raise TypeError(f"{due.device} cannot be erased")
                device.erase(due.at)
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
