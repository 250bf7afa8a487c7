"""The kiosk in a real browser, at its default settings: somebody walks away, somebody comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from firmware_sims.health_space import HealthSpace

from gateway.domain.kiosk import UNATTENDED
from gateway.web.kiosk.pictures import PICTURES, picture_of
from tests.browser.browser import Browser
from tests.browser.screens import Screens, screens_of
from tests.browser.test_every_screen import faults
from tests.end_to_end.passing import Passing

AWAY_S = int(UNATTENDED.total_seconds())
ASKED = "Êtes-vous toujours là ?"
CALLED = dict(
    zip(
        PICTURES,
        (
            *("le soleil", "la lune", "l'étoile", "le cœur", "la maison"),
            *("le sapin", "la clé", "le poisson", "la fleur"),
        ),
        strict=True,
    )
)


@pytest.fixture
async def left(
    tmp_path: Path, space: HealthSpace, time: Passing, browser: Browser
) -> AsyncIterator[Screens]:
    """Set up a counter at which somebody has begun; some seconds pass."""
    async with screens_of(tmp_path, space, time, browser, unattended_s=AWAY_S) as screens:
        await screens.enter("kiosk")
        await browser.press("Commencer")
        await browser.see("C'est à vous")
        screens.time.skip(20)
        yield screens


def the_picture(screens: Screens) -> str:
    session = screens.home.hub.reader.kiosk()
    assert session is not None
    return picture_of(session)


async def whose(screens: Screens) -> list[str | None]:
    return [each["subject"] for each in await screens.home.readings()]


async def test_who_comes_next_sees_nothing_is_not_measured_in_it_and_begins_their_own(
    left: Screens,
) -> None:
    browser = left.browser
    await left.weigh("72.4")
    await browser.see("72,4")
    left.time.skip(AWAY_S)
    await browser.see(ASKED)
    hidden = await browser.source()
    await left.weigh("91.1")
    await browser.see("Une mesure est arrivée")
    asked = await browser.source()
    of_whom = sorted(await whose(left), key=str)
    barriers = await browser.barriers()

    await browser.press("Commencer ma séance")
    await browser.see("C'est à vous")
    left.time.skip(20)
    await left.weigh("91.2")
    await browser.see("91,2")
    theirs = await browser.source()

    assert "72,4" not in hidden
    assert "91,1" not in asked
    assert of_whom[0] is None
    assert of_whom[1] is not None
    assert not any(kg in theirs for kg in ("72,4", "91,1"))
    assert barriers == []
    assert await browser.complaints() == []


async def test_who_sat_still_with_the_cuff_on_touches_their_picture_and_sees_their_reading(
    left: Screens,
) -> None:
    browser = left.browser
    left.time.skip(AWAY_S + 30)
    await browser.see(ASKED)
    await left.press_cuff(128, 82)
    await browser.see("Une mesure est arrivée")

    await browser.choose(CALLED[the_picture(left)])
    await browser.press("C'est moi, et la mesure est à moi")
    await browser.see("128 / 82")

    assert None not in await whose(left)
    assert await browser.complaints() == []


async def test_a_picture_is_still_chosen_when_a_reading_comes_and_another_one_ends_the_turn(
    left: Screens,
) -> None:
    browser = left.browser
    await left.weigh("72.4")
    await browser.see("72,4")
    left.time.skip(AWAY_S)
    await browser.see(ASKED)
    picture = the_picture(left)
    wrong = PICTURES[PICTURES.index(picture) - 1]
    await browser.choose(CALLED[wrong])
    await left.weigh("91.1")
    await browser.see("Une mesure est arrivée")
    kept = await browser.run("return document.querySelector('input:checked').value")
    await browser.press("C'est moi, mais la mesure n'est pas à moi")
    await browser.see("Ce n'était pas l'image de cette séance.")

    source = await browser.source()
    assert kept == wrong
    assert "72,4" not in source
    assert await whose(left) == [None]


async def test_a_picture_that_was_chosen_and_left_there_is_chosen_no_more(left: Screens) -> None:
    browser = left.browser
    left.time.skip(AWAY_S)
    await browser.see(ASKED)
    given_s = await browser.run("return document.getElementById('turn').dataset.forgets")
    await browser.run("document.getElementById('turn').dataset.forgets = 0.5")

    await browser.choose(CALLED[the_picture(left)])
    chosen = await browser.run("return document.querySelectorAll('input:checked').length")
    await browser.run(
        "return new Promise((done) => document.querySelector('form.stack')"
        ".addEventListener('reset', () => setTimeout(done)))"
    )

    assert given_s == "30"
    assert chosen == 1
    assert await browser.run("return document.querySelectorAll('input:checked').length") == 0


async def test_what_asks_for_a_touch_is_seen_by_who_has_scrolled_and_moves_nothing(
    left: Screens,
) -> None:
    browser = left.browser
    await browser.size(800, 700)
    await left.weigh("72.4")
    await browser.see("72,4")
    end = "return document.querySelector('#end button').getBoundingClientRect().top + scrollY"
    before = await browser.run(end)
    left.time.skip(AWAY_S - 30)
    await left.prick(104)  # it brings the time up to date
    await browser.see("Toujours là ? Touchez l'écran.")
    after = await browser.run(end)
    await browser.run("window.scrollTo(0, document.body.scrollHeight)")
    box = await browser.run(
        "const box = document.getElementById('still-here').getBoundingClientRect();"
        " return [scrollY, box.top, box.bottom, innerHeight]"
    )

    scrolled, top, bottom, height = box
    assert before == after
    assert scrolled > 100
    assert 0 <= top < bottom <= height


async def test_a_touch_keeps_what_is_shown_and_the_warning_goes_with_it(left: Screens) -> None:
    browser = left.browser
    left.time.skip(AWAY_S - 50)
    await left.weigh("72.4")  # it brings the time up to date
    await browser.see("Toujours là ? Touchez l'écran.")
    barriers = await browser.barriers()

    await browser.press("Je suis là")
    await browser.lose("Toujours là ? Touchez l'écran.")
    left.time.skip(AWAY_S - 30)
    await left.weigh("72.5")
    await browser.see("72,5")

    assert "72,4" in await browser.text()
    assert barriers == []
    assert await browser.complaints() == []


async def test_who_is_signing_in_with_their_telephone_is_not_taken_from_the_page(
    left: Screens,
) -> None:
    browser = left.browser
    await browser.press("Envoyer à Mon espace santé")
    await browser.press("J'accepte")
    await browser.press("Me relier")
    await browser.see("Code")
    await left.press_cuff(128, 82)  # the screen hears of the turn while it shows the sign-in
    await left.home.post("kiosk", "prolong")
    left.time.skip(AWAY_S + 60)
    await left.weigh("72.4")
    await browser.fill("Code", await left.code_of("Camille"))
    await browser.press("Relier")
    await browser.see(ASKED)

    await browser.choose(CALLED[the_picture(left)])
    await browser.press("C'est moi")
    await browser.see("Un code est déjà écrit")
    await browser.press("Relier")
    await browser.see("Elle est à moi")
    await browser.run("document.querySelector('[action=\"/kiosk/mine\"] button').click()")
    await browser.see("72,4")

    await browser.see("Bien arrivée : Mon espace santé")


async def test_without_scripts_too(left: Screens) -> None:
    browser = left.browser
    await browser.without_scripts()
    await browser.open(await browser.url())
    await left.weigh("72.4")
    await browser.see("72,4")
    left.time.skip(AWAY_S)
    await browser.open(await browser.url())  # as it does by itself
    await browser.see(ASKED)
    hidden = await browser.source()

    await browser.choose(CALLED[the_picture(left)])
    await browser.press("C'est moi")
    await browser.see("72,4")

    assert "72,4" not in hidden


async def test_what_asks_who_is_there_is_for_everybody_at_any_size(left: Screens) -> None:
    browser = left.browser
    found: dict[str, list[str]] = {}
    await left.weigh("72.4")
    left.time.skip(AWAY_S)
    await browser.see(ASKED)
    found["away"] = await faults(browser)
    await left.weigh("91.1")
    await browser.see("Une mesure est arrivée")
    found["a reading came"] = await faults(browser)
    await browser.choose(CALLED[the_picture(left)])
    await browser.press("C'est moi, mais la mesure n'est pas à moi")
    await browser.see("Elle est à moi")
    found["unanswered"] = await faults(browser)
    left.time.skip(AWAY_S)
    await browser.see(ASKED)
    await browser.choose(CALLED[PICTURES[PICTURES.index(the_picture(left)) - 1]])
    await browser.press("C'est moi, mais la mesure n'est pas à moi")
    await browser.see("Ce n'était pas l'image de cette séance.")
    found["mistaken"] = await faults(browser)

    assert {name: wrong for name, wrong in found.items() if wrong} == {}
