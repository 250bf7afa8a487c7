"""How often is a device connected that never stops advertising, and how soon are its readings here?

    .venv/bin/python benchmarks/visits.py --hours 24 --every 8 --lost 0.8

A virtual device on a virtual radio, the gateway's own Bluetooth host and the collector, all in one
process and in virtual time: a day takes a minute of processor. `--every` so many hours somebody
measures; `--lost` of the advertisements are not heard; `--device omron` counts in its
advertisement, `--device cuff` does not. Nothing is kept on a disk.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import random
import selectors
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bumble.transport.common import AsyncPipeSink
from firmware_sims.controller import RadioController
from firmware_sims.ledger import Ledger
from firmware_sims.radio import SERVED_PUBLIC_ADDRESS
from firmware_sims.scenario import parse
from firmware_sims.staging import Stage

from gateway.clock import Instant
from gateway.collect.supervisor import Supervisor
from gateway.domain.device import DeviceId
from gateway.drivers.registry import installed
from gateway.metrics import Metrics
from gateway.transport.hci import radio
from gateway.transport.hci.transport import HciTransport
from gateway.transport.settings import HciSettings

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.collect.fakes import FakeJournal

BEGAN = datetime(2026, 11, 2, 6, tzinfo=UTC)
GIVEN_UP_S = 3600.0
ADDRESS = "C4:00:00:00:00:01"
DEVICE = DeviceId(f"ble:{ADDRESS}")
DEVICES = {
    "cuff": ("enhanced_bp_monitor", "bp_monitor/bluetooth_sig", "idle_s = 60", {}),
    "omron": (
        "omron_bp_monitor",
        "bp_monitor/omron_ble",
        'model = "HEM-7142T2"\npairing_mode = true',
        {"model": "HEM-7142T2"},
    ),
}
SCENARIO = """
seed = 5
utc_offset_min = 0
[people.odile]
name = "Odile Marchand"
weight_kg = 64.5
[[device]]
address = "{address}"
name = "Virtual"
type = "{type}"
person = "odile"
stored = 3
stored_every_h = 7
advertise_for_s = inf
{keys}
"""


class _Selector(selectors.DefaultSelector):
    """Never waits: nothing comes from outside."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> Any:
        self.loop.now_s += timeout or 0.0
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is nobody's."""

    def __init__(self) -> None:
        self.now_s = 0.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now_s


class _Clock:
    def now(self) -> Instant:
        now_s = asyncio.get_running_loop().time()
        return Instant(BEGAN + timedelta(seconds=now_s), now_s, "boot")


class _HardOfHearing(RadioController):
    """A controller that does not hear everything."""

    lost = 0.0
    chance = random.Random(3)

    def _report(self, kind: int, address: Any, data: bytes) -> None:
        if self.chance.random() >= self.lost:
            super()._report(kind, address, data)


class _Port:
    """What a transport of bumble is, with the controller in this process."""

    def __init__(self, controller: Any) -> None:
        controller.terminated = asyncio.get_running_loop().create_future()
        self.source, self.sink = controller, AsyncPipeSink(controller)

    async def close(self) -> None: ...


async def play(name: str, hours: float, every_h: float, lost: float) -> None:
    kind, driver, keys, settings = DEVICES[name]
    loop, clock, journal, ledger = asyncio.get_running_loop(), _Clock(), FakeJournal(), Ledger()
    scenario = parse(SCENARIO.format(address=ADDRESS, type=kind, keys=keys))
    async with Stage(scenario, ledger=ledger, now=lambda: clock.now().utc) as stage:

        async def open_transport(_url: str) -> _Port:
            link = stage.radio._link
            controller = _HardOfHearing("hub", link=link, public_address=SERVED_PUBLIC_ADDRESS)
            controller.lost = lost
            return _Port(controller)

        radio.open_transport = open_transport  # type: ignore[attr-defined]
        supervisor = Supervisor(
            [HciTransport(HciSettings(url="usb:0"), clock)],
            installed((), {driver}),
            journal,
            clock,
            Metrics(),
            settings_of=lambda _device: settings,
            adopted={DEVICE: driver}.get,
            number_of=lambda _device: 1,
        )
        visits = Visits(stage)
        running = asyncio.ensure_future(supervisor.run())
        waited: list[float] = []
        (device,) = stage.devices.values()
        for turn in range(1, math.ceil(hours / every_h)):
            await asyncio.sleep(turn * every_h * 3600 - loop.time())
            measured, before = loop.time(), len(journal.readings)
            device.measure()
            given_up = measured + GIVEN_UP_S
            while len(journal.readings) == before and loop.time() < given_up:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            waited.append(loop.time() - measured)
        await asyncio.sleep(hours * 3600 - loop.time())
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    print(
        f"{name}, {hours:g} h, {lost:.0%} of the advertisements lost: {visits.count} connections,"
        f" {visits.connected_s / 60:.1f} min together; readings after"
        f" {', '.join(f'{each:.1f}' for each in waited) or '-'} s"
    )


class Visits:
    """Counts the connections of the only device of a stage."""

    def __init__(self, stage: Stage) -> None:
        self.count, self.connected_s, self._since_s = 0, 0.0, 0.0
        ((peripheral, _),) = stage.radio._present.values()
        peripheral._stack.on("connection", self._connected)

    def _connected(self, link: Any) -> None:
        self.count += 1
        self._since_s = asyncio.get_running_loop().time()
        link.once("disconnection", lambda _reason: self._ended())

    def _ended(self) -> None:
        self.connected_s += asyncio.get_running_loop().time() - self._since_s


def main() -> None:
    """Read the arguments and play."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=list(DEVICES), default="cuff")
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--every", type=float, default=7.0, help="hours between measurements")
    parser.add_argument("--lost", type=float, default=0.0, help="share of advertisements")
    asked = parser.parse_args()
    logging.disable(logging.WARNING)
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(play(asked.device, asked.hours, asked.every, asked.lost))


if __name__ == "__main__":
    main()
