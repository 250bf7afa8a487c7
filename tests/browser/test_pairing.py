"""Pairing in a real browser: to the health space and back."""

from __future__ import annotations

from tests.browser.screens import Screens
from tests.end_to_end.home import ODILE


async def begin(screens: Screens) -> None:
    await screens.browser.press(f"Relier : {ODILE}, Mon espace santé")
    await screens.browser.press("Continuer vers Mon espace santé")


async def test_a_person_signs_in_there_and_comes_back_paired(screens: Screens) -> None:
    home, browser = screens.home, screens.browser
    home.people[ODILE] = (await home.post("people", label=ODILE))["id"]
    screens.home.space.add_person(ODILE)
    await home.grant(ODILE)
    await home.weigh(ODILE)
    await screens.enter("owner")
    await begin(screens)
    await browser.press("Refuse")
    await browser.see("Vous avez choisi de ne pas autoriser ce boîtier")
    barriers = await browser.barriers()
    await browser.press("Recommencer depuis l'accueil")
    await begin(screens)
    await browser.press(f"Approve as {ODILE}")
    await browser.see("C'est relié")
    address = await browser.url()
    barriers += await browser.barriers()
    await browser.press("Revenir à l'accueil")

    await browser.see("Relié")
    await home.hurry_until(lambda: screens.arrived(ODILE), step_s=1)

    assert address.endswith("/pairing/back")
    assert barriers == []
    assert screens.home.space.person(ODILE).counts.accepted == 1
    assert [c for c in await browser.complaints() if "/pairing" in c or "Security" in c] == []


async def test_a_person_signs_in_on_a_telephone_and_types_the_code(screens: Screens) -> None:
    home, browser = screens.home, screens.browser
    home.people[ODILE] = (await home.post("people", label=ODILE))["id"]
    screens.home.space.add_person(ODILE)
    await screens.enter("owner")
    await browser.press(f"Relier : {ODILE}, Mon espace santé")
    await browser.press("Adresse à ouvrir")
    address = await browser.run("return document.querySelector('.address').textContent.trim()")

    await browser.in_another_tab(address)
    await browser.press(f"Approve as {ODILE}")
    await browser.see("Your code")
    code = await browser.run("return document.querySelector('code').textContent")
    await browser.first_tab()
    await browser.fill("Code", code)
    await browser.press("Relier")

    await browser.see("C'est relié")
    assert await browser.barriers() == []
