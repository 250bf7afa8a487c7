"""Somebody used another's scale for some days: said once, on the owner's page."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.api.hub import Counter
from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId
from tests.web.measuring import SCALE, owned, weigh
from tests.web.test_past import consents
from tests.web.window import Window

DAYS = ("13", "14", "15", "16", "17")
"""Of March 2026, when each somebody stood on the scale at half past ten."""


@pytest.fixture
async def window(window: Window) -> Window:
    window.hub.counter = None
    return await owned(window, SCALE)


async def family(window: Window) -> tuple[SubjectId, SubjectId]:
    """Let the scale be Marcel's, and weigh somebody on each of five days; Odile lives here too."""
    journal, clock = window.hub.journal, window.hub.clock
    marcel, odile = [(await journal.add_subject(name)).id for name in ("Marcel", "Odile")]
    clock.advance(-86400)
    await journal.assign(SCALE.id, None, marcel, clock.now().utc)
    await consents(window, marcel)
    for number, _ in enumerate(DAYS):
        await weigh(window, f"{80 + number}.0")
        clock.advance(86400)
    clock.advance(-86400 + 60)
    return marcel, odile


def owners(window: Window) -> list[SubjectId | None]:
    """Return whose each reading is, the first day's first."""
    return [view.entry.subject for view in window.hub.reader.entries()][::-1]


def the_last(window: Window) -> str:
    return window.hub.reader.entries()[0].entry.id


async def test_some_days_become_another_s_and_come_back_in_the_same_way(window: Window) -> None:
    marcel, odile = await family(window)
    for released in await window.hub.journal.claim("mes", 10, window.hub.clock.now().utc):
        sent = Receipt("mes", "Observation/7", window.hub.clock.now().utc)
        await window.hub.journal.settle(released, sent)
    about = {"reading": the_last(window), "first": "2026-03-14", "last": "2026-03-16"}

    story = await window.send("/story", reading=about["reading"])
    asked = await window.send("/period", reading=about["reading"])
    told = await window.send("/period/look", **about, subject=odile)
    untouched = owners(window)
    again = {name: told.field(name) for name in ("reading", "subject", "first", "last")}
    done = await window.send("/period/give", **again)
    hers = owners(window)
    home = await window.get("/")
    await window.send("/period/give", **about, subject=marcel)

    assert "Plusieurs jours sont à une autre personne ?" in story.text
    assert 'value="2026-03-17"' in asked.html
    assert "Odile" in asked.text
    assert "Marcel" not in asked.text
    assert "Ces mesures sont à Odile ?" in told.text
    assert "3 mesures changent de personne." in told.text
    assert "Déjà parties vers Mon espace santé : 3." in told.text
    assert untouched == [marcel] * 5
    assert done.status == 303
    assert hers == [marcel, odile, odile, odile, marcel]
    assert "3 mesures envoyées sont à corriger" in home.text
    assert owners(window) == [marcel] * 5
    assert "à corriger" not in (await window.get("/")).text


async def test_up_to_today_is_up_to_now(window: Window) -> None:
    marcel, odile = await family(window)
    days = {"first": "2026-03-17", "last": "9999-12-31"}

    await window.send("/period/give", reading=the_last(window), subject=odile, **days)
    window.hub.clock.advance(60)
    await weigh(window, "81.0")

    assert owners(window) == [marcel] * 4 + [odile, marcel]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"subject": ""}, "Choisissez la personne."),
        ({"subject": "p-nobody"}, "Choisissez la personne."),
        ({"first": ""}, "Ces jours ne vont pas"),
        ({"first": "hier"}, "Ces jours ne vont pas"),
        ({"first": "2026-03-18"}, "Ces jours ne vont pas"),
        ({"first": "2026-03-16", "last": "2026-03-15"}, "Ces jours ne vont pas"),
        ({"first": "0001-01-01", "last": "0001-01-02"}, "Ces jours ne vont pas"),
        ({"first": "0001-01-01", "last": "9999-12-31"}, "5 mesures changent de personne."),
    ],
)
async def test_what_is_unclear_is_asked_again(
    changes: dict[str, str], said: str, window: Window
) -> None:
    marcel, odile = await family(window)
    form = {"reading": the_last(window), "subject": odile, "first": "2026-03-14"}
    form |= {"last": "2026-03-15"} | changes

    told = await window.send("/period/look", **form)
    if said.startswith("5"):
        assert told.status == 200
    else:
        assert told.status == 400
        await window.send("/period/give", **form)

    assert said in told.text
    assert owners(window) == [marcel] * 5


async def test_nobody_is_asked_of_a_counter_nor_where_nobody_else_lives(window: Window) -> None:
    marcel, odile = await family(window)
    about = {"reading": the_last(window), "first": "2026-03-14", "last": "2026-03-16"}
    window.hub.counter = Counter(devices=[SCALE.id], lasts=timedelta(minutes=5))

    story = await window.send("/story", reading=about["reading"])
    forms = [await window.send(f"/period{step}", **about) for step in ("", "/look", "/give")]
    window.hub.counter = None
    unknown = await window.send("/period", reading="0" * 32)
    await window.hub.journal.erase(odile)
    alone = await window.send("/story", reading=about["reading"])

    assert "Plusieurs jours" not in story.text + alone.text
    assert [form.status for form in (*forms, unknown)] == [303] * 4
    assert owners(window) == [marcel] * 5


async def test_of_a_number_of_the_device_only_what_bears_it(window: Window) -> None:
    marcel, odile = await family(window)
    reading = window.hub.reader.entries()[0].entry.reading
    numbered = reading.model_copy(update={"slot": "2", "received": window.hub.clock.now()})
    (entry,) = await window.hub.journal.record(SCALE, [numbered])
    window.hub.clock.advance(60)
    days = {"first": "2026-03-13", "last": "2026-03-17"}

    asked = await window.send("/period", reading=entry.id)
    await window.send("/period/give", reading=entry.id, subject=odile, **days)

    assert "avec le numéro 2" in asked.text
    assert owners(window) == [marcel] * 5 + [odile]
