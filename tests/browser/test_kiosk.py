"""The kiosk in a real browser: what is on the screen, and what is left of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from firmware_sims.health_space import HealthSpace
from selenium.webdriver.common.keys import Keys

from tests.browser.browser import Browser
from tests.browser.screens import Screens, screens_of
from tests.end_to_end.passing import Passing

LEFT = """
return Promise.all([caches.keys(), indexedDB.databases()]).then(([kept, databases]) => ({
  kept: kept.length, databases: databases.length, cookies: document.cookie,
  local: localStorage.length, session: sessionStorage.length, address: location.href,
}));
"""


async def turn(screens: Screens) -> Browser:
    """Let a person begin at the counter; some minutes pass."""
    browser = screens.browser
    await screens.enter("kiosk")
    await browser.press("Commencer")
    await browser.see("C'est à vous")
    screens.time.skip(120)
    return browser


async def turn_with_a_pressure(screens: Screens) -> Browser:
    """Let a person begin, and see the pressure that the cuff measured."""
    browser = await turn(screens)
    await screens.press_cuff(128, 82)
    await browser.see("128 / 82")
    return browser


async def test_readings_come_by_themselves_and_nothing_of_them_is_left_at_the_end(
    screens: Screens,
) -> None:
    browser = await turn_with_a_pressure(screens)
    await screens.weigh("72.4")
    await browser.see("72,4")
    barriers = await browser.barriers()

    await browser.press("Terminer et tout effacer")
    await browser.see("Tout effacer ?")
    await browser.press("Oui, tout effacer")
    await browser.see("Merci")
    goodbye = await browser.text()
    source = await browser.source()
    left = await browser.run(LEFT)
    await browser.back()
    await browser.back()
    before = await browser.source()

    assert barriers == []
    assert "2 mesures effacées" in goodbye
    for page in (source, before):
        assert not any(told in page for told in ("128", "72,4", "C'est à vous"))
    address = left.pop("address")
    assert address.endswith("/kiosk")
    assert left == {"kept": 0, "databases": 0, "cookies": "", "local": 0, "session": 0}
    assert await screens.home.readings() == []
    assert await browser.complaints() == []


async def test_a_double_tap_by_mistake_costs_nothing(screens: Screens) -> None:
    browser = await turn_with_a_pressure(screens)

    await browser.press_twice("Terminer et tout effacer")
    await browser.see("Tout effacer ?")
    await screens.weigh("72.4")  # it shows when they are back
    asked = await browser.text()
    barriers = await browser.barriers()
    await browser.press("Non, continuer")
    await browser.see("72,4")
    shown = await browser.text()
    screens.time.skip(530)

    assert "72,4" not in asked
    assert "128 / 82" in shown
    assert len(await screens.home.readings()) == 2
    assert barriers == []
    assert await browser.complaints() == []


async def test_a_hand_that_trembles_does_not_refuse_what_it_asked_for(screens: Screens) -> None:
    """On a screen of this size the second tap is where "Je n'accepte pas" has come by then."""
    browser = screens.browser
    await browser.size(1024, 768)
    await turn(screens)

    await browser.press_twice("Envoyer à Mon espace santé")
    await browser.see("Ce qui n'est jamais envoyé")
    await browser.press_twice("J'accepte")
    await browser.see("Envoi accepté")

    assert await browser.complaints() == []


async def test_the_language_of_one_turn_is_gone_from_the_screen_with_it(screens: Screens) -> None:
    browser = await turn(screens)
    told = "return [document.documentElement.lang, document.title]"
    await browser.press("English")
    await browser.see("It is your turn")
    theirs = await browser.run(told)

    screens.time.skip(480)
    await browser.see("Commencer")

    assert theirs == ["en", "Health kiosk"]
    assert await browser.run(told) == ["fr", "Kiosque santé"]
    assert await browser.complaints() == []


async def test_who_has_a_keyboard_alone_is_led_to_the_question_and_to_keep_first(
    screens: Screens,
) -> None:
    browser = await turn_with_a_pressure(screens)
    while await browser.tab() != "Terminer et tout effacer":
        pass
    await browser.key(Keys.ENTER)
    await browser.see("Tout effacer ?")

    led = await browser.run("return document.activeElement.innerText")
    order = [await browser.tab() for _ in range(3)]
    await browser.key(Keys.ENTER)
    await browser.see("Merci")

    assert led.replace("\N{NO-BREAK SPACE}", " ") == "Tout effacer ?"
    assert order == ["Non, continuer", "Garder mes mesures ici", "Oui, tout effacer"]
    assert await screens.home.readings() == []
    assert await browser.complaints() == []


async def test_who_opens_the_screen_anew_at_the_question_is_where_they_were_before_it(
    screens: Screens,
) -> None:
    browser = await turn_with_a_pressure(screens)
    await browser.press("Terminer et tout effacer")
    await browser.see("Tout effacer ?")

    await browser.open(await browser.url())
    await browser.see("128 / 82")
    kept = len(await screens.home.readings())
    await browser.press("Terminer et tout effacer")
    await browser.press("Oui, tout effacer")
    await browser.see("Merci")

    assert kept == 1
    assert await screens.home.readings() == []
    assert await browser.complaints() == []


async def test_who_asked_to_end_and_has_gone_leaves_nothing(screens: Screens) -> None:
    browser = await turn_with_a_pressure(screens)
    await browser.press("Terminer et tout effacer")
    await browser.see("Il reste moins d'une minute.")

    screens.time.skip(60)
    await browser.see("Commencer")

    assert "128" not in await browser.source()
    assert await screens.home.readings() == []


async def test_who_thinks_better_of_it_keeps_their_readings(screens: Screens) -> None:
    browser = await turn_with_a_pressure(screens)
    await browser.press("Terminer et tout effacer")
    await browser.press("Garder mes mesures ici")
    await browser.fill("Sous quel nom ?", "Camille")
    await browser.press("Garder")
    await browser.see("Votre nom et vos mesures restent")

    await browser.press("Terminer")
    await browser.see("Vos mesures restent gardées")

    assert len(await screens.home.readings()) == 1


async def test_a_screen_that_is_forgotten_shows_nothing_of_the_turn_any_more(
    screens: Screens,
) -> None:
    browser = await turn_with_a_pressure(screens)

    await screens.home.post("screens", "forget", role="kiosk")
    await browser.see("Ouvrir les écrans de ce boîtier")
    await browser.back()
    before = await browser.source()

    assert "128" not in before
    assert "/enter" in await browser.url()


async def test_a_new_reading_disturbs_nobody_who_types_and_the_next_opening_clears_the_screen(
    screens: Screens,
) -> None:
    browser = await turn(screens)
    await browser.fill("Sous quel nom ?", "Cam")
    await screens.weigh("72.4")
    await browser.see("72,4")
    await browser.key("ille")
    typed = await browser.run("return document.getElementById('called').value")

    await screens.home.post("kiosk", "open", devices=["serial:counter-scale"], opened_by="staff")
    await browser.lose("72,4")
    await browser.see("C'est à vous")  # in between the devices are free, for a moment
    source = await browser.source()

    assert typed == "Camille"
    assert await browser.run("return document.getElementById('called').value") == ""
    assert "72,4" not in source


async def test_at_its_limit_the_turn_is_gone_from_screen_and_journal(screens: Screens) -> None:
    browser = await turn(screens)
    await screens.prick(104)
    await browser.see("104")

    screens.time.skip(430)
    await screens.prick(99)
    await browser.see("Il reste moins d'une minute.")
    screens.time.skip(60)
    await browser.see("Commencer")

    assert "104" not in await browser.source()
    assert await screens.home.readings() == []


async def test_whoever_is_warned_that_time_runs_out_asks_for_more(screens: Screens) -> None:
    browser = await turn(screens)

    for passed_s, kg in ((430, "72.4"), (550, "72.6")):
        screens.time.skip(passed_s)
        await screens.weigh(kg)
        await browser.see("Il reste moins d'une minute.")
        barriers = await browser.barriers()
        await browser.open(await browser.url())  # a browser that was started anew
        announced = await browser.run("return document.title")
        await browser.press("Encore un moment")
        await browser.lose("Il reste moins d'une minute.")
    title = await browser.run("return document.title")
    screens.time.skip(60)
    await screens.weigh("72.5")

    await browser.see("72,5")
    shown = await browser.text()
    assert "72,4" in shown
    assert "72,6" in shown
    assert "Il reste moins d'une minute" in announced
    assert title == "Kiosque santé"
    assert barriers == []
    assert await browser.complaints() == []


async def test_a_turn_that_is_short_warns_of_its_end_as_late_as_the_hub_says(
    tmp_path: Path, space: HealthSpace, time: Passing, browser: Browser
) -> None:
    async with screens_of(tmp_path, space, time, browser, minutes=1) as screens:
        await screens.enter("kiosk")
        await browser.press("Commencer")
        await browser.see("C'est à vous")
        screens.time.skip(15)
        await screens.press_cuff(128, 82)
        await browser.see("128 / 82")

        begun = await browser.text()
        announces = await browser.run("return !document.querySelector('[role=status]').hidden")
        screens.time.skip(27)
        await screens.weigh("72.4")
        await browser.see("Il reste moins d'une minute.")

    assert "Il reste moins d'une minute." not in begun
    assert announces


async def test_more_time_takes_nobody_from_what_they_are_typing(screens: Screens) -> None:
    browser = await turn(screens)
    await browser.press("Envoyer à Mon espace santé")
    await browser.press("J'accepte")
    await browser.press("Me relier")
    await browser.fill("Code", "12")

    screens.time.skip(550)
    await screens.weigh("72.4")
    await browser.see("Il reste moins d'une minute.")
    barriers = await browser.barriers()
    await browser.press("Encore un moment")
    await browser.lose("Il reste moins d'une minute.")
    held = await browser.run("return document.activeElement.textContent")
    screens.time.skip(120)
    await screens.weigh("72.5")

    assert await browser.run("return document.getElementById('code').value") == "12"
    assert held == "Encore un moment"
    assert barriers == []
    await browser.press("Plus tard")
    await browser.see("72,5")


async def test_a_guest_consents_pairs_by_a_code_and_sees_the_reading_arrive(
    screens: Screens,
) -> None:
    browser = await turn(screens)
    await screens.weigh("72.4")
    await browser.press("Envoyer à Mon espace santé")
    await browser.see("Ce qui n'est jamais envoyé")
    barriers = await browser.barriers()
    await browser.press("J'accepte, avec les mesures déjà prises")
    await browser.press("Me relier")
    await browser.fill("Code", "0000")
    await browser.press("Relier")
    await browser.see("Ce code est faux")
    await browser.fill("Code", await screens.code_of("Camille"))
    await browser.press("Relier")

    await browser.see("Bien arrivée : Mon espace santé")

    assert barriers == []
    assert screens.home.space.person("Camille").counts.accepted == 1


async def test_a_screen_that_hears_nothing_more_from_the_hub_empties_itself(
    tmp_path: Path, space: HealthSpace, time: Passing, browser: Browser
) -> None:
    async with screens_of(tmp_path, space, time, browser) as screens:
        await turn(screens)
        await screens.weigh("72.4")
        await browser.see("72,4")
        before_s = asyncio.get_running_loop().time()
    stopping_s = asyncio.get_running_loop().time() - before_s

    await browser.see("L'écran attend le boîtier.")

    assert "72,4" not in await browser.source()
    assert stopping_s < 5, "an open screen kept the daemon from stopping"


async def test_without_scripts_too_it_is_announced_that_time_runs_out_and_more_is_given(
    screens: Screens,
) -> None:
    browser = screens.browser
    await browser.without_scripts()
    await screens.enter("kiosk")
    await browser.press("Commencer")
    await browser.see("Terminer et tout effacer")
    screens.time.skip(545)
    await browser.see("Il reste moins d'une minute.")
    await browser.key(Keys.ENTER)  # the answer has the focus
    await browser.lose("Il reste moins d'une minute.")
    screens.time.skip(500)
    await browser.press("Garder mes mesures ici")
    await browser.fill("Sous quel nom ?", "Camille")
    barriers = await browser.barriers()
    await browser.press("Garder")

    await browser.see("Votre nom et vos mesures restent")
    # The page comes anew by itself because no script can look; who is there asks for more time.
    assert [each for each in barriers if not each.startswith("meta-refresh:")] == []


async def test_it_works_without_scripts(screens: Screens) -> None:
    browser = screens.browser
    await browser.without_scripts()
    await screens.enter("kiosk")
    await browser.press("Commencer")
    await browser.see("Terminer et tout effacer")  # else the weighing may come before the turn
    screens.time.skip(120)
    await screens.weigh("72.4")
    await browser.see("72,4")

    await browser.press("Terminer et tout effacer")
    await browser.press("Non, continuer")
    await browser.see("72,4")
    await browser.press("Terminer et tout effacer")
    await browser.press("Oui, tout effacer")
    await browser.see("1 mesure effacée")

    assert "72,4" not in await browser.source()


async def test_without_scripts_too_who_asked_to_end_and_has_gone_leaves_nothing(
    screens: Screens,
) -> None:
    browser = screens.browser
    await browser.without_scripts()
    await screens.enter("kiosk")
    await browser.press("Commencer")
    await browser.see("Terminer et tout effacer")
    screens.time.skip(120)
    await screens.weigh("72.4")
    await browser.see("72,4")
    await browser.press("Terminer et tout effacer")
    await browser.see("Sans réponse, tout s'efface.")

    screens.time.skip(60)

    await browser.open(await browser.url())  # as it does by itself after a minute
    await browser.see("Commencer")
    assert await screens.home.readings() == []
