"""A mistake found out after a week: every reading can be found, and what is to be corrected."""

from __future__ import annotations

import re

import pytest

from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId
from gateway.journal.views import EntryView
from tests.web.measuring import SCALE, owned, weigh
from tests.web.window import Answer, Window


@pytest.fixture
async def window(window: Window) -> Window:
    return await owned(window, SCALE)


async def odile(window: Window, name: str = "Odile") -> SubjectId:
    subject = (await window.hub.journal.add_subject(name)).id
    await window.hub.journal.assign(SCALE.id, None, subject, window.hub.clock.now().utc)
    window.hub.clock.advance(60)
    return subject


async def weeks(window: Window, weighings: int) -> None:
    """Let somebody stand on the scale, every eight hours."""
    for number in range(weighings):
        await weigh(window, f"{60 + number}.0")
        window.hub.clock.advance(8 * 3600)


def listed(page: Answer) -> list[str]:
    return re.findall(r"<strong>(\d+),0", page.html)


async def test_every_reading_of_a_kind_is_there_a_page_at_a_time_and_can_be_given_to_another(
    window: Window,
) -> None:
    subject = await odile(window)
    marcel = (await window.hub.journal.add_subject("Marcel")).id
    await weeks(window, 33)

    latest = await window.send("/readings", subject=subject, kind="weight")
    before = latest.field("before")
    oldest = await window.send("/readings", subject=subject, kind="weight", before=before)
    reading = re.findall(r'name="reading" value="(\w+)"', oldest.html)[-1]
    asked = await window.send("/story", reading=reading)
    await window.send("/reassign", reading=reading, subject=marcel)

    assert "Toutes les mesures" in (await window.get("/")).text
    assert listed(latest) == [str(60 + number) for number in range(32, 2, -1)]
    assert listed(oldest) == ["62", "61", "60"]
    assert 'name="before"' not in oldest.html
    assert "À qui est cette mesure" in asked.text
    assert _of(window, marcel)[0].entry.id == reading


@pytest.mark.parametrize("form", [{"kind": "weight"}, {"subject": "p-0"}, {"kind": "shoes"}])
async def test_where_there_is_nothing_to_show_the_home_is(
    form: dict[str, str], window: Window
) -> None:
    asked = {"subject": await odile(window), "kind": "weight", **form}

    assert (await window.send("/readings", **asked)).status == 303


async def test_what_was_sent_of_the_wrong_person_is_listed_until_somebody_corrected_it(
    window: Window,
) -> None:
    await sent_in_error(window, 2)

    home = await window.get("/")
    tasks = await window.get("/corrections")
    one_left = await window.send("/corrections/done", number=tasks.field("number"))
    unknown = await window.send("/corrections/done", number="99")
    none_left = await window.send("/corrections/done", number=one_left.field("number"))

    assert "2 mesures envoyées sont à corriger" in home.text
    assert 'href="/corrections"' in home.html
    not_theirs = "Odile, Mon espace santé : cette mesure n'est pas à cette personne."
    assert [page.text.count(not_theirs) for page in (tasks, one_left, unknown)] == [0, 1, 1]
    both = "Odile, Mon espace santé : ces mesures ne sont pas à cette personne."
    assert [page.text.count(both) for page in (tasks, one_left, unknown)] == [1, 0, 0]
    assert [kg in tasks.text for kg in ("60,0 kg", "61,0 kg")] == [True, True]
    assert none_left.status == 303
    assert "à corriger" not in (await window.get("/")).text


async def test_what_is_wrong_alike_is_answered_by_one_tap_but_not_what_came_meanwhile(
    window: Window,
) -> None:
    """Sixteen days of another person are one mistake; what is shown is what is said to be done."""
    await sent_in_error(window, 16)
    tasks = await window.get("/corrections")
    shown = {"number": tasks.field("number"), "last": tasks.field("last")}
    await sent_in_error(window, 1)

    one_left = await window.send("/corrections/done", **shown)
    await window.send("/corrections/done", number=one_left.field("number"))

    assert "C'est fait pour les 16" in tasks.text
    assert len(re.findall(r"\d+,0 kg", tasks.text)) == 16
    assert one_left.text.count("C'est fait") == 2  # what it says to touch, and the button
    assert window.hub.reader.corrections_owed() == []


async def test_what_is_wrong_with_another_person_is_another_question(window: Window) -> None:
    await sent_in_error(window, 2)
    (hers,) = window.hub.reader.assignments()
    await window.hub.journal.end_assignment(hers, window.hub.clock.now().utc)
    await sent_in_error(window, 2, "Marcel")

    tasks = await window.get("/corrections")
    numbers = {"number": tasks.field("number"), "last": tasks.field("last")}
    left = await window.send("/corrections/done", **numbers)

    assert tasks.text.count("C'est fait pour les 2") == 2
    assert left.text.count("C'est fait pour les 2") == 1


def _of(window: Window, subject: SubjectId) -> list[EntryView]:
    return window.hub.reader.entries(subject=subject)


async def sent_in_error(window: Window, weighings: int, name: str = "Odile") -> None:
    """Send so many readings of a person that are said to be nobody's then."""
    known = [each.id for each in window.hub.reader.subjects() if each.label == name]
    subject = known[0] if known else await odile(window, name)
    if not known:
        await consents(window, subject)
    await weeks(window, weighings)
    for released in await window.hub.journal.claim("mes", 50, window.hub.clock.now().utc):
        sent = Receipt("mes", "Observation/7", window.hub.clock.now().utc)
        await window.hub.journal.settle(released, sent)
    for view in _of(window, subject):
        await window.send("/reassign", reading=view.entry.id, subject="nobody")


async def consents(window: Window, subject: SubjectId) -> None:
    asked = await window.send("/consent", subject=subject, destination="mes")
    record = {name: asked.field(name) for name in ("language", "version", "destination", "subject")}
    await window.send("/consent/give", kind="weight", **record)
    window.hub.clock.advance(60)
