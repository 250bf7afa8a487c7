"""Plays a shipped scenario before the real daemon, and compares what the hub makes of it.

What each device truly measured, when and of whom, is in the simulators' ledger; the hub knows only
what came over the radio.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from firmware_sims.ledger import Kind, Ledger, Produced
from firmware_sims.scenario import Scenario, load
from firmware_sims.staging import Stage

from tests.end_to_end.home import Home, Json, Plan, a_health_space, at_home
from tests.end_to_end.passing import Passing

DRIVERS = {
    "bp_monitor": "bp_monitor/bluetooth_sig",
    "scale": "scale/bluetooth_sig",
    "glucose_meter": "glucose_meter/bluetooth_sig",
    "cgm": "cgm/bluetooth_sig",
}
_TELLING = {
    Kind.BLOOD_PRESSURE: ("systolic", "diastolic"),
    Kind.WEIGHT: ("weight",),
    Kind.BLOOD_GLUCOSE: ("glucose",),
    Kind.INTERSTITIAL_GLUCOSE: ("glucose",),
}
"""What a reading is known by; a pulse comes with its pressure, and is not looked at apart."""


@dataclass
class Told:
    """A hub, the devices of a scenario, and what they truly measured."""

    scenario: Scenario
    home: Home
    stage: Stage
    ledger: Ledger
    time: Passing

    async def play(self) -> None:
        """Let the whole story happen, and the hub meet every device that is there."""
        await self.all_given()
        while (at := self.stage.next_at) is not None:
            self.time.skip(max(0.0, (at - self.time.utc()).total_seconds()))
            await self.stage.catch_up()
            if not self.stage.away:
                await self.all_given()

    async def all_given(self) -> None:
        """Return once the hub shows all that was measured.

        Time is skipped only while no device that owes something is in conversation: it would pass
        between its telling the time and our hearing it.
        """
        while owing := await self._owing():
            talking = (await self.home.get("status"))["sessions"]
            if not owing & set(talking):
                self.time.skip(0.5)
            await self.time.look_again()

    async def _owing(self) -> set[str]:
        """Return the devices of which the hub shows less than they measured."""
        true = Counter((f"ble:{each.device}", each.kind.value) for each in self.ledger.produced)
        shown = Counter((r["device"], r["kind"]) for r in await self.home.readings())
        return {device for device, _ in true - shown}

    async def all_decided(self) -> None:
        """Return once the health space has whatever may go there, and the rest is held back."""
        await self.home.hurry_until(self._is_decided, step_s=5)

    async def _is_decided(self) -> bool:
        return set(await self.home.states()) <= {"settled", "withheld"}

    async def pairs(self) -> list[tuple[Produced, Json]]:
        """Return each true measurement with what the hub shows of it, in order of truth."""
        left = await self.home.readings()
        found = []
        for true in sorted(self.ledger.produced, key=lambda each: each.measured_at):
            if true.kind in _TELLING:
                shown = min(_same(true, left), key=lambda reading: _unlikely(true, reading))
                left.remove(shown)
                found.append((true, shown))
        return found

    def name_of(self, device: str) -> str:
        """Return what the scenario calls a device, by the hub's id or its address."""
        address = device.removeprefix("ble:")
        return next(spec.name for spec in self.scenario.devices if spec.address == address)


def _same(true: Produced, readings: list[Json]) -> Iterator[Json]:
    """Yield the readings that say the same of the same device."""
    for reading in readings:
        if reading["device"] == f"ble:{true.device}" and reading["kind"] == true.kind:
            values = reading["values"]
            if "range" in true.values:
                if reading["limit"] == {"low": "below", "high": "above"}[true.values["range"]]:
                    yield reading
            elif all(
                name in values and Decimal(values[name]["value"]) == Decimal(true.values[name])
                for name in _TELLING[true.kind]
            ):
                yield reading


def off(true: Produced, reading: Json) -> float:
    """Return how far the hub's time is from the true one, in seconds."""
    return abs((datetime.fromisoformat(reading["measured_at"]) - true.measured_at).total_seconds())


def _unlikely(true: Produced, reading: Json) -> tuple[int, float]:
    """Tell readings of the same numbers apart: what holds the truth, then what claims no time."""
    distance, doubt = off(true, reading), reading["uncertainty_s"]
    holds = doubt is not None and distance <= doubt
    return (0 if holds else 1 if doubt is None else 2), distance


@asynccontextmanager
async def told(name: str, folder: Path, *, assigns: bool = True) -> AsyncIterator[Told]:
    """Put the devices of a shipped scenario before a hub that knows them and their people.

    Without `assigns` it knows the devices alone, as at a counter.
    """
    scenario = load(Path(f"{name}.toml"))
    time = Passing(scenario.begins)
    ledger = Ledger()
    async with (
        a_health_space(time) as space,
        Stage(scenario, ledger=ledger, now=time.utc) as stage,
    ):
        hci = f"tcp-client:{await stage.radio.serve('127.0.0.1', 0)}"
        async with at_home(folder, space, time, Plan(hci=hci)) as home:
            if assigns:
                await _introduce(scenario, home)
            for spec in scenario.devices:
                driver = DRIVERS[spec.type]
                await home.post("devices", "adopt", device=f"ble:{spec.address}", driver=driver)
            yield Told(scenario, home, stage, ledger, time)


async def _introduce(scenario: Scenario, home: Home) -> None:
    """Say who lives here and whom each device measures, in time for its first reading."""
    for key in sorted({person for spec in scenario.devices for person in spec.users.values()}):
        await home.welcome(scenario.people[key].name)
    for spec in scenario.devices:
        for slot, key in spec.users.items():
            name = scenario.people[key].name
            await home.give(f"ble:{spec.address}", DRIVERS[spec.type], name, slot=slot)
