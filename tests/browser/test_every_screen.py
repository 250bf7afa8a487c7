"""Every screen, light and dark, small, magnified and large: nothing runs over its edge, in large
letters neither, axe finds no barrier, and what is to be pressed is large enough.

320 pixels are what is left of 1280 at a zoom of 400 % (WCAG 2.2, 1.4.10); 24 of height and width
are the least to press (2.5.8).
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from selenium.webdriver.common.keys import Keys

from gateway.domain.device import Device, DeviceId
from gateway.domain.subject import SubjectId
from tests.browser.browser import Browser
from tests.browser.screens import BATHROOM_SCALE, Screens
from tests.end_to_end.home import MARCEL, ODILE

SIZES = ((320, 640), (640, 400), (1280, 800))
SPACED = """
for (const each of document.querySelectorAll("body, body *")) {
  Object.assign(each.style, { lineHeight: "1.5", letterSpacing: "0.12em", wordSpacing: "0.16em" });
}
"""
"""As far apart as whoever reads with difficulty may have it (WCAG 2.2, 1.4.12)."""
TWICE_AS_LARGE = "document.documentElement.style.fontSize = '225%'"
"""Letters twice their size (WCAG 2.2, 1.4.4): our pages begin with 112.5 %."""
AS_BEFORE = "document.querySelectorAll('*').forEach((it) => it.removeAttribute('style'))"
# What is called starts with what it says, for whoever speaks to their machine (2.5.3).
FAULTS = """
const edge = document.documentElement.clientWidth;
const shown = (each) => each.getClientRects().length > 0 && each.type !== "hidden";
const pressed = [...document.querySelectorAll("button, a, input, select, summary")].filter(shown);
const small = pressed.filter((each) => {
  const box = (each.closest("label") ?? each).getBoundingClientRect();
  return !each.classList.contains("skip") && (box.width < 24 || box.height < 24);
});
const touching = pressed.filter((each) => each.matches("button:not(.quiet), .button:not(.quiet)"))
  .filter((each, at, all) => each.innerText && all.slice(0, at).some((other) => {
    const [one, two] = [each, other].map((it) => it.getBoundingClientRect());
    return one.left < two.right + 4 && two.left < one.right + 4
      && one.top < two.bottom + 4 && two.top < one.bottom + 4;
  }));
const beyond = [...document.querySelectorAll("main *")].filter((each) =>
  each.getBoundingClientRect().right > edge && !each.closest(".unseen"));
