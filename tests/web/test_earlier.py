"""What a device held from before it was anybody's here is asked about once, and not at length."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.domain.subject import SubjectId
from tests.web.measuring import SCALE, owned, weigh
from tests.web.window import Window

ABOUT = {"device": SCALE.id, "slot": ""}


@pytest.fixture
async def window(window: Window) -> Window:
    window.hub.counter = None
    return await owned(window, SCALE)


async def odile_added_it(window: Window, *, held: int = 12) -> SubjectId:
    """Let the scale be Odile's from now on, which tells what it held for so many days, too."""
    now = window.hub.clock.now().utc
    odile = (await window.hub.journal.add_subject("Odile")).id
    await window.hub.journal.assign(SCALE.id, None, odile, now)
    for day in range(1, held + 1):
        await weigh(window, f"{60 + day}.0", taken_at=now - timedelta(days=day))
    return odile


async def test_what_a_device_held_before_is_one_line_and_no_question_of_each(
    window: Window,
) -> None:
    await odile_added_it(window)

    home = await window.get("/")

    assert "À qui sont ces mesures ?" not in home.text
    assert "Tout va bien. Les appareils sont lus et rien n'attend de vous." in home.text
    assert "12 mesures d'avant son ajout, à personne" in home.text


async def test_all_of_it_becomes_somebody_s_in_one_go(window: Window) -> None:
    odile = await odile_added_it(window)

    asked = await window.send("/earlier", **ABOUT)
    about = {name: asked.field(name) for name in ABOUT}
    done = await window.send("/earlier/give", **about, subject=odile)
    await weigh(window, "59.5", taken_at=window.hub.clock.now().utc - timedelta(days=40))

    assert "L'appareil avait déjà 12 mesures en mémoire" in asked.text
    assert done.status == 303
    assert {view.entry.subject for view in window.hub.reader.entries()} == {odile}
    assert "d'avant son ajout" not in (await window.get("/")).text


async def test_nobody_s_name_is_asked_for_again(window: Window) -> None:
    await odile_added_it(window)

    again = await window.send("/earlier/give", **ABOUT, subject="")

    assert again.status == 400
    assert "Choisissez la personne." in again.text
    assert {view.entry.subject for view in window.hub.reader.entries()} == {None}


async def test_a_device_that_holds_nothing_of_the_kind_is_not_asked_about(window: Window) -> None:
    odile = await odile_added_it(window, held=0)

    answers = [
        await window.send("/earlier", **ABOUT),
        await window.send("/earlier/give", **ABOUT, subject=odile),
    ]

    assert [answer.status for answer in answers] == [303, 303]


async def test_what_may_have_been_measured_since_is_asked_about(window: Window) -> None:
    await odile_added_it(window, held=12)
    await window.hub.journal.end_assignment(
        window.hub.reader.assignments()[0], window.hub.clock.now().utc + timedelta(seconds=1)
    )
    window.hub.clock.advance(3600)
    await weigh(window, "71.5")

    home = await window.get("/")

    assert "À qui sont ces mesures ?" in home.text
    assert home.text.count("Valider") == 1
    assert "Poids 71,5 kg" in home.text
