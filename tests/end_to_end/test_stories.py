"""Stories of time and person, played by virtual devices before the real daemon.

What each device truly measured, and when, is in the simulators' ledger. Whatever the device's clock
said, the hub's time is right within what it states, and what it cannot know waits.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from firmware_sims.episodic import EpisodicDevice
from firmware_sims.health_space import HealthSpace
from firmware_sims.ledger import Kind, Ledger, Produced
from firmware_sims.scenario import parse
from firmware_sims.staging import Stage

from gateway.clock import HubClock
from tests.end_to_end.home import ODILE, Home, Json, Plan, at_home
from tests.end_to_end.passing import Passing

DRIVER = "bp_monitor/bluetooth_sig"
ADDRESS = "C4:00:00:00:00:01"
DEVICE = f"ble:{ADDRESS}"
HOUR = timedelta(hours=1)
PRESSURES = ("systolic", "diastolic")
SCENARIO = f"""
seed = 5
utc_offset_min = 60
[people.odile]
name = "Odile Marchand"
[[device]]
type = "bp_monitor"
name = "Cuff"
address = "{ADDRESS}"
person = "odile"
advertise_for_s = inf
idle_s = 0.5
settle_s = 0.05
"""


@dataclass
class Told:
    """A hub and a cuff, and what the cuff truly measured."""

    home: Home
    stage: Stage
    ledger: Ledger

    async def all_given(self) -> None:
        """Return once the cuff holds nothing any more and the hub shows it all.

        No time is skipped: it would pass between the cuff's telling the time and our hearing it.
        """
        await self.home.until(self._is_given)

    async def _is_given(self) -> bool:
        held = self.stage.devices["Cuff"].held
        return held == 0 and len(await self.home.readings()) == len(self.ledger.produced)

    async def days_pass(self, days: int) -> None:
        """Let the cuff hang up, and days go by."""
        await self.home.hurry_until(self._is_alone, step_s=1)
        self.home.time.skip(days * 86_400)

    async def _is_alone(self) -> bool:
        sessions: list[str] = (await self.home.get("status"))["sessions"]
        return sessions == []

    async def all_settled(self) -> None:
        """Return once the health space has all of it."""
        await self.home.hurry_until(self._is_settled, step_s=5)

    async def _is_settled(self) -> bool:
        return await self.home.states() == ["settled"] * len(self.ledger.produced)

    @property
    def cuff(self) -> EpisodicDevice:
        device = self.stage.devices["Cuff"]
        assert isinstance(device, EpisodicDevice)
        return device

    async def pairs(self) -> list[tuple[Produced, Json]]:
        """Return each true blood pressure with what the hub makes of it."""
        shown = [r for r in await self.home.readings() if r["kind"] == Kind.BLOOD_PRESSURE]
        true = [p for p in self.ledger.produced if p.kind is Kind.BLOOD_PRESSURE]
        assert len(shown) == len(true)
        return [(each, _of(each, shown)) for each in true]


def _of(true: Produced, shown: list[Json]) -> Json:
    """Find what the hub has of it: the same pressures, at a time that may be the true one."""
    return next(
        reading
        for reading in shown
        if all(reading["values"][name]["value"] == true.values[name] for name in PRESSURES)
        and _might_be(true, reading)
    )


def _might_be(true: Produced, reading: Json) -> bool:
    """Say whether the truth lies within what the hub states; without a statement it may."""
    if reading["uncertainty_s"] is None:
        return True
    at = datetime.fromisoformat(reading["measured_at"])
    doubt_s: float = reading["uncertainty_s"]
    return abs((at - true.measured_at).total_seconds()) <= doubt_s


@asynccontextmanager
async def told(more: str, folder: Path, space: HealthSpace, time: Passing) -> AsyncIterator[Told]:
    """Play a cuff of this scenario before a hub that Odile lives with."""
    ledger = Ledger()
    async with Stage(parse(SCENARIO + more), ledger=ledger, now=time.utc) as stage:
        hci = f"tcp-client:{await stage.radio.serve('127.0.0.1', 0)}"
        async with at_home(folder, space, time, Plan(hci=hci)) as home:
            await home.welcome(ODILE)
            await home.give(DEVICE, DRIVER, ODILE)
            yield Told(home, stage, ledger)


@pytest.mark.parametrize(
    "clock",
    [
        "clock_error_s = -10800",
        "clock_error_s = 31536000",
        "clock_moved_s = 3600\nclock_moved_h_ago = 5000",  # nobody set it back after summer
        "drift_ppm = 90",
        "battery_changed_h_ago = 200",  # it has said 2000 since before the first reading
    ],
)
async def test_a_wrong_clock_that_can_be_read_does_no_harm(
    clock: str, tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with told(f"stored = 3\n{clock}\n", tmp_path, space, time) as story:
        story.cuff.measure()

        await story.all_given()
        await story.all_settled()

        for true, reading in await story.pairs():
            assert reading["correction_reason"] == "measured_offset"
            assert _might_be(true, reading)


async def test_a_battery_changed_in_the_middle_of_a_memory(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with told("", tmp_path, space, time) as story:
        cuff = story.cuff
        cuff.measure()
        await story.all_given()  # the hub has seen the clock when it was right
        await story.days_pass(3)
        now = time.utc()
        cuff.measure(now - 30 * HOUR)
        cuff.clock.lost(now - 25 * HOUR)
        cuff.measure(now - 20 * HOUR)
        cuff.measure(now - 2 * HOUR)

        await story.all_given()
        await story.all_settled()

        by_time = sorted(await story.pairs(), key=lambda pair: pair[0].measured_at)
        reasons = [reading["correction_reason"] for _, reading in by_time]
        assert reasons == ["measured_offset", "earlier_offset", *["measured_offset"] * 2]
        assert all(reading["uncertainty_s"] < 60 for _, reading in by_time)


async def test_back_from_a_journey_a_reading_waits_rather_than_leaves_six_hours_off(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with told("", tmp_path, space, time) as story:
        cuff = story.cuff
        cuff.measure()
        await story.all_given()
        await story.days_pass(3)
        now = time.utc()
        cuff.clock.moved(now - 40 * HOUR, -6 * HOUR)
        cuff.measure(now - 30 * HOUR)

        await story.all_given()

        waiting = [r for r in await story.home.readings() if r["uncertainty_s"] > 3600]
        assert {r["correction_reason"] for r in waiting} == {"clock_changed"}
        await story.home.hurry_until(lambda: _are_withheld(story.home, len(waiting)), step_s=5)
        await story.pairs()


async def _are_withheld(home: Home, count: int) -> bool:
    return (await home.ways()).count(("withheld", "time_unknown")) == count


async def test_summer_time_ends_while_the_cuff_is_offline(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with told(
        "clock_moved_s = 3600\nclock_moved_h_ago = 5000", tmp_path, space, time
    ) as story:
        cuff = story.cuff
        cuff.measure()
        await story.all_given()
        await story.days_pass(3)
        now = time.utc()
        cuff.measure(now - 50 * HOUR)
        cuff.clock.moved(now - 30 * HOUR, -HOUR)  # its owner set it back, late
        cuff.measure(now - 10 * HOUR)

        await story.all_given()
        await story.all_settled()

        stated = {r["correction_reason"]: r["uncertainty_s"] for _, r in await story.pairs()}
        assert 3600 < stated["clock_changed"] < 3700


async def test_a_hub_that_does_not_know_the_time_keeps_what_comes_and_sends_it_when_it_does(
    tmp_path: Path, space: HealthSpace, time: Passing, monkeypatch: pytest.MonkeyPatch
) -> None:
    knows = False
    unsure = HubClock(time, lambda: knows)
    monkeypatch.setattr("gateway.app.daemon.hub_clock", lambda config, clock: unsure)
    async with told("stored = 2", tmp_path, space, time) as story:
        await story.all_given()
        reasons = {r["correction_reason"] for r in await story.home.readings()}
        left = space.person(ODILE).counts.accepted
        knows = True

        await story.all_settled()

        assert (reasons, left) == ({"hub_clock_unset"}, 0)
        for true, reading in await story.pairs():
            assert reading["earlier"][0]["correction_reason"] == "hub_clock_unset"
            assert _might_be(true, reading)


async def test_at_the_kiosk_what_the_cuff_held_before_is_not_the_guests(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    ledger = Ledger()
    async with Stage(parse(SCENARIO), ledger=ledger, now=time.utc) as stage:
        hci = f"tcp-client:{await stage.radio.serve('127.0.0.1', 0)}"
        async with at_home(tmp_path, space, time, Plan(hci=hci)) as home:
            story = Told(home, stage, ledger)
            story.cuff.measure(time.utc() - HOUR)  # of whoever came before, never collected
            await home.post("devices", "adopt", device=DEVICE, driver=DRIVER)
            turn = await home.post("kiosk", "open", devices=[DEVICE], minutes=60)
            time.skip(30)
            story.cuff.measure()

            await story.all_given()

            whose = {
                (true.measured_at > time.utc() - HOUR / 2): reading["subject"]
                for true, reading in await story.pairs()
            }
            assert whose == {False: None, True: turn["subject"]}
            ended = await home.post("kiosk", "close")
            assert ended["erased"] == 2
            assert {r["subject"] for r in await home.readings()} == {None}
            assert await asyncio.to_thread(lambda: home.hub.reader.subjects()) == []
