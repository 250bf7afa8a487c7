"""A device that two people share: whose number is whose is said once, at a reading."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.api.hub import Counter
from gateway.domain.entry import Entry
from gateway.domain.subject import SubjectId
from gateway.testing.clock import START
from tests.journal.making import SCALE, weight
from tests.web.measuring import owned
from tests.web.window import Window

LATER = "avec le numéro 2"
LONG_AGO = START - timedelta(days=300)


@pytest.fixture
async def window(window: Window) -> Window:
    return await owned(window, SCALE)


async def person(window: Window, name: str) -> SubjectId:
    return (await window.hub.journal.add_subject(name)).id


async def weighed(window: Window, slot: str | None) -> Entry:
    """Let the scale tell a weight of somebody who chose this number on it."""
    window.hub.clock.advance(600)
    now = window.hub.clock.now().utc
    (entry,) = await window.hub.journal.record(
        SCALE, [weight(int(now.timestamp()), at=now, slot=slot)]
    )
    return entry


async def test_a_number_is_somebodys_from_the_reading_at_which_they_say_so(window: Window) -> None:
    odile, marcel = await person(window, "Odile"), await person(window, "Marcel")
    await window.hub.journal.assign(SCALE.id, "1", odile, LONG_AGO)
    before, first = await weighed(window, "2"), await weighed(window, "2")

    asked = (await window.get("/")).text
    await window.send("/claim", reading=first.id, subject=marcel, later="yes")

    assert LATER in asked
    assert [(await weighed(window, each)).subject for each in "12"] == [odile, marcel]
    (unclaimed,) = window.hub.reader.entries(unclaimed=True)
    assert unclaimed.entry.id == before.id


async def test_without_that_word_the_next_is_asked_about_again(window: Window) -> None:
    marcel = await person(window, "Marcel")
    first = await weighed(window, "2")

    await window.send("/claim", reading=first.id, subject=marcel)

    assert (await weighed(window, "2")).subject is None


async def test_who_was_taken_for_the_one_user_is_told_apart_from_then_on(window: Window) -> None:
    odile, marcel = await person(window, "Odile"), await person(window, "Marcel")
    await window.hub.journal.assign(SCALE.id, None, odile, LONG_AGO)
    marcels = await weighed(window, "2")
    assert marcels.subject == odile

    asked = (await window.send("/story", reading=marcels.id)).text
    await window.send("/reassign", reading=marcels.id, subject=marcel, later="yes")

    assert LATER in asked
    assert [(await weighed(window, each)).subject for each in "12"] == [odile, marcel]


async def test_a_number_that_is_somebodys_is_not_given_to_another_as_well(window: Window) -> None:
    odile, marcel = await person(window, "Odile"), await person(window, "Marcel")
    await window.hub.journal.assign(SCALE.id, "2", odile, LONG_AGO)
    reading = await weighed(window, "2")

    asked = (await window.send("/story", reading=reading.id)).text
    await window.send("/reassign", reading=reading.id, subject=marcel, later="yes")

    assert LATER not in asked
    assert [each.subject for each in window.hub.reader.assignments()] == [odile]
    assert (await weighed(window, "2")).subject == odile


@pytest.mark.parametrize("path", ["/claim", "/reassign"])
async def test_nobody_is_given_no_number(path: str, window: Window) -> None:
    reading = await weighed(window, "2")

    await window.send(path, reading=reading.id, subject="nobody", later="yes")

    assert window.hub.reader.assignments() == []


async def test_a_device_that_knows_no_numbers_is_not_asked_about(window: Window) -> None:
    marcel = await person(window, "Marcel")
    reading = await weighed(window, None)

    asked = (await window.get("/")).text
    await window.send("/claim", reading=reading.id, subject=marcel, later="yes")

    assert "À qui sont ces mesures ?" in asked
    assert "avec le numéro" not in asked
    assert window.hub.reader.assignments() == []


@pytest.mark.parametrize("named", [SCALE.id, "c0:ff:ee:00:00:01"], ids=["id", "address"])
async def test_at_a_kiosk_a_number_is_whoever_chooses_it(named: str, window: Window) -> None:
    window.hub.counter = Counter([named], lasts=timedelta(minutes=10))
    marcel = await person(window, "Marcel")
    reading = await weighed(window, "2")

    asked = (await window.get("/")).text
    await window.send("/claim", reading=reading.id, subject=marcel, later="yes")

    assert "avec le numéro" not in asked
    assert window.hub.reader.assignments() == []


async def test_two_who_swapped_their_numbers_say_so_on_the_page(window: Window) -> None:
    odile, marcel = await person(window, "Odile"), await person(window, "Marcel")
    about = {"device": SCALE.id, "since": "today"}
    await window.send("/devices/add", **about, subject=odile, slot="1")
    await window.send("/devices/add", **about, shared="yes", subject=marcel, slot="2")
    before = [await weighed(window, each) for each in "12"]
    window.hub.clock.advance(600)

    for each in (odile, marcel):
        await window.send("/devices/end", device=SCALE.id, subject=each)
    await window.send("/devices/add", on="/devices", **about, subject=odile, slot="2")
    await window.send("/devices/add", **about, shared="yes", subject=marcel, slot="1")

    assert [(await weighed(window, each)).subject for each in "12"] == [marcel, odile]
    kept = [window.hub.reader.entry(each.id) for each in before]
    assert [view.entry.subject for view in kept if view is not None] == [odile, marcel]
