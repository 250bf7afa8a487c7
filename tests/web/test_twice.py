"""What is pressed twice is done once, and whoever pressed is not told that it went wrong."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import HTTPException

from gateway.api import people
from gateway.domain.device import DeviceId
from tests.web.measuring import SCALE, owned, weigh
from tests.web.window import Answer, Window


async def twice(window: Window, path: str, **form: str) -> list[Answer]:
    """Send a form two times at once, as a browser without scripts does on a double click."""
    token = (await window.get("/")).field("token")
    return await asyncio.gather(*(window.post(path, token=token, **form) for _ in range(2)))


@pytest.fixture
async def owner(window: Window) -> Window:
    """Let in an owner, in whose house nobody but the scale is known."""
    window.hub.counter = None
    return await owned(window, SCALE)


async def test_somebody_new_with_a_device_is_one_person(owner: Window) -> None:
    answers = await twice(owner, "/devices/add", device=SCALE.id, subject="new", name="Odile")

    assert [each.label for each in owner.hub.reader.subjects()] == ["Odile"]
    assert len(owner.hub.reader.assignments()) == 1
    assert {each.status for each in answers} == {303}


async def test_a_person_is_erased_without_a_complaint(owner: Window) -> None:
    subject = (await owner.hub.journal.add_subject("Odile")).id

    erased, again = await twice(owner, "/people/erase", subject=subject)

    assert "0 mesure a été effacée." in erased.text
    assert (again.status, again.headers["location"]) == (303, "/")


async def test_a_turn_at_the_kiosk_begins(window: Window) -> None:
    for device in ("serial:scale", "serial:cuff"):
        await window.hub.journal.adopt(DeviceId(device), SCALE.driver)
    await window.enter()

    answers = await twice(window, "/kiosk/begin")

    assert {each.status for each in answers} == {303}
    assert "C'est à vous" in (await window.get("/kiosk")).text


@pytest.mark.parametrize("to", ["marcel", "nobody"])
async def test_a_reading_is_given_to_somebody(to: str, owner: Window) -> None:
    odile, marcel = [(await owner.hub.journal.add_subject(name)).id for name in ("Odile", "Marcel")]
    reading = await weigh(owner, "72.4")
    to = marcel if to == "marcel" else to

    answers = await twice(owner, "/claim", reading=reading.id, subject=odile)
    answers += await twice(owner, "/reassign", reading=reading.id, subject=to)

    view = owner.hub.reader.entry(reading.id)
    assert view is not None
    assert view.entry.subject == (None if to == "nobody" else marcel)
    assert {each.status for each in answers} == {303}


async def test_what_the_interface_refuses_is_said_on_a_page(
    owner: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that was free when it was looked up may be taken when the person is added."""

    async def taken(*_: object) -> None:
        raise HTTPException(
            409, "Somebody here is called that already: give a name that tells them apart."
        )

    monkeypatch.setattr(people, "add_person", taken)

    answer = await owner.send("/devices/add", device=SCALE.id, subject="new", name="Odile")

    assert answer.status == 409
    assert "Quelqu'un porte déjà ce nom ici" in answer.text
    assert "Revenir à l'accueil" in answer.text
