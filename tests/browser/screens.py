"""The real daemon with its screens, and what people do in front of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from firmware_sims.health_space import HealthSpace

from gateway.domain.device import Device, DeviceId
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Measure, Reading
from tests.browser.browser import Browser
from tests.end_to_end.home import Home, Plan, at_home
from tests.end_to_end.passing import Passing

CUFF = Device(
    id=DeviceId("serial:counter-cuff"),
    driver="bp_monitor/omron_hbp",
    manufacturer="Imaginary",
    model="Cuff 1",
    serial="SN-C",
    battery_percent=80,
)
SCALE = Device(
    id=DeviceId("serial:counter-scale"),
    driver="scale/tanita",
    manufacturer="Imaginary",
    model="Scale 2",
    serial="SN-S",
)
METER = Device(
    id=DeviceId("serial:counter-meter"),
    driver="glucose_meter/onetouch_ultra2",
    manufacturer="Imaginary",
    model="Meter 3",
    serial="SN-M",
)
BATHROOM_SCALE = Device(
    id=DeviceId("serial:bathroom-scale"),
    driver="scale/tanita",
    manufacturer="Imaginary",
    model="Scale 4",
    serial="SN-B",
)


_AT_ONCE = timedelta(seconds=10)
"""What is measured is told so soon."""


class Screens:
    """A hub, its browser, and its devices on the table."""

    def __init__(self, home: Home, browser: Browser, time: Passing) -> None:
        self.home = home
        self.browser = browser
        self.time = time
        self._records = 0

    async def invited(self, role: str) -> str:
        """Return the address that lets one browser in."""
        invitation = await self.home.post("screens", "invitations", role=role)
        return str(invitation["url"])

    async def enter(self, role: str) -> None:
        """Let the browser in."""
        await self.browser.open(await self.invited(role))
        await self.browser.press("Ouvrir")

    async def code_of(self, name: str) -> str:
        """Return the code that the health space shows a person on their own telephone."""
        return self.home.space.add_person(name)

    async def arrived(self, name: str) -> bool:
        """Tell whether every reading of theirs is there."""
        return set(await self.home.states(name)) == {"settled"}

    async def press_cuff(self, systolic: int, diastolic: int) -> None:
        values = {
            Measure.SYSTOLIC: Quantity(value=Decimal(systolic), unit=Unit.MMHG),
            Measure.DIASTOLIC: Quantity(value=Decimal(diastolic), unit=Unit.MMHG),
            Measure.PULSE_RATE: Quantity(value=Decimal(66), unit=Unit.PER_MINUTE),
        }
        await self.record(CUFF, Kind.BLOOD_PRESSURE, values)

    async def step_on(self, kg: str, number: str) -> None:
        """Weigh somebody on the scale of the household, who chose their number on it."""
        weight = Quantity(value=Decimal(kg), unit=Unit.KILOGRAM)
        await self.record(BATHROOM_SCALE, Kind.WEIGHT, {Measure.WEIGHT: weight}, slot=number)

    async def weigh(self, kg: str) -> None:
        weight = Quantity(value=Decimal(kg), unit=Unit.KILOGRAM)
        await self.record(SCALE, Kind.WEIGHT, {Measure.WEIGHT: weight})

    async def prick(self, mg_dl: int, *, within: timedelta = _AT_ONCE) -> None:
        glucose = Quantity(value=Decimal(mg_dl), unit=Unit.MILLIGRAM_PER_DECILITRE)
        await self.record(METER, Kind.BLOOD_GLUCOSE, {Measure.GLUCOSE: glucose}, within=within)

    async def record(
        self,
        device: Device,
        kind: Kind,
        values: dict[Measure, Quantity],
        *,
        slot: str | None = None,
        within: timedelta = _AT_ONCE,
    ) -> None:
        self._records += 1
        reading = Reading(
            device=device.id,
            kind=kind,
            values=values,
            received=self.time.now(),
            record=f"seq:{self._records}",
            slot=slot,
            taken_within=within,
        )
        await self.home.hub.journal.record(device, [reading])


@asynccontextmanager
async def screens_of(
    folder: Path,
    space: HealthSpace,
    time: Passing,
    browser: Browser,
    *,
    minutes: int = 10,
    unattended_s: int = 600,
) -> AsyncIterator[Screens]:
    """Set up the hub; a turn at its counter lasts so many minutes, also if nobody touches it."""
    counter = ", ".join(f'"{device.id}"' for device in (CUFF, SCALE, METER))
    plan = Plan(
        more=f"[api]\nport = 0\n[kiosk]\ndevices = [{counter}]\nminutes = {minutes}"
        f"\nunattended_seconds = {unattended_s}",
        destination={"authorize_url": f"{space.base_url}/authorize"},
    )
    async with at_home(folder, space, time, plan) as home:
        for device in (CUFF, SCALE, METER, BATHROOM_SCALE):
            await home.hub.journal.describe(device)
            await home.hub.journal.adopt(device.id, device.driver)
        yield Screens(home, browser, time)
