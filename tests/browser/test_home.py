"""The owner's page in a real browser, by mouse and by keyboard."""

from __future__ import annotations

from selenium.webdriver.common.keys import Keys

from tests.browser.screens import Screens
from tests.end_to_end.home import MARCEL, ODILE


async def test_the_owner_sees_where_readings_are_and_consents_with_the_keyboard(
    screens: Screens,
) -> None:
    home, browser = screens.home, screens.browser
    await home.welcome(ODILE)
    await home.welcome(MARCEL, consents=False)
    await home.weigh(ODILE)
    await home.weigh(MARCEL)
    await home.until(lambda: home.ways(ODILE))
    await home.hurry_until(lambda: screens.arrived(ODILE), step_s=1)
    await screens.enter("owner")
    await browser.see("Bien arrivée : Mon espace santé")
    shown = await browser.text()
    barriers = await browser.barriers()
    await browser.size(390, 844)
    overflow = await browser.run(
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )

    walked = [await browser.tab() for _ in range(3)]
    while "Donner mon accord" not in walked[-1]:
        walked.append(await browser.tab())
    await browser.key(Keys.ENTER)
    await browser.see("Ce qui n'est jamais envoyé")
    barriers += await browser.barriers()
    await browser.press("J'accepte")
    await browser.press("Retirer l'accord : Marcel, Mon espace santé")
    await browser.see("Plus rien ne part")
    barriers += await browser.barriers()

    assert "Gardée ici : pas d'accord pour Mon espace santé" in shown
    assert (barriers, overflow) == ([], 0)
    assert walked[:3] == ["Aller au contenu", "Mon boîtier santé", "English"]
    assert await browser.complaints() == []
    ledger = await home.get("consents", subject=home.people[MARCEL])
    assert [(line["entry"], line["living"]) for line in ledger] == [
        ("grant", False),
        ("withdrawal", False),
    ]


async def test_nothing_of_the_household_is_seen_where_the_access_was_closed(
    screens: Screens,
) -> None:
    home, browser = screens.home, screens.browser
    await home.welcome(ODILE, consents=False)
    await home.weigh(ODILE)
    await screens.enter("owner")
    await browser.see(ODILE)
    await browser.press("Ajouter un appareil")
    await browser.press("Revenir à l'accueil")
    await browser.press("Fermer l'accès sur ce navigateur")
    await browser.press("Fermer l'accès")
    await browser.see("Ouvrir les écrans de ce boîtier")
    for _ in range(3):
        await browser.back()
        assert ODILE not in await browser.source()

    await screens.enter("owner")
    await browser.see(ODILE)
    await home.post("screens", "forget", role="owner")
    await browser.see("Ouvrir les écrans de ce boîtier")

    assert ODILE not in await browser.source()


async def test_who_shares_a_scale_says_once_which_number_is_theirs(screens: Screens) -> None:
    home, browser = screens.home, screens.browser
    await home.welcome(MARCEL, consents=False)
    await screens.step_on("81.3", number="2")
    await screens.enter("owner")
    await browser.see("À qui sont ces mesures ?")

    await browser.fill("À qui ?", MARCEL)
    await browser.fill("Aussi les suivantes qui viennent de cet appareil avec le numéro 2", " ")
    await browser.press("Valider")
    await browser.lose("À qui sont ces mesures ?")
    screens.time.skip(3600)
    await screens.step_on("80.9", number="2")

    views = home.hub.reader.entries()
    assert [view.entry.subject for view in views] == 2 * [home.people[MARCEL]]
    assert await browser.complaints() == []


async def test_what_somebody_else_weighed_today_is_given_to_them_in_one_go(
    screens: Screens,
) -> None:
    home, browser = screens.home, screens.browser
    await home.welcome(MARCEL)
    await home.welcome(ODILE, consents=False)
    await home.weigh(MARCEL, 2)
    await home.hurry_until(lambda: screens.arrived(MARCEL), step_s=1)
    await screens.enter("owner")
    await browser.see(MARCEL)
    await browser.press("Son parcours")
    await browser.press("Plusieurs jours sont à une autre personne ?")
    await browser.see("Plusieurs jours à une autre personne")
    barriers = await browser.barriers()
    await browser.fill("Qui s'en est servi ?", ODILE)
    await browser.press("Continuer")
    await browser.see("2 mesures changent de personne.")
    told = await browser.text()
    barriers += await browser.barriers()
    await browser.press("Oui, c'est bien cela")
    await browser.see("2 mesures envoyées sont à corriger")

    views = home.hub.reader.entries()
    assert "Déjà parties vers" in told
    assert [view.entry.subject for view in views] == 2 * [home.people[ODILE]]
    assert (barriers, await browser.complaints()) == ([], [])
