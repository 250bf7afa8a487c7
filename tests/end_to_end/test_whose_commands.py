"""Whose a reading is, said at the terminal: with a daemon and without one, on a real journal."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from firmware_sims.health_space import HealthSpace

from gateway.clock import Instant
from gateway.domain.device import Device, DeviceId
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Measure, Reading
from tests.end_to_end.home import MARCEL, ODILE, Home, Json, Plan, a_health_space, at_home
from tests.end_to_end.passing import Passing
from tests.end_to_end.test_command import assert_refused, here

SCALE = Device(
    id=DeviceId("serial:bathroom"), driver="scale/tanita", manufacturer="Imaginary", serial="SN-1"
)
RUNNING = pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])


@dataclass
class Household:
    """Two people, a scale that measures neither of them yet, and the weighings it gave."""

    home: Home
    weighed: int = 0

    async def weigh(self, kilograms: str) -> str:
        """Let the scale give a weighing; return its id."""
        self.weighed += 1
        at = self.home.time.now()
        reading = Reading(
            device=SCALE.id,
            kind=Kind.WEIGHT,
            values={Measure.WEIGHT: Quantity(value=Decimal(kilograms), unit=Unit.KILOGRAM)},
            received=Instant(at.utc, at.monotonic, at.boot_id),
            record=f"seq:{self.weighed}",
        )
        (entry,) = await self.home.hub.journal.record(SCALE, [reading])
        return str(entry.id)

    async def shown(self, reading: str) -> Json:
        listed = json.loads((await here(self.home, "journal", "--json")).output)
        return next(each for each in listed if each["id"] == reading)


@asynccontextmanager
async def a_household(folder: Path, space: HealthSpace, time: Passing) -> AsyncIterator[Household]:
    async with at_home(folder, space, time, Plan()) as home:
        for name in (ODILE, MARCEL):
            await home.welcome(name)
        await home.hub.journal.adopt(SCALE.id, SCALE.driver)
        yield Household(home)


@RUNNING
async def test_a_reading_is_claimed_given_to_another_and_set_apart(
    running: bool, tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_household(tmp_path, space, time) as household:
        home, reading = household.home, await household.weigh("64.5")
        steps = [
            (("journal",), "nobody"),
            (("claim", reading, ODILE), "Claimed."),
            (("reassign", reading, MARCEL), "Reassigned. See 'corrections'"),
            (("dismiss", reading), "Dismissed: it is kept, and never sent."),
            (("claim", reading, MARCEL), "Claimed."),
            (("corrections",), "(none)"),  # nothing had been sent
        ]
        if running:
            await home.withdraw(ODILE)  # else a daemon would send it in between
            await home.withdraw(MARCEL)
            done = [(await here(home, *step), word) for step, word in steps]
            whose = (await household.shown(reading))["subject"]
    if not running:
        done = [(await here(home, *step), word) for step, word in steps]
        whose = (await household.shown(reading))["subject"]

    for ran, word in done:
        assert (ran.status, ran.error) == (0, "")
        assert word in ran.output
    assert whose == home.people[MARCEL]


async def test_what_makes_no_sense_is_refused_in_a_sentence(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_household(tmp_path, space, time) as household:
        home, reading = household.home, await household.weigh("64.5")
        nobodys = await here(home, "reassign", reading, ODILE)
        await here(home, "claim", reading, ODILE)
        taken = await here(home, "claim", reading, MARCEL)
        unknown = await here(home, "dismiss", "0" * 32)
        stranger = await here(home, "claim", reading, "Nadia")
        not_measured = await here(home, "unassign", SCALE.id, ODILE)
        no_correction = await here(home, "corrections", "done", "7")
        nobodys_turn = await here(home, "kiosk", "keep", "Nadia")

    assert_refused(nobodys, "that entry is nobody's yet: claim it instead")
    assert_refused(taken, "that entry is already another person's: reassign it instead")
    assert_refused(unknown, "the journal has no such entry")
    assert_refused(
        stranger, "There is no such person here: see 'people list', or add one with 'people add'."
    )
    assert_refused(
        not_measured,
        "The device does not measure them, or not with that user number: see 'devices'.",
    )
    assert_refused(no_correction, "there is no such correction owed")
    assert_refused(nobodys_turn, "no session is open at the kiosk")


@RUNNING
async def test_a_scale_changes_hands(
    running: bool, tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_household(tmp_path, space, time) as household:
        home = household.home
        steps = [
            (("assign", SCALE.id, ODILE, "--since", "90d"), "measures them, since: "),
            (("unassign", SCALE.id, ODILE, "--since", "30d"), "measures them no more, since: "),
            (("assign", SCALE.id, MARCEL, "--since", "30d", "--json"), home.people[MARCEL]),
        ]
        if running:
            done = [(await here(home, *step), word) for step, word in steps]
            reading = await household.weigh("86.0")
            whose = (await household.shown(reading))["subject"]
    if not running:
        done = [(await here(home, *step), word) for step, word in steps]
        whose = home.people[MARCEL]

    for ran, word in done:
        assert (ran.status, ran.error) == (0, "")
        assert word in ran.output
    assert whose == home.people[MARCEL]


@RUNNING
async def test_what_somebody_else_weighed_for_two_days_becomes_theirs_in_one_go(
    running: bool, tmp_path: Path
) -> None:
    time, days = Passing(datetime.now(UTC) - timedelta(days=10)), []
    async with a_health_space(time) as space, a_household(tmp_path, space, time) as household:
        home = household.home
        await home.give(SCALE.id, SCALE.driver, ODILE)
        for kilograms in ("64.5", "86.0", "86.2", "64.7"):
            days.append((time.utc() - timedelta(hours=1)).isoformat())
            await household.weigh(kilograms)
            time.skip(86400)
        await home.hurry_until(lambda: _all_are_sent(home), step_s=5)
        hers = ("reassign-period", SCALE.id, MARCEL, "--since", days[1], "--until", days[3])
        again = ("reassign-period", SCALE.id, ODILE, "--since", days[2], "--until", days[3])
        done = [await here(home, *each, "--yes") for each in (hers, again)] if running else []
        whose = [each["subject"] for each in await home.readings()]
    if not running:
        asked = await here(home, *hers, given=b"n\n")
        done = [await here(home, *each, "--yes") for each in (hers, again)]
        whose = [each["subject"] for each in await listed(home)]
        assert asked.status != 0
        assert "2 readings become theirs." in done[0].output  # for nothing was done before

    assert [(each.status, each.error) for each in done] == [(0, "")] * 2
    assert "2 readings become theirs." in done[0].output
    assert "Already sent to Mon espace santé: 2." in done[0].output
    assert "1 reading becomes theirs." in done[1].output
    odile, marcel = home.people[ODILE], home.people[MARCEL]
    assert whose == [odile, odile, marcel, odile]


@pytest.mark.parametrize(
    "period",
    [
        ("--since", "3d", "--until", "5d"),
        ("--since", "2d", "--until", "2999-01-01T00:00"),
    ],
)
async def test_only_of_a_period_that_is_over_it_can_be_said_whose_it_was(
    period: tuple[str, ...], tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_household(tmp_path, space, time) as household:
        ran = await here(household.home, "reassign-period", SCALE.id, ODILE, *period, "--yes")

    assert_refused(ran, "That is no period that is over: say from when to when, now at the latest.")


async def listed(home: Home) -> list[Json]:
    return list(json.loads((await here(home, "journal", "--json")).output))


async def _all_are_sent(home: Home) -> bool:
    return set(await home.states()) == {"settled"}


async def test_a_weight_suggests_whose_it_may_be_and_decides_nothing(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_household(tmp_path, space, time) as household:
        home = household.home
        for kilograms, name in (("64.5", ODILE), ("86.0", MARCEL)):
            await here(home, "claim", await household.weigh(kilograms), name)
        hers, the_cats = await household.weigh("64.8"), await household.weigh("4.6")
        listed = await here(home, "journal")
        suggested = (await household.shown(hers))["suggestion"]

        assert (await household.shown(hers))["subject"] is None
        assert suggested["subject"] == home.people[ODILE]
        assert (await household.shown(the_cats))["suggestion"] is None
        assert f"nobody; perhaps {ODILE}" in listed.output


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "fr",
            [
                "Attribuée à une autre personne.",
                "Écartée\N{NO-BREAK SPACE}: elle n'est à personne d'ici.",
            ],
        ),
        ("en", ["Attributed to another person.", "Set apart: it is nobody's here."]),
    ],
)
async def test_what_was_sent_wrongly_is_a_task_and_the_trace_tells_of_it(
    language: str, words: list[str], tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_household(tmp_path, space, time) as household:
        home, reading = household.home, await household.weigh("64.5")
        await here(home, "claim", reading, ODILE)
        await home.hurry_until(lambda: _is_sent(home), step_s=5)
        await here(home, "reassign", reading, MARCEL)
        await home.hurry_until(lambda: _is_sent(home), step_s=5)
        await here(home, "dismiss", reading)

        shown = await here(home, "corrections")
        listed = json.loads((await here(home, "corrections", "--json")).output)
        for owed in listed:
            await here(home, "corrections", "done", str(owed["number"]))
        left = json.loads((await here(home, "corrections", "--json")).output)
        traced = await here(home, "trace", reading, "--language", language)

    assert [(owed["wrong"], owed["by"]) for owed in listed] == [("person", "person")] * 2
    assert {owed["subject"] for owed in listed} == set(home.people.values())
    assert "whose it is" in shown.output
    assert left == []
    assert all(word in traced.output for word in words)
    rectified = {"fr": "Rectifiée chez Mon espace santé.", "en": "Put right at Mon espace santé."}[
        language
    ]
    assert traced.output.count(rectified) == 2


async def _is_sent(home: Home) -> bool:
    return "settled" in await home.states()


@RUNNING
async def test_a_turn_at_the_kiosk_from_the_terminal(
    running: bool, tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_household(tmp_path, space, time) as household:
        home = household.home
        steps = [
            (("kiosk",), "Nobody's turn."),
            (
                ("kiosk", "open", SCALE.id, "--minutes", "5", "--staff"),
                "The turn of a guest has begun",
            ),
            (("kiosk",), "The turn of a guest, until "),
            (("kiosk", "prolong", "--minutes", "20"), "The turn lasts until "),
            (("kiosk", "keep", "Nadia"), "They stay when their turn ends."),
            (("kiosk", "close"), "The turn has ended."),
            (("kiosk", "open", SCALE.id), "The turn of a guest has begun"),
            (("kiosk", "open", SCALE.id, "--person", ODILE), f"The turn of {ODILE} has begun"),
            (("kiosk", "close"), "The turn has ended."),
            (("kiosk", "close"), "Nobody's turn."),
            (("people", "list"), "Nadia"),
        ]
        if running:
            done = [(await here(home, *step), word) for step, word in steps]
    if not running:
        done = [(await here(home, *step), word) for step, word in steps]

    for ran, word in done:
        assert (ran.status, ran.error) == (0, "")
        assert word in ran.output
