"""What a family lives through, with its phone at hand: devices, hub, health space and screens.

Each story compares what was truly measured, what the hub holds, what the health space was given,
and what the owner's page says of it in French.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from firmware_sims.health_space import Fault, HealthSpace
from firmware_sims.health_space import Kind as Trouble
from firmware_sims.health_space.faults import Operation
from firmware_sims.ledger import Ledger
from firmware_sims.scenario import parse
from firmware_sims.staging import Stage

from gateway.domain.identity import ReadingId, identity
from tests.api.hubs import JournalHub
from tests.end_to_end.home import ODILE, Home, Plan, a_health_space, at_home
from tests.end_to_end.passing import Passing
from tests.end_to_end.stories import off, told
from tests.web.window import Window

CUFF, ADDRESS = "ble:C4:00:00:00:00:01", "C4:00:00:00:00:01"
DRIVER = "bp_monitor/bluetooth_sig"
SCENARIO = f"""
seed = 71
utc_offset_min = 60
[people.odile]
name = "{ODILE}"
[people.nadia]
name = "Nadia"
[[device]]
type = "and_bp_monitor"
name = "A&D_UA-651BLE_000001"
address = "{ADDRESS}"
person = "odile"
pairing_mode = true
advertise_for_s = inf
idle_s = 0.5
settle_s = 0.05
"""


@dataclass
class Family:
    """A cuff, the hub, the health space and the mother's phone."""

    stage: Stage
    ledger: Ledger
    home: Home
    space: HealthSpace
    time: Passing
    phone: Window

    async def measure(self) -> None:
        """Let the cuff measure."""
        self.stage.devices["A&D_UA-651BLE_000001"].measure()

    async def is_heard(self) -> None:
        """Return once the hub holds all that was measured; no time is skipped in a conversation."""
        while not await self._holds_all():
            if not (await self.home.get("status"))["sessions"]:
                self.time.skip(1)
            await self.time.look_again()

    async def _holds_all(self) -> bool:
        kind = "blood_pressure"
        measured = [each for each in self.ledger.produced if each.kind == kind]
        held = [each for each in await self.home.readings() if each["kind"] == kind]
        return len(held) >= len(measured)


@asynccontextmanager
async def a_family(folder: Path, begins: datetime) -> AsyncIterator[Family]:
    time, ledger = Passing(begins), Ledger()
    async with (
        a_health_space(time) as space,
        Stage(parse(SCENARIO), ledger=ledger, now=time.utc) as stage,
    ):
        hci = f"tcp-client:{await stage.radio.serve('127.0.0.1', 0)}"
        async with at_home(folder, space, time, Plan(hci=hci)) as home:
            yield Family(stage, ledger, home, space, time, await a_phone(home, folder))


async def a_phone(home: Home, folder: Path) -> Window:
    """Let a browser in that shows the owner's page of a hub."""
    hub = cast(JournalHub, home.hub)
    hub.path = folder / "state" / "journal.db"
    phone = Window(hub)
    await phone.enter()
    return phone


async def test_a_cuff_that_was_sold_to_the_neighbour_keeps_what_she_measures(
    tmp_path: Path,
) -> None:
    async with a_family(tmp_path, datetime(2026, 10, 20, 8, tzinfo=UTC)) as family:
        odile = await family.home.welcome(ODILE)
        await family.home.give(CUFF, DRIVER, ODILE)
        await family.measure()
        await family.is_heard()
        held = len(await family.home.readings())

        asked = await family.phone.send("/devices/end/ask", device=CUFF, subject=odile)
        await family.phone.send("/devices/end", device=CUFF, subject=odile)
        family.time.skip(3 * 3600)
        await family.measure()
        seen_at = family.time.utc()
        await family.home.until(lambda: _is_seen_after(family, seen_at))
        family.time.skip(3600)
        await asyncio.sleep(0.5)
        home = await family.phone.get("/")

        assert "n'est plus lu, jusqu'à ce que quelqu'un l'ajoute de nouveau" in asked.text
        assert len(await family.home.readings()) == held
        assert "À qui sont ces mesures ?" not in home.text
        assert "Aucun appareil n'est relié." in home.text


async def _is_seen_after(family: Family, moment: datetime) -> bool:
    return any(seen["seen_at"] > moment.isoformat() for seen in await family.home.get("sightings"))


MOTHERS, FATHERS = "maman", "papa"
METER = "ble:C4:00:00:00:00:02"
TWO_HOMES = """
seed = 9
utc_offset_min = 120
[people.leo]
name = "Léo"
[[device]]
type = "glucose_meter"
name = "Meter"
address = "C4:00:00:00:00:02"
person = "leo"
stored = 3
stored_every_h = 8
advertise_for_s = inf
idle_s = 0.5
"""


