"""Stories of time and person, played by virtual devices before the real daemon.

Each is a scenario that the simulators ship. What each device truly measured, when and of whom, is
in the simulators' ledger. Whatever the device's clock said, the hub's time is right within what it
states, what it cannot know waits, and nobody is given another person's reading.
"""

import asyncio
from datetime import timedelta
from itertools import groupby
from pathlib import Path

import pytest

from gateway.clock import HubClock
from tests.end_to_end.home import MARCEL, ODILE, Home, Json
from tests.end_to_end.stories import off, told

HOUR = timedelta(hours=1)

STORIES = {
    "right_clock": {
        "Cuff": ["measured_offset"],
        "Scale": ["measured_offset"],
        "Meter": ["measured_offset"],
    },
    "wrong_clock": {
        "Three hours slow": ["measured_offset"],
        "A year ahead": ["measured_offset"],
        "In 1970": ["measured_offset"],
        "In 2094": ["measured_offset"],
        "Never set": ["reception_bad_clock"],
    },
    "drift": {
        "Cuff": ["measured_offset", "clock_changed"],
        "Meter": ["measured_offset", "clock_changed"],
    },
    "battery_change": {
        "Cuff": ["measured_offset", "earlier_offset", "measured_offset"],
        "Meter": ["measured_offset", "earlier_offset", "measured_offset"],
    },
    "battery_change_then_set": {
        "Cuff": ["measured_offset", "unknown, waits", "measured_offset"],
    },
    "autumn": {
        "Set back": ["measured_offset", "clock_changed"],
        "Left alone": ["measured_offset"],
    },
    "spring": {
        "Set forward": ["measured_offset", "clock_changed"],
        "Left alone": ["measured_offset"],
    },
    "journey": {
        "Cuff": ["measured_offset", "clock_changed, waits", "measured_offset"],
    },
    "sensors": {
        "In UTC": ["measured_offset"],
        "In New York": ["measured_offset"],
        "Start forgotten": ["measured_offset"],
        "Start rewritten": ["measured_offset"],
    },
    "no_clock": {
        "Now": ["reception"],
        "From its memory": ["unknown, waits"],
    },
}
"""By scenario and device, in order of true time: how the time was found, and whether it waits."""
PLAYED = {*STORIES, "whose", "kiosk"}
"""The scenarios that are played below."""


@pytest.mark.parametrize("name", STORIES)
async def test_a_story_is_told_as_it_was(name: str, tmp_path: Path) -> None:
    async with told(name, tmp_path) as story:
        await story.play()
        await story.all_decided()

        made: dict[str, list[str]] = {}
        for true, reading in await story.pairs():
            made.setdefault(story.name_of(true.device), []).append(_outcome(reading))
            if reading["uncertainty_s"] is not None:
                assert off(true, reading) <= reading["uncertainty_s"]
        assert {device: [each for each, _ in groupby(told)] for device, told in made.items()} == (
            STORIES[name]
        )


def _outcome(reading: Json) -> str:
    reason: str = reading["correction_reason"]
    held = [d for d in reading["deliveries"] if d["state"] == "withheld"]
    # Without a time nobody knows whose it is either: the gate looks at that first.
    why = "unclaimed" if reading["uncertainty_s"] is None else "time_unknown"
    assert all(delivery["reason"] == why for delivery in held)
    return f"{reason}, waits" if held else reason


async def test_people_half_a_kilogram_apart_a_guest_a_cat_and_swapped_buttons(
    tmp_path: Path,
) -> None:
    async with told("whose", tmp_path) as story:
        await story.all_given()
        cuff = f"ble:{next(s.address for s in story.scenario.devices if s.name == 'Cuff')}"
        swapped_at = (story.time.utc() + 24 * HOUR).isoformat()

        await story.play()
        await story.all_decided()  # the buttons were swapped, and nobody has told the hub yet
        for name, before, after in ((ODILE, "1", "2"), (MARCEL, "2", "1")):
            subject = story.home.people[name]
            swap = {"device": cuff, "subject": subject}
            await story.home.post("assignments", "end", **swap, slot=before, until=swapped_at)
            await story.home.post("assignments", **swap, slot=after, since=swapped_at)
        await story.all_decided()

        names = {subject: name for name, subject in story.home.people.items()}
        whose = [
            (true.person, names.get(reading["subject"])) for true, reading in await story.pairs()
        ]
        assert len(whose) == 9
        for truly, said in whose:
            assert said == (truly if truly in story.home.people else None)
        wrong = await story.home.get("corrections")
        assert {owed["wrong"] for owed in wrong} == {"person"}
        assert len(wrong) == 4  # two pressures, each with its pulse, in the other's record


async def test_a_hub_that_does_not_know_the_time_keeps_what_comes_and_sends_it_when_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    knows = False
    monkeypatch.setattr(
        "gateway.app.daemon.hub_clock", lambda config, clock: HubClock(clock, lambda: knows)
    )
    async with told("right_clock", tmp_path) as story:
        await story.all_given()
        reasons = {r["correction_reason"] for r in await story.home.readings()}
        left = story.home.space.person(ODILE).counts.accepted
        knows = True

        await story.home.hurry_until(lambda: _is_timed(story.home), step_s=5)
        await story.all_decided()

        assert (reasons, left) == ({"hub_clock_unset"}, 0)
        for true, reading in await story.pairs():
            assert reading["earlier"][0]["correction_reason"] == "hub_clock_unset"
            assert off(true, reading) <= reading["uncertainty_s"]


async def _is_timed(home: Home) -> bool:
    return all(r["correction_reason"] != "hub_clock_unset" for r in await home.readings())


async def test_at_the_kiosk_what_the_cuff_held_before_is_not_the_guests(tmp_path: Path) -> None:
    async with told("kiosk", tmp_path, assigns=False) as story:
        (spec,) = story.scenario.devices
        turn = await story.home.post("kiosk", "open", devices=[f"ble:{spec.address}"], minutes=60)
        await story.play()

        whose = [(true.person, reading["subject"]) for true, reading in await story.pairs()]
        assert whose == [(MARCEL, None), (ODILE, turn["subject"])]
        ended = await story.home.post("kiosk", "close")
        assert ended["erased"] == 2
        assert {r["subject"] for r in await story.home.readings()} == {None}
        assert await asyncio.to_thread(lambda: story.home.hub.reader.subjects()) == []
