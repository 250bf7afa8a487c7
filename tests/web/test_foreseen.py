"""A destination that cannot be reached: nobody who did not consent reads that they wait for it."""

from __future__ import annotations

import pytest

from gateway.domain.kiosk import OpenedBy
from tests.journal.making import grant, withdrawal
from tests.web.measuring import SCALE, owned, weigh
from tests.web.window import Window

WAITS = "Attend de partir vers Mon espace santé"


@pytest.fixture
async def window(window: Window) -> Window:
    """Nothing asks for what is due, as in an outage."""
    return await owned(window, SCALE)


def the_address(window: Window) -> dict[str, str]:
    return {"address": window.hub.addresses["mes"][0]}


async def test_what_nobody_consented_to_is_not_said_to_wait_for_an_outage_to_end(
    window: Window,
) -> None:
    journal, clock = window.hub.journal, window.hub.clock
    subject = (await journal.add_subject("Marcel")).id
    await journal.assign(SCALE.id, None, subject, clock.now().utc)
    clock.advance(60)
    entry = await weigh(window, "81.3")

    async def told() -> tuple[str, str]:
        return (await window.get("/")).text, (await window.send("/story", reading=entry.id)).text

    none = await told()
    await journal.record_grant(grant(subject).model_copy(update=the_address(window)))
    given = await told()
    await journal.record_grant(grant(subject, "grant-2", destination="clinic"))
    await journal.record_withdrawal(withdrawal(subject))
    again = await told()

    for page in none:
        assert "Gardée ici : pas d'accord pour Mon espace santé" in page
        assert WAITS not in page
    assert all(WAITS in page for page in given)
    assert all(WAITS not in page for page in again)


async def test_at_the_kiosk_nobody_is_told_of_a_destination_that_they_did_not_ask_for(
    window: Window,
) -> None:
    await window.hub.journal.open_kiosk([SCALE.id], opened_by=OpenedBy.PERSON)
    window.hub.clock.advance(60)
    await weigh(window, "72.4")

    page = (await window.get("/kiosk")).text

    assert "72,4" in page
    assert "Attend de partir" not in page


async def test_nor_that_it_was_sent_where_nobody_knows_that(
    window: Window,
) -> None:
    journal, clock = window.hub.journal, window.hub.clock
    subject = (await journal.add_subject("Marcel")).id
    await journal.assign(SCALE.id, None, subject, clock.now().utc)
    await journal.record_grant(grant(subject).model_copy(update=the_address(window)))
    clock.advance(60)
    await weigh(window, "81.3")
    (released,) = await journal.claim("mes", 10, clock.now().utc)
    await journal.unsettle(released, clock.now().utc, "It was restored.")
    sent = (await window.get("/")).text
    window.hub.addresses = {"mes": ("https://elsewhere.example",)}

    page = (await window.get("/")).text

    checked = "Envoyée à Mon espace santé, arrivée en cours de vérification"
    assert [checked in each for each in (sent, page)] == [True, False]
    assert "mais elle était peut-être arrivée" in page