const broken = [];
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  for (const word of texts.currentNode.data.matchAll(/[^\\s-]{1,20}(?![^\\s-])/g)) {
    const range = document.createRange();
    range.setStart(texts.currentNode, word.index);
    range.setEnd(texts.currentNode, word.index + word[0].length);
    const lines = new Set([...range.getClientRects()].map((each) => Math.round(each.top)));
    if (lines.size > 1 && !/\\S{21}/.test(texts.currentNode.data)) {
      broken.push("is broken in two: " + word[0]);
    }
  }
}
return [
  ...[...document.querySelectorAll(".number")].filter((each) => each.getClientRects().length > 1)
    .map((each) => "is broken in two: " + each.innerText),
  ...broken,
  ...beyond.map((each) => "runs over the edge: " + each.outerHTML.slice(0, 120)),
  document.documentElement.scrollWidth > edge ? "runs over the edge" : "",
  document.querySelectorAll("h1").length === 1 ? "" : "has not one heading",
  document.title && document.documentElement.lang === "fr" ? "" : "has no title or language",
  ...pressed.filter((each) => each.ariaLabel && !each.ariaLabel.startsWith(each.innerText.trim()))
    .map((each) => "is called otherwise than it says: " + each.ariaLabel),
  ...small.map((each) => "is too small to press: " + each.outerHTML),
  ...touching.map((each) => "touches another: " + each.innerText),
].filter((fault) => fault);
"""


async def faults(browser: Browser) -> list[str]:
    """Return what is wrong with the screen that is shown, in any size."""
    await browser.dark(True)
    found = [f"dark: {barrier}" for barrier in await browser.barriers()]
    await browser.dark(False)
    found += await browser.barriers()
    for width, height in SIZES:
        await browser.size(width, height)
        found += [f"{width} x {height}: {fault}" for fault in await browser.run(FAULTS)]
    await browser.size(*SIZES[0])
    await browser.run(SPACED)
    found += [f"spaced: {fault}" for fault in await browser.run(FAULTS)]
    await browser.run(AS_BEFORE)
    await browser.run(TWICE_AS_LARGE)
    large = await browser.run(FAULTS)
    found += [f"twice as large: {fault}" for fault in large if "over the edge" in fault]
    await browser.run(AS_BEFORE)
    await browser.size(*SIZES[-1])
    return found


async def test_the_screens_of_the_owner(screens: Screens) -> None:
    home, browser = screens.home, screens.browser
    found: dict[str, list[str]] = {}
    await browser.open(await screens.invited("owner"))
    await browser.see("Ouvrir les écrans de ce boîtier")
    found["entrance"] = await faults(browser)
    await browser.press("Ouvrir")
    await browser.see("Personne n'est encore inscrit")
    found["nobody yet"] = await faults(browser)
    await home.welcome(ODILE)
    await home.welcome(MARCEL, consents=False)
    for name in (ODILE, MARCEL):
        await home.weigh(name)
    await screens.press_cuff(128, 82)  # nobody's
    await screens.step_on("81.3", number="2")
    await home.hurry_until(lambda: screens.arrived(ODILE), step_s=1)
    await browser.press("Mon boîtier santé")
    await browser.see("À qui sont ces mesures ?")
    await browser.see("avec le numéro 2")
    await browser.press("Un appareil perdu, vendu ou prêté ?")
    found["home"] = await faults(browser)
    await browser.press("Fermer l'accès sur ce navigateur")
    await browser.see("un nouveau code")
    found["leaving"] = await faults(browser)
    await browser.press("Ne pas fermer")
    await browser.press("Un appareil perdu, vendu ou prêté ?")
    await browser.press("Fermer l'accès sur tous les autres navigateurs")
    await browser.see("L'accès est fermé sur tous")
    found["forgotten"] = await faults(browser)
    await browser.press("Revenir à l'accueil")
    await browser.press("Ajouter un appareil")
    found["devices"] = await faults(browser)
    await browser.press("Revenir à l'accueil")
    await browser.press("Tout effacer : Marcel")
    await browser.see("Effacer tout ce qui concerne")
    found["erasing"] = await faults(browser)
    await browser.press("Ne rien effacer")
    await browser.press("Donner mon accord : Marcel, Mon espace santé")
    await browser.see("Ce qui n'est jamais envoyé")
    found["consent"] = await faults(browser)
    await browser.press("Je n'accepte pas")
    await browser.press("Reçu : Odile, Mon espace santé")
    found["receipt"] = await faults(browser)
    await browser.press("Revenir à l'accueil")
    await browser.press("Relier de nouveau : Odile, Mon espace santé")
    await browser.fill("Code", "0000")
    await browser.press("Relier")
    await browser.see("Ce code est faux")
    found["pairing refused"] = await faults(browser)
    focus = await browser.run("return document.activeElement.getAttribute('aria-describedby')")
    await browser.press("Revenir à l'accueil")
    await browser.press("Retirer l'accord : Odile, Mon espace santé")
    await browser.see("L'accord est retiré")
    found["withdrawn"] = await faults(browser)

    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert focus == "refused"


async def test_the_screens_that_come_in_between(screens: Screens) -> None:
    home, browser = screens.home, screens.browser
    found: dict[str, list[str]] = {}
    await home.welcome(ODILE)
    await home.welcome(MARCEL, consents=False)
    await home.weigh(ODILE, 3)
    await home.hurry_until(lambda: screens.arrived(ODILE), step_s=1)
    await browser.open(await screens.invited("owner"))
    await browser.run("document.getElementById('code').value = '0000'")
    await browser.press("Ouvrir")
    await browser.see("Ce code est faux")
    found["not let in"] = await faults(browser)
    await screens.enter("owner")
    await browser.press("Ajouter un appareil")
    await browser.press("Ajouter : Imaginary Scale 4")
    await browser.see("Qui se mesure avec ?")
    found["whose device"] = await faults(browser)
    await browser.fill("Qui se mesure avec ?", "Une autre personne")
    await browser.fill("Si c'est une autre personne, son prénom", MARCEL)
    await browser.press("Ajouter")
    await browser.see("Quelqu'un porte déjà ce prénom")
    found["whose device, again"] = await faults(browser)
    await browser.press("Pas cet appareil")
    await browser.press("Revenir à l'accueil")
    await browser.press("Quelqu'un d'autre s'en sert aussi : Imaginary")
    await browser.see("Qui d'autre se mesure avec")
    found["who else"] = await faults(browser)
    await browser.press("Revenir à l'accueil")
    (story,) = await browser.run(
        "return [...document.querySelectorAll('button')].map((each) => each.ariaLabel)"
        ".filter((label) => label?.startsWith('Son parcours'))"
    )
    await browser.press(story.replace("\N{NO-BREAK SPACE}", " "))
    await browser.see("Le parcours de cette mesure")
    found["story"] = await faults(browser)
    await browser.press("Plusieurs jours sont à une autre personne ?")
    await browser.see("Plusieurs jours à une autre personne")
    found["period"] = await faults(browser)
    await browser.fill("Qui s'en est servi ?", MARCEL)
    await browser.run("document.getElementById('first').value = '2999-01-01'")
    await browser.press("Continuer")
    await browser.see("Ces jours ne vont pas")
    found["period, again"] = await faults(browser)
    await browser.run(
        "document.getElementById('first').value = document.getElementById('last').value"
    )
    await browser.press("Continuer")
    await browser.see("Ces mesures sont à")
    found["period, sure"] = await faults(browser)
    await browser.press("Ne rien changer")
    await browser.press(story.replace("\N{NO-BREAK SPACE}", " "))
    await browser.see("Le parcours de cette mesure")
    await browser.fill(
        "Ce n'est pas la bonne personne ? À qui est cette mesure ?", "À personne d'ici"
    )
    await browser.press("Valider")
    await browser.press("Voir ce qui est à corriger")
    await browser.see("Supprimez-la là-bas")
    found["corrections"] = await faults(browser)
    await screens.step_on("80.9", number="3")
    soon = screens.time.now().utc + timedelta(hours=1)
    await home.hub.journal.assign(BATHROOM_SCALE.id, "3", SubjectId(home.people[MARCEL]), soon)
    await browser.press("Mon boîtier santé")
    await browser.press("Dire à qui : Imaginary Scale 4")
    await browser.see("avec le numéro 3")
    found["earlier"] = await faults(browser)
    await browser.press("Les laisser sans personne")
    await browser.press("Mesures d'avant")
    await browser.press(f"Toutes les mesures : {ODILE}, Poids")
    await browser.see(f"{ODILE} : Poids")
    found["readings"] = await faults(browser)
    await browser.press("Revenir à l'accueil")
    with_code, without = "C4:00:00:00:00:01", "C4:00:00:00:00:02"
    for address in (with_code, without):
        await home.hub.journal.adopt(DeviceId(f"ble:{address}"), "bp_monitor/bluetooth_sig")
    async with asyncio.TaskGroup() as devices:
        devices.create_task(home.hub._desk.type_code(with_code, 28))
        devices.create_task(home.hub._desk.confirm(without, 28))
        await browser.see("affiche un code à six chiffres")
        await browser.see("sans code")
        found["a device asks"] = await faults(browser)
        await browser.press("Refuser")
        await browser.press("Refuser")
    await browser.press(f"Donner mon accord : {MARCEL}, Mon espace santé")
    await browser.see("Ce qui n'est jamais envoyé")
    await browser.run("document.querySelectorAll('[name=kind]').forEach((it) => it.click())")
    await browser.press("J'accepte")
    await browser.see("Cochez au moins une chose")
    found["consent to nothing"] = await faults(browser)
    await browser.press("Pour un enfant, une personne que vous représentez, ou jusqu'à une date")
    await browser.fill("Si c'est un parent ou un représentant, son nom", "Claude")
    await browser.press("J'accepte")
    await browser.see("choisissez à quel titre")
    found["consent of whom"] = await faults(browser)
    await browser.press("Je n'accepte pas")
    await browser.press(f"N'est plus à {ODILE} : Imaginary")
    await browser.see("Les mesures d'avant restent les siennes")
    found["no more"] = await faults(browser)
    await browser.press("Ne rien changer")
    await browser.press(f"Tout effacer : {MARCEL}")
    await browser.press("Effacer pour toujours")
    await browser.see("C'est effacé")
    found["erased"] = await faults(browser)
    await browser.open((await browser.url()).replace("/people/erase", "/nowhere"))
    await browser.see("Cette page n'existe pas")
    found["nowhere"] = await faults(browser)
    await browser.press("Revenir à l'accueil")
    await browser.see("Partage")
    await browser.run("document.querySelectorAll('[name=token]').forEach((it) => it.value = 'x')")
    await browser.press(f"Retirer l'accord : {ODILE}, Mon espace santé")
    await browser.see("Cette page n'était plus à jour")
    found["stale"] = await faults(browser)

    assert {name: wrong for name, wrong in found.items() if wrong} == {}


async def test_the_screens_of_the_kiosk(screens: Screens) -> None:
    browser = screens.browser
    found: dict[str, list[str]] = {}
    await screens.enter("kiosk")
    await browser.see("Commencer")
    found["idle"] = await faults(browser)
    await browser.press("Commencer")
    await browser.see("C'est à vous")
    found["waiting"] = await faults(browser)
    screens.time.skip(120)
    await screens.press_cuff(128, 82)
    await browser.see("128 / 82")
    found["reading"] = await faults(browser)
    await browser.press("Envoyer à Mon espace santé")
    await browser.see("Ce qui n'est jamais envoyé")
    found["consent"] = await faults(browser)
    at_once = await browser.run(
        "return [...document.querySelectorAll('legend, .tick, .wide > *')].every((each) =>"
        " each.getBoundingClientRect().bottom <= window.innerHeight)"
    )
    await browser.press("Pour un enfant, ou une personne que vous représentez")
    await browser.see("Un parent, pour son enfant mineur")
    found["consent for a child"] = await faults(browser)
    await browser.press("J'accepte, avec les mesures déjà prises")
    await browser.press("Reçu de mon accord")
    await browser.see("Reçu de votre accord")
    found["receipt"] = await faults(browser)
    await browser.press("Revenir à mes mesures")
    await browser.press("Me relier")
    await browser.fill("Code", "0000")
    await browser.press("Relier")
    await browser.see("Ce code est faux")
    found["pairing refused"] = await faults(browser)
    title = await browser.run("return document.title")
    await browser.press("Plus tard")
    await browser.press("Terminer et tout effacer")
    await browser.see("Tout effacer ?")
    found["ending"] = await faults(browser)
    await browser.press("Non, continuer")
    await browser.fill("Sous quel nom ?", "Camille")
    await browser.press("Garder")
    await browser.see("Votre nom et vos mesures restent")
    found["kept"] = await faults(browser)
    await browser.press("Ne plus envoyer")
    await browser.see("Envoyer à Mon espace santé")
    await screens.prick(104, within=timedelta(minutes=30))
    await browser.see("refaites-la")
    found["doubtful"] = await faults(browser)
    await browser.press("Terminer")
    await browser.see("Merci")
    found["goodbye"] = await faults(browser)

    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert title.startswith("Erreur")
    assert at_once, "what is sent is not seen together with the answer"


@pytest.mark.parametrize("ticked", [True, False], ids=["all", "nothing"])
async def test_a_guest_consents_with_the_keyboard_alone(ticked: bool, screens: Screens) -> None:
    browser = screens.browser
    await screens.enter("kiosk")
    await browser.see("Commencer")
    await browser.run("document.querySelector('h1').focus()")
    await to(browser, "Commencer")
    await browser.key(Keys.ENTER)
    await browser.see("C'est à vous")
    await to(browser, "Envoyer à Mon espace santé")
    await browser.key(Keys.ENTER)
    await browser.see("Ce qui n'est jamais envoyé")
    await to(browser, "Pour un enfant, ou une personne que vous représentez")
    for _ in range(0 if ticked else 7):
        await browser.tab()
        await browser.key(Keys.SPACE)
    await to(browser, "J'accepte")
    await browser.key(Keys.ENTER)

    await browser.see("Envoi accepté" if ticked else "Cochez au moins une chose")

    ledger = await screens.home.get("consents")
    assert [line["entry"] for line in ledger] == (["grant"] if ticked else [])


async def to(browser: Browser, label: str) -> None:
    """Press the tab key until this has the focus."""
    for _ in range(30):
        if await browser.tab() == label:
            return
    raise AssertionError(f"the keyboard does not reach {label}")


CALLED = (
    "<b>\"Bobby'; DROP TABLE--</b> & Cie",
    "\N{HEBREW LETTER AYIN}\N{HEBREW LETTER VAV}\N{HEBREW LETTER DALET}",
    "W" * 60,
)
"""Names that try what a page can hold: markup, another direction, one long word."""


async def test_whatever_people_and_devices_are_called(screens: Screens) -> None:
    home, browser = screens.home, screens.browser
    since = screens.time.now().utc - timedelta(days=1)
    for number, name in enumerate(CALLED):
        device = Device(
            id=DeviceId(f"serial:scale-{number}"), driver="scale/tanita", manufacturer=name
        )
        await home.hub.journal.describe(device)
        await home.hub.journal.adopt(device.id, device.driver)
        subject = (await home.post("people", label=name))["id"]
        await home.hub.journal.assign(device.id, None, subject, since)
    await screens.step_on("80.9", number="2")
    await screens.enter("owner")
    await browser.see("N'est plus à <b>")
    found = {"home": await faults(browser)}
    await browser.press(f"N'est plus à {CALLED[2]} : {CALLED[2]}")
    await browser.see("Les mesures d'avant restent les siennes")
    found["no more"] = await faults(browser)
    await browser.press("Ne rien changer")
    await browser.press(f"Tout effacer : {CALLED[0]}")
    await browser.see("Effacer tout ce qui concerne")
    found["erasing"] = await faults(browser)

    assert {name: wrong for name, wrong in found.items() if wrong} == {}