@pytest.mark.parametrize(("consents", "there"), [((MOTHERS,), 1), ((MOTHERS, FATHERS), 2)])
async def test_what_a_child_measures_is_one_reading_at_both_homes_and_sent_by_who_consented(
    consents: tuple[str, ...], there: int, tmp_path: Path
) -> None:
    """The health space takes whatever it is sent, so only one of the two hubs should send."""
    time, ledger = Passing(datetime(2026, 7, 1, 8, tzinfo=UTC)), Ledger()
    names: list[set[ReadingId]] = []
    async with (
        a_health_space(time) as space,
        Stage(parse(TWO_HOMES), ledger=ledger, now=time.utc) as stage,
    ):
        for home_of in (MOTHERS, FATHERS):
            folder = tmp_path / home_of
            folder.mkdir()
            hci = f"tcp-client:{await stage.radio.serve('127.0.0.1', 0)}"
            async with at_home(folder, space, time, Plan(hci=hci)) as home:
                await home.welcome("Léo", consents=home_of in consents)
                await home.give(METER, "glucose_meter/bluetooth_sig", "Léo")
                await home.hurry_until(lambda: _has(home, len(ledger.produced)), step_s=1)
                await home.hurry_until(lambda: _is_decided(home), step_s=5)
                held = [view.entry.reading for view in home.hub.reader.entries()]
                names.append({identity(reading) for reading in held})
        accepted = space.person("Léo").counts.accepted

    assert names[0] == names[1]
    assert len(names[0]) == len(ledger.produced) == 3
    assert accepted == there * 3


CLINIC = """
[[destinations]]
type = "fhir"
name = "clinic"
base_url = "{url}/r4"
ca_file = "{ca}"
gateway = "{hub}"
patient_system = "urn:example:patients"
patients = {{ "{child}" = "leo" }}
"""


async def test_what_both_homes_send_to_a_clinic_is_there_once_and_either_can_take_it_back(
    tmp_path: Path,
) -> None:
    time, ledger = Passing(datetime(2026, 7, 1, 8, tzinfo=UTC)), Ledger()
    names: list[set[str]] = []
    async with (
        a_health_space(time) as space,
        Stage(parse(TWO_HOMES), ledger=ledger, now=time.utc) as stage,
    ):
        clinic = space.service.generic
        for home_of in (MOTHERS, FATHERS):
            folder = tmp_path / home_of
            folder.mkdir()
            async with at_home(folder, space, time, Plan()) as home:
                child = (await home.post("people", label="Léo"))["id"]
                other = (await home.post("people", label="Zoé"))["id"]
            more = CLINIC.format(url=space.base_url, ca=space.ca_path, hub=home_of, child=child)
            hci = f"tcp-client:{await stage.radio.serve('127.0.0.1', 0)}"
            async with at_home(folder, space, time, Plan(hci=hci, more=more)) as home:
                home.people["Léo"] = child
                await home.grant("Léo", to="clinic")
                await home.give(METER, "glucose_meter/bluetooth_sig", "Léo")
                if home_of == MOTHERS:  # whether it was taken in is not told, and asked for again
                    space.add_fault(
                        Fault(Trouble.RESET_AFTER_COMMIT, on=Operation.GENERIC, count=1)
                    )
                await home.hurry_until(lambda: _has(home, len(ledger.produced)), step_s=1)
                await home.hurry_until(lambda: _is_decided(home), step_s=5)
                held = await home.readings()
                names.append({each["id"] for each in held})
                if home_of == FATHERS:
                    there = len(clinic.observations())
                    await home.post("readings", held[0]["id"], "reassign", subject=other)
                    await home.hurry_until(lambda: _is_taken_back(space), step_s=5)

        left = [each["observation"] for each in clinic.observations()]

    assert names[0].isdisjoint(names[1])
    assert there == len(ledger.produced) == 3
    assert sorted(each["status"] for each in left) == ["entered-in-error", "final", "final"]
    assert [each["status"] for each in left if "valueQuantity" in each] == ["final", "final"]


async def _is_taken_back(space: HealthSpace) -> bool:
    statuses = {each["observation"]["status"] for each in space.service.generic.observations()}
    return "entered-in-error" in statuses


async def _has(home: Home, readings: int) -> bool:
    return len(await home.readings()) == readings


async def _is_decided(home: Home) -> bool:
    return set(await home.states()) <= {"settled", "withheld"}


JOURNEY = """
seed = 974
begins = 2026-12-19T08:00:00+01:00
utc_offset_min = 60
[people.odile]
name = "Odile"
[[device]]
type = "bp_monitor"
name = "Left as it was"
address = "C4:00:00:00:00:01"
person = "odile"
advertise_for_s = inf
idle_s = 0.5
settle_s = 0.05
happens = [
    { at_h = 0, what = "measured" },
    { at_h = 1, what = "left" },
    { at_h = 100, what = "measured" },
    { at_h = 311.98, what = "measured" },
    { at_h = 504, what = "returned" },
    { at_h = 504.1, what = "measured" },
]
"""
"""Three weeks on La Réunion, over New Year, with the hub at home."""


async def test_a_cuff_whose_clock_was_left_alone_comes_back_from_la_reunion_with_its_times(
    tmp_path: Path,
) -> None:
    (tmp_path / "journey.toml").write_text(JOURNEY)
    async with told(str(tmp_path / "journey"), tmp_path) as story:
        await story.play()
        await story.all_decided()
        pairs = await story.pairs()
        phone = await a_phone(story.home, tmp_path)
        home = await phone.get("/")
        all_of_them = await phone.send(
            "/readings", subject=story.home.people[ODILE], kind="blood_pressure"
        )

        assert [off(true, reading) < 5 for true, reading in pairs] == [True] * 4
        assert [reading["deliveries"][0]["state"] for _, reading in pairs] == ["settled"] * 4
        assert "le 1er janvier à 7 h 58" in home.text
        assert "le 23 décembre 2026 à 12 h 00" in home.text
        assert "le 19 décembre 2026 à 8 h 00" in all_of_them.text
        assert "Tout va bien." in home.text
