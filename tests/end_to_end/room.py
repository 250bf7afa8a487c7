"""A room with one Bluetooth device in it: a simulator on a virtual radio, and the real daemon.

The daemon joins the radio through HCI over TCP. Both live by the same time, which a test may skip.
What the device produced is in its ledger, what arrived is in the journal.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from firmware_sims.faults import Fault
from firmware_sims.ledger import Ledger, Produced
from firmware_sims.scenario import parse
from firmware_sims.staged_device import StagedDevice
from firmware_sims.staging import Stage

from gateway.app.daemon import daemon
from gateway.app.hub import DaemonHub
from gateway.config import Config
from gateway.config_tables import DeviceSettings, HubSettings
from gateway.domain.device import DeviceId
from gateway.domain.entry import Entry
from gateway.domain.reading import Kind
from gateway.transport.settings import HciSettings
from tests.end_to_end.counter import UTC_OFFSET, ZONE, missing_and_extra, said, shown
from tests.end_to_end.passing import Passing

ADDRESS = "C4:00:00:00:00:01"
DEVICE = DeviceId(f"ble:{ADDRESS}")
CODE = 123456
"""What a device shows that wants a code."""
SCENARIO = """
seed = 5
utc_offset_min = {offset_min}
[people.odile]
name = "Odile Marchand"
weight_kg = 64.5
[people.marcel]
name = "Marcel Aubry"
weight_kg = 83.2
[[device]]
address = "{address}"
{keys}
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A device as a scenario says it, the driver that its owner chose, and what they set."""

    type: str
    driver: str
    keys: str = 'person = "odile"'
    name: str = "Virtual"
    settings: Mapping[str, str | int | bool] = field(default_factory=dict)
    within: timedelta = timedelta(seconds=10)

    def scenario(self, stored: int) -> str:
        """Return the scenario of this device, with so much in its memory."""
        keys = f'type = "{self.type}"\nname = "{self.name}"\n{self.keys}\n'
        if stored:
            keys += f"stored = {stored}\nstored_every_h = 7\n"
        offset_min = UTC_OFFSET // timedelta(minutes=1)
        return SCENARIO.format(offset_min=offset_min, address=ADDRESS, keys=keys)


class Room:
    """The device and the hub."""

    def __init__(self, stage: Stage, ledger: Ledger, hub: DaemonHub, time: Passing) -> None:
        self.stage = stage
        self.ledger = ledger
        self.hub = hub
        self.time = time

    @property
    def device(self) -> StagedDevice:
        (device,) = self.stage.devices.values()
        return device

    def entries(self) -> list[Entry]:
        """Return what the journal holds of anybody's body.

        A height is what the device was told, and a control solution is nobody's blood.
        """
        entries = [view.entry for view in self.hub.reader.entries(limit=100_000)]
        return [
            entry
            for entry in entries
            if entry.reading.kind is not Kind.HEIGHT
            and "control_solution" not in entry.reading.flags
        ]

    def remarks(self) -> list[str]:
        return [remark.event for remark in self.hub.reader.remarks()]

    async def all_arrived(self) -> None:
        """Return once the journal holds as many readings as were produced, and nobody talks."""
        await self.until(self._is_complete)
        await self.until(lambda: not self.hub.status().sessions)

    async def is_heard(self) -> None:
        """Return once the journal holds what was just measured; no time is skipped meanwhile."""
        await self.until(self._is_complete, step_s=0)

    async def until(self, holds: Callable[[], object], step_s: float = 2) -> None:
        """Return once it holds; so much time is skipped while the hub talks with nobody.

        Meanwhile somebody types the code that a device shows.
        """
        while not holds():
            for asked in self.hub.questions():
                await self.hub.answer(asked, CODE)
            if not self.hub.status().sessions:
                self.time.skip(step_s)
            await self.time.look_again()

    def _is_complete(self) -> bool:
        return len(self.entries()) >= len(self.ledger.produced)

    def missing(self, within: timedelta) -> list[object]:
        """Return what did not arrive, as the device showed it."""
        missing, _ = self._compared(within)
        return [(one.measured_at, one.kind, shown(one)) for one in missing]

    def extra(self, within: timedelta) -> list[object]:
        """Return what arrived and was not produced."""
        _, extra = self._compared(within)
        return [(entry.timing.measured_at, entry.reading.kind, said(entry)) for entry in extra]

    def _compared(self, within: timedelta) -> tuple[list[Produced], list[Entry]]:
        return missing_and_extra(self.ledger.produced, self.entries(), within, _same_numbers)


def _same_numbers(said: Mapping[str, str], shown: Mapping[str, str]) -> bool:
    """Compare values; one resolution is not another's, and a unit may stand behind a number.

    What is out of range has no number, but says on which side.
    """

    def numbers(values: Mapping[str, str]) -> dict[str, Decimal | str]:
        return {
            name: value if name == "range" else Decimal(value.split()[0])
            for name, value in values.items()
        }

    return numbers(said) == numbers(shown)


@asynccontextmanager
async def a_room(
    folder: Path,
    time: Passing,
    case: Case,
    *,
    stored: int = 0,
    faults: Mapping[Fault, int] | None = None,
) -> AsyncIterator[Room]:
    """Run device and daemon, which its owner told about it, for as long as the block lasts."""
    time.follow(asyncio.get_running_loop())
    ledger = Ledger()
    async with Stage(parse(case.scenario(stored)), ledger=ledger, now=time.utc) as stage:
        for fault, times in (faults or {}).items():
            next(iter(stage.devices.values())).faults.arm(fault, times)
        url = f"tcp-client:{await stage.radio.serve('127.0.0.1', 0)}"
        config = Config(
            hub=HubSettings(state=folder / "state", zone=ZONE),
            hci=(HciSettings(url=url),),
            devices={DEVICE: DeviceSettings(settings=dict(case.settings))},
        )
        async with daemon(config, clock=time, timer=time.timer) as hub:
            await hub.adopt(DEVICE, case.driver)
            yield Room(stage, ledger, hub, time)
