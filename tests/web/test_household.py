"""A household sets itself up on the page: whose device is whose, and who is here no more."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.api.hub import Counter, Sighted
from gateway.domain.device import DeviceId
from gateway.domain.subject import SubjectId
from tests.journal.making import SCALE, weight
from tests.web.window import Window, a_window

THIS_MORNING = datetime(2026, 3, 14, 6, tzinfo=UTC)
YESTERDAY = datetime(2026, 3, 13, 6, tzinfo=UTC)
NAME = "Ma balance"
ROTATING = DeviceId("ble-rotating:4A:00:00:00:00:01")


@pytest.fixture
async def window(tmp_path: Path) -> AsyncIterator[Window]:
    async with a_window(tmp_path) as opened:
        await opened.enter()
        opened.hub.in_reach = [seen(opened)]
        yield opened


def seen(window: Window, **change: object) -> Sighted:
    known = {
        "address": SCALE.id.removeprefix("ble:"),
        "device": SCALE.id,
        "name": NAME,
        "driver": "scale/bluetooth_sig",
        "rssi_dbm": -48,
        "adopted": False,
        "seen_at": window.hub.clock.now().utc,
    }
    return Sighted.model_validate(known | change)


def people(window: Window) -> dict[str, SubjectId]:
    return {known.label: known.id for known in window.hub.reader.subjects()}


async def add(window: Window, **form: str) -> None:
    done = await window.send("/devices/add", device=SCALE.id, **form)
    assert done.status == 303


async def test_without_scripts_too_the_list_of_what_is_in_view_comes_anew(window: Window) -> None:
    page = await window.get("/devices")

    assert re.search(r'<noscript><meta http-equiv="refresh" content="\d"></noscript>', page.html)


async def test_what_was_said_of_a_device_is_still_there_where_it_is_asked_again(
    window: Window,
) -> None:
    subject = (await window.hub.journal.add_subject("Odile")).id
    said = {"subject": subject, "name": "Marcel", "since": "ever", "slot": "2"}

    again = await window.send("/devices/add", device=SCALE.id, **said)

    assert again.status == 400
    assert f'<option value="{subject}" selected>' in again.html
    assert 'name="name" value="Marcel"' in again.html
    assert 'name="slot" value="2"' in again.html
    assert 'value="ever" checked' in again.html
    assert again.html.count(" checked") == 1


async def whose(window: Window, *at: datetime) -> list[SubjectId | None]:
    """Let the scale tell what it weighed then; say whose each is."""
    new = await window.hub.journal.record(
        SCALE, [weight(int(when.timestamp()), at=when) for when in at]
    )
    return [entry.subject for entry in new]


async def test_a_device_in_reach_is_added_for_somebody_who_is_new_here(window: Window) -> None:
    nothing = (await window.get("/")).text
    offered = (await window.get("/devices")).text
    asked = await window.send("/devices/choose", on="/devices", device=SCALE.id)
    await add(window, name="Odile")

    assert "Ajouter un appareil" in nothing
    assert "Ma balance Balance · C0:FF:EE:00:00:01 · tout près" in offered
    assert "À qui sont les mesures prises avec Ma balance ?" in asked.text
    assert "Votre prénom" in asked.text
    assert await whose(window, THIS_MORNING, YESTERDAY) == [people(window)["Odile"], None]
    assert "Odile" in (await window.get("/")).text


@pytest.mark.parametrize(("name", "called"), [(NAME, NAME), (None, "Balance (C0:FF:EE:00:00:01)")])
async def test_a_device_that_was_just_added_is_called_as_it_was_on_the_list(
    name: str | None, called: str, window: Window
) -> None:
    window.hub.in_reach = [seen(window, name=name)]

    await add(window, name="Odile")
    home = await window.get("/")
    shared = await window.send("/devices/choose", device=SCALE.id, shared="yes")

    assert f"{called} à Odile · pas encore de mesure" in home.text
    assert "ble:" not in home.text
    assert f"Qui d'autre se mesure avec {name or 'Balance'} ?" in shared.text


@pytest.mark.parametrize(("number", "whose_are_they"), [("2", "Odile Marcel"), ("", "- -")])
async def test_somebody_else_who_uses_a_device_of_ours_is_added_from_the_home(
    number: str, whose_are_they: str, window: Window
) -> None:
    await add(window, name="Odile")
    home = await window.get("/")
    asked = await window.send("/devices/choose", device=SCALE.id, shared="yes")
    again = await window.send("/devices/add", device=SCALE.id, shared="yes")

    await add(window, subject="new", name="Marcel", slot=number, shared="yes")

    names = {subject: name for name, subject in people(window).items()}
    new = await window.hub.journal.record(
        SCALE, [weight(n, at=THIS_MORNING, slot=slot) for n, slot in enumerate("12")]
    )
    assert "Quelqu'un d'autre s'en sert aussi" in home.text
    for page in (asked, again):
        assert "Cet appareil est déjà à Odile" in page.text
        assert "à qui est la mesure" in page.text
    told = [names.get(entry.subject, "-") if entry.subject else "-" for entry in new]
    assert told == whose_are_they.split()


async def test_before_a_device_is_somebodys_no_more_that_is_asked(window: Window) -> None:
    await add(window, name="Odile")
    subject = people(window)["Odile"]
    home = await window.get("/")

    asked = await window.send("/devices/end/ask", device=SCALE.id, subject=subject)
    of_nobody = await window.send("/devices/end/ask", device=SCALE.id, subject="nobody")
    before = await whose(window, THIS_MORNING)
    window.hub.clock.advance(60)
    about = {name: asked.field(name) for name in ("device", "subject")}
    await window.send("/devices/end", **about)

    assert 'action="/devices/end"' not in home.html
    assert "n'est plus à Odile ?" in asked.text
    assert of_nobody.status == 303
    assert before == [subject]
    assert [each.until is None for each in window.hub.reader.assignments()] == [False]


async def test_a_page_from_before_a_device_was_somebodys_gives_it_to_nobody_else(
    window: Window,
) -> None:
    await add(window, name="Odile")

    await add(window, subject="new", name="Marcel")

    assert list(people(window)) == ["Odile"]
    assert await whose(window, THIS_MORNING) == [people(window)["Odile"]]


async def test_what_it_remembers_is_theirs_too_if_they_say_so(window: Window) -> None:
    await add(window, name="Odile", since="ever")

    assert await whose(window, YESTERDAY) == [people(window)["Odile"]]


async def test_somebody_who_is_here_already_is_chosen_or_named_again(window: Window) -> None:
    odile = (await window.hub.journal.add_subject("Odile")).id
    await add(window, subject=odile)
    other = DeviceId("ble:C0:FF:EE:00:00:02")
    window.hub.in_reach = [seen(window, device=other, address="C0:FF:EE:00:00:02")]
    await window.send("/devices/add", on="/devices", device=other, name="Odile")

    assert people(window) == {"Odile": odile}
    assert {each.subject for each in window.hub.reader.assignments()} == {odile}


async def test_a_device_of_several_people_tells_them_by_their_number(window: Window) -> None:
    await add(window, name="Odile", slot="2")

    readings = [weight(1, at=THIS_MORNING, slot="1"), weight(2, at=THIS_MORNING, slot="2")]
    first, second = await window.hub.journal.record(SCALE, readings)

    assert (first.subject, second.subject) == (None, people(window)["Odile"])


async def test_a_device_that_is_ours_and_nobodys_is_offered_though_it_is_silent(
    window: Window,
) -> None:
    await add(window, name="Odile")
    await window.send("/devices/end", device=SCALE.id, subject=people(window)["Odile"])
    window.hub.in_reach = []
    window.hub.clock.advance(60)

    await add(window, name="Marcel")

    ends = [(each.subject, each.until is None) for each in window.hub.reader.assignments()]
    assert ends == [(people(window)["Odile"], False), (people(window)["Marcel"], True)]


@pytest.mark.parametrize(
    "change",
    [
        {"driver": None},
        {"seen_at": THIS_MORNING - timedelta(hours=1)},
    ],
    ids=["nobody can read it", "gone for long"],
)
async def test_what_cannot_be_added_is_not_offered_nor_added(
    change: dict[str, object], window: Window
) -> None:
    window.hub.in_reach = [seen(window, **change)]

    assert "Rien en vue" in (await window.get("/devices")).text
    await add(window, name="Odile")
    assert window.hub.reader.assignments() == []


async def test_a_device_that_is_somebodys_is_not_offered_to_others(window: Window) -> None:
    await add(window, name="Odile")

    assert NAME not in (await window.get("/devices")).text
    await add(window, name="Marcel")
    assert [each.subject for each in window.hub.reader.assignments()] == [people(window)["Odile"]]


@pytest.mark.parametrize("form", [{}, {"name": "x" * 61}, {"subject": "p-00000000"}])
async def test_nothing_is_added_for_nobody(form: dict[str, str], window: Window) -> None:
    answer = await window.send("/devices/add", device=SCALE.id, **form)

    assert answer.status == 400
    assert "Choisissez une personne, ou écrivez son prénom." in answer.text
    assert 'aria-invalid="true" aria-describedby="unclear"' in answer.html
    assert window.hub.reader.assignments() == []
    assert people(window) == {}


async def test_of_two_people_who_were_named_neither_gets_the_device(window: Window) -> None:
    odile = (await window.hub.journal.add_subject("Odile")).id

    answer = await window.send("/devices/add", device=SCALE.id, subject=odile, name="Marcel")

    assert answer.status == 400
    assert "Gardez l'un des deux." in answer.text
    assert window.hub.reader.assignments() == []
    assert people(window) == {"Odile": odile}


async def test_somebody_new_who_is_called_as_one_here_is_not_taken_for_them(window: Window) -> None:
    odile = (await window.hub.journal.add_subject("Odile")).id

    answer = await window.send("/devices/add", device=SCALE.id, subject="new", name="Odile")

    assert answer.status == 400
    assert "Quelqu'un porte déjà ce prénom ici." in answer.text
    assert window.hub.reader.assignments() == []
    assert people(window) == {"Odile": odile}


async def test_a_name_in_other_letters_names_who_is_here(window: Window) -> None:
    odile = (await window.hub.journal.add_subject("Odile")).id

    await window.send("/devices/add", device=SCALE.id, name="odile")

    assert people(window) == {"Odile": odile}
    assert [each.subject for each in window.hub.reader.assignments()] == [odile]


async def test_a_name_of_signs_that_nobody_sees_is_none(window: Window) -> None:
    named = await window.send("/devices/add", device=SCALE.id, name="\u202e\x1b \u2066")

    assert "écrivez son prénom" in named.text
    assert people(window) == {}


async def test_of_two_people_of_one_name_neither_is_guessed(window: Window) -> None:
    for _ in range(2):
        await window.hub.journal.add_subject("Odile")

    answer = await window.send("/devices/add", device=SCALE.id, name="Odile")

    assert answer.status == 400
    assert "Quelqu'un porte déjà ce prénom ici." in answer.text
    assert window.hub.reader.assignments() == []


async def test_somebody_new_is_chosen_and_named(window: Window) -> None:
    await window.hub.journal.add_subject("Odile")

    await add(window, subject="new", name="Marcel")

    (made,) = window.hub.reader.assignments()
    assert made.subject == people(window)["Marcel"]


async def test_nobody_is_chosen_beforehand(window: Window) -> None:
    await window.hub.journal.add_subject("Odile")
    await window.hub.journal.adopt(SCALE.id, SCALE.driver)
    await whose(window, THIS_MORNING)

    asked = await window.send("/devices/choose", on="/devices", device=SCALE.id)
    for page in ((await window.get("/")).html, asked.html):
        choices = re.findall(r"<select.*?</select>", page, re.DOTALL)
        assert choices
        assert all('value="" selected disabled' in choice for choice in choices)
        assert all(choice.count("selected") == 1 for choice in choices)


async def test_a_device_is_somebodys_no_more_from_the_moment_they_say_so(window: Window) -> None:
    await add(window, name="Odile")
    odile = people(window)["Odile"]
    (before,) = await whose(window, THIS_MORNING)
    window.hub.clock.advance(60)

    ended = await window.send("/devices/end", device=SCALE.id, subject=odile)
    later = await whose(window, window.hub.clock.now().utc + timedelta(hours=1))

    assert ended.status == 303
    assert (before, later) == (odile, [None])
    window.hub.in_reach = [seen(window)]
    assert NAME in (await window.get("/devices")).text


async def test_a_device_that_is_nobodys_any_more_is_not_talked_with_until_it_is_added_again(
    window: Window,
) -> None:
    """Who sells a cuff next door is not to be given what the neighbour measures."""
    await add(window, name="Odile")
    await add(window, name="Marcel", shared="yes", subject="new")
    window.hub.clock.advance(60)

    ours = [window.hub.reader.devices()[0].adopted]
    for name in ("Odile", "Marcel"):
        await window.send("/devices/end", device=SCALE.id, subject=people(window)[name])
        ours.append(window.hub.reader.devices()[0].adopted)
    home = await window.get("/")
    await add(window, name="Marcel")
    ours.append(window.hub.reader.devices()[0].adopted)

    assert ours == [True, True, False, True]
    assert "Aucun appareil n'est relié." in home.text


@pytest.mark.parametrize("behind", [timedelta(days=2), timedelta(days=20_000)], ids=str)
async def test_a_hub_that_does_not_know_the_time_says_so_to_who_tells_whose_a_device_is_now(
    behind: timedelta, window: Window
) -> None:
    """Else what the device remembers of others would be theirs, or stay theirs once it is sold."""
    await add(window, name="Odile")
    window.hub.clock.boot()
    window.hub.clock.step(-behind)
    window.hub.clock.trusted = False
    window.hub.in_reach = [seen(window)]

    added = await window.send("/devices/add", device=SCALE.id, name="Marcel", shared="yes")
    ended = await window.send("/devices/end", device=SCALE.id, subject=people(window)["Odile"])

    for answer in (added, ended):
        assert "le boîtier ne connaît pas encore l'heure : à qui est un appareil" in answer.text
    assert list(people(window)) == ["Odile"]
    (assignment,) = window.hub.reader.assignments()
    assert (assignment.subject, assignment.until) == (people(window)["Odile"], None)
    assert window.hub.reader.devices()[0].adopted


async def test_the_device_of_somebody_who_is_erased_is_left_alone_unless_it_is_anothers_too(
    window: Window,
) -> None:
    """Who left, and took her cuff along next door, is not to be read on as nobody."""
    await add(window, name="Odile")
    await add(window, name="Marcel", shared="yes", subject="new")

    ours = []
    for name in ("Odile", "Marcel"):
        await window.send("/people/erase", subject=people(window)[name])
        ours.append(window.hub.reader.devices()[0].adopted)

    assert ours == [True, False]


@pytest.mark.parametrize("named", [SCALE.id, "c0:ff:ee:00:00:01"], ids=["id", "address"])
async def test_a_device_of_the_counter_is_read_on_whoever_is_erased_and_is_not_given_away(
    named: str, window: Window
) -> None:
    await add(window, name="Odile")
    window.hub.counter = Counter(devices=[named], lasts=timedelta(minutes=10))

    await window.send("/people/erase", subject=people(window)["Odile"])
    offered = (await window.get("/devices")).text

    assert window.hub.reader.devices()[0].adopted
    assert f'value="{SCALE.id}"' not in offered


@pytest.mark.parametrize("way", ["/devices/end", "/people/erase"])
async def test_a_device_whose_address_rotates_is_left_alone_too(way: str, window: Window) -> None:
    hub = window.hub
    subject = (await hub.journal.add_subject("Odile")).id
    await hub.journal.adopt(ROTATING, SCALE.driver)
    await hub.journal.assign(ROTATING, None, subject, THIS_MORNING)

    await window.send(way, device=ROTATING, subject=subject)

    assert [known.adopted for known in hub.reader.devices()] == [False]


async def test_a_device_in_reach_is_read_now_because_somebody_says_so(window: Window) -> None:
    await add(window, name="Odile")
    window.hub.in_reach = [seen(window, adopted=True)]

    near = await window.get("/")
    done = await window.send("/device/read", device=SCALE.id)
    await window.send("/device/read", device="ble:C0:FF:EE:00:00:09")
    window.hub.in_reach = []
    away = await window.get("/")

    assert done.status == 303
    assert window.hub.hastened == [SCALE.id]
    assert ("Lire maintenant" in near.text, "Lire maintenant" in away.text) == (True, False)


async def test_a_person_is_erased_only_after_they_were_asked(window: Window) -> None:
    await add(window, name="Odile")
    odile = people(window)["Odile"]
    marcel = (await window.hub.journal.add_subject("Marcel")).id
    await whose(window, THIS_MORNING)

    asked = await window.send("/people/ask", subject=odile)
    still = people(window)
    done = await window.post("/people/erase", token=asked.field("token"), subject=odile)

    assert "Effacer tout ce qui concerne Odile" in asked.text
    assert "Rien ne les fait revenir" in asked.text
    assert "Ce qui a déjà été envoyé reste là-bas" in asked.text
    assert odile in still.values()
    assert people(window) == {"Marcel": marcel}
    assert "1 mesure a été effacée." in done.text
    assert "sauvegardes" in done.text


async def test_a_name_that_a_device_chose_is_text(window: Window) -> None:
    window.hub.in_reach = [seen(window, name="<script>alert(1)</script>\x1b[2J")]

    listed = await window.get("/devices")

    assert "<script>alert" not in listed.html
    assert "\x1b" not in listed.html
