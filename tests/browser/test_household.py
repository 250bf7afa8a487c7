"""A household sets itself up in a real browser, from an empty hub to the first reading."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from firmware_sims.health_space import HealthSpace
from firmware_sims.port import Port

from gateway.api import people
from gateway.api.hub import Hub
from gateway.domain.subject import Subject
from tests.browser.browser import Browser
from tests.browser.screens import Screens
from tests.end_to_end.home import Plan, at_home
from tests.end_to_end.passing import Passing
from tests.end_to_end.test_serial_ports import SCALE, is_listened_to, weighing


async def test_a_scale_is_plugged_in_shows_by_itself_and_is_given_to_somebody(
    tmp_path: Path, space: HealthSpace, time: Passing, browser: Browser
) -> None:
    link = tmp_path / "bathroom"
    plan = Plan(ports={"counter": (link, SCALE)}, more="[api]\nport = 0")
    async with at_home(tmp_path, space, time, plan) as home:
        screens = Screens(home, browser, time)
        await screens.enter("owner")
        await browser.press("Ajouter un appareil")
        await browser.see("Rien en vue pour l'instant")
        barriers = await browser.barriers()
        with Port(link) as port:
            time.skip(60)
            await browser.see("Balance")
            barriers += await browser.barriers()
            await browser.press("Ajouter : Balance")
            await browser.see("À qui sont les mesures")
            barriers += await browser.barriers()
            await browser.fill("Votre prénom", "Odile")
            await browser.press("Ajouter")
            await browser.see("à Odile")
            await is_listened_to(home, port)
            await port.send(weighing("64.5"))
            await home.until(home.readings)
            await browser.open(await browser.url())
            await browser.see("64,5 kg")
            await browser.press("Tout effacer : Odile")
            barriers += await browser.barriers()
            await browser.press("Ne rien effacer")
            await browser.see("64,5 kg")
            complaints = await browser.complaints()

    assert (barriers, complaints) == ([], [])


async def test_whoever_presses_twice_on_a_slow_hub_adds_one_person_and_not_two(
    screens: Screens, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slowly(hub: Hub, new: people.NewPerson) -> Subject:
        await asyncio.sleep(1)
        return await add(hub, new)

    add = people.add_person
    monkeypatch.setattr(people, "add_person", slowly)
    home, browser = screens.home, screens.browser
    await screens.enter("owner")
    await browser.press("Ajouter un appareil")
    await browser.press("Ajouter : Imaginary Scale 4")
    await browser.fill("Votre prénom", "Odile")

    await browser.run(
        "const add = document.querySelector('button.main');"
        "add.click(); setTimeout(() => add.click(), 100)"
    )
    await browser.see("Odile")

    assert [each["label"] for each in await home.get("people")] == ["Odile"]
    assert (await browser.text()).count("N'est plus à Odile") == 1
    assert await browser.complaints() == []
