"""A destination that cannot be reached for days: nobody is told what is not true meanwhile."""

from __future__ import annotations

import csv
import io
import zipfile
from collections import defaultdict
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli import journal as journal_command
from gateway.cli.speech import Speech
from gateway.consent.gate import Released
from gateway.consent.grant import Grant
from gateway.domain.kiosk import OpenedBy
from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId
from gateway.errors import OutcomeUnknown, UplinkUnavailable
from gateway.journal.journal import Journal
from gateway.journal.states import State
from gateway.metrics import Metrics
from gateway.uplink.route import Route
from tests.api.hubs import ADDRESSES, ROUTES, Api, JournalHub
from tests.journal.making import LONG_AGO, grant, weight, withdrawal
from tests.journal.making import SCALE as HOME
from tests.uplink.doubles import PassingTime
from tests.web.measuring import SCALE, owned, weigh
from tests.web.window import Window

ACTIVE = (State.DUE, State.UNSETTLED)
WAITS = "Attend de partir vers Mon espace santé"
KEPT = "Gardée ici"


class Down:
    """Loses its first answer, and then cannot be reached."""

    name = "mes"
    takes = ROUTES["mes"]

    def __init__(self) -> None:
        self.attempts = 0

    async def close(self) -> None:
        pass

    async def find(self, released: Released, /) -> Receipt | None:
        return await self.send(released)

    async def send(self, released: Released, /) -> Receipt:
        self.attempts += 1
        raise OutcomeUnknown("lost") if self.attempts == 1 else UplinkUnavailable("It is down.")


@pytest.fixture
async def window(window: Window) -> Window:
    return await owned(window, SCALE)


def here(given: Grant) -> Grant:
    return given.model_copy(update={"address": ADDRESSES["mes"][0]})


async def test_for_days_every_view_says_the_same_of_who_waits_and_who_never_will(
    window: Window,
) -> None:
    journal, clock, down = window.hub.journal, window.hub.clock, Down()
    route = Route(
        journal,
        down,
        clock,
        Metrics(),
        max_concurrent=4,
        timer=PassingTime(clock),
        jitter=lambda: 0.0,
    )
    odile, marcel, ada, zoe = [await _measured_at(journal, slot) for slot in range(4)]
    ends = clock.now().utc + timedelta(days=1, hours=12)
    await journal.record_grant(here(grant(odile, "grant-1")))
    await journal.record_grant(here(grant(ada, "grant-2", expires=ends)))
    await journal.record_grant(here(grant(zoe, "grant-3")))

    found, expected = [], []
    for day in range(3):
        for slot in range(5):  # whose the last is nobody said
            at = clock.now().utc
            await journal.record(HOME, [weight(day * 5 + slot, slot=str(slot), at=at)])
        consenting = (odile,) if day == 2 else (odile, ada, zoe)
        found += await _waiting_by_every_view(window)
        expected += [_of(window, *consenting)] * 6
        for _ in range(12):
            clock.advance(2 * 3600)
            await route.round()
        if day == 1:
            await journal.record_withdrawal(withdrawal(zoe))

    assert found == expected
    assert down.attempts > 10
    assert _why_not(window) == {
        odile: set(),
        marcel: {"no_grant"},
        ada: {"expired"},
        zoe: {"withdrawn"},
        None: {"unclaimed"},
    }
    await journal.record_grant(here(grant(marcel, "grant-4")))
    for view in window.hub.reader.entries(unclaimed=True):
        await journal.claim_entry(view.entry.id, odile)

    assert await _waiting_by_every_view(window) == [_of(window, odile, marcel)] * 6


async def _measured_at(journal: Journal, slot: int) -> SubjectId:
    subject = (await journal.add_subject(f"Person {slot}")).id
    await journal.adopt(HOME.id, HOME.driver)
    await journal.assign(HOME.id, str(slot), subject, LONG_AGO)
    return subject


def _of(window: Window, *people: SubjectId) -> set[str]:
    return {v.entry.id for v in window.hub.reader.entries() if v.entry.subject in people}


def _why_not(window: Window) -> dict[SubjectId | None, set[str | None]]:
    """Return why what does not wait does not, by whose it is."""
    found: defaultdict[SubjectId | None, set[str | None]] = defaultdict(set)
    for view in window.hub.reader.entries():
        (delivery,) = view.deliveries
        reasons = found[view.entry.subject]
        if delivery.state not in ACTIVE:
            reasons.add(delivery.reason)
    return dict(found)


async def _waiting_by_every_view(window: Window) -> list[set[str]]:
    """Return what waits by the API, the counts of `status`, the health of the fleet, the command,
    the export, and the pages; where a number is told, by the API if it is the same.
    """
    hub, api = window.hub, Api(window.hub)
    answers = {path: (await api.get(path))[1] for path in ("readings", "outbox", "people")}
    waiting = {
        reading["id"]
        for reading in answers["readings"]
        for delivery in reading["deliveries"]
        if delivery["state"] in ACTIVE
    }
    counted = sum(each["count"] for each in answers["outbox"] if each["state"] in ACTIVE)
    told = hub.reader.summary().deliveries
    summed = sum(told.get(state, 0) for state in ACTIVE)
    stories = {
        view.entry.id: (await window.send("/story", reading=view.entry.id)).text
        for view in hub.reader.entries()
    }
    return [
        waiting,
        *(waiting if each == len(waiting) else set() for each in (counted, summed)),
        _by_the_command(answers),
        {line for subject in hub.reader.subjects() for line in _exported(hub, subject.id)},
        {reading for reading, story in stories.items() if "Attend d'être envoyée" in story},
    ]


def _by_the_command(answers: dict[str, Any]) -> set[str]:
    commands = typer.Typer()
    journal_command.add(commands)
    client = SimpleNamespace(get=lambda path, **_: answers[path])
    obj = SimpleNamespace(client=client, t=Speech("fr"))
    told = CliRunner().invoke(commands, ["journal"], obj=obj, env={"COLUMNS": "300"}).output
    lines = [line for line in told.splitlines() if "kg" in line]
    assert len(lines) == len(answers["readings"])
    return {
        reading["id"]
        for reading in answers["readings"]
        for line in lines
        if reading["id"] in line and KEPT not in line
    }


def _exported(hub: JournalHub, subject: SubjectId) -> set[str]:
    file = zipfile.ZipFile(io.BytesIO(b"".join(hub.export(subject, "fr"))))
    table = file.read("readings.csv").decode("utf-8-sig")
    return {
        line["Identifiant"]
        for line in csv.DictReader(io.StringIO(table), delimiter=";")
        if KEPT not in line["Où elle est"]
    }


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
    await journal.record_grant(here(grant(subject)))
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


async def test_nor_that_it_was_sent_where_nobody_knows_that(window: Window) -> None:
    journal, clock = window.hub.journal, window.hub.clock
    subject = (await journal.add_subject("Marcel")).id
    await journal.assign(SCALE.id, None, subject, clock.now().utc)
    ends = clock.now().utc + timedelta(hours=1)
    await journal.record_grant(here(grant(subject, expires=ends)))
    clock.advance(60)
    await weigh(window, "81.3")
    (released,) = await journal.claim("mes", 10, clock.now().utc)
    await journal.unsettle(released, clock.now().utc, "The answer was lost.")
    sent = (await window.get("/")).text
    clock.advance(3600)
    await journal.answers()

    page = (await window.get("/")).text

    checked = "Envoyée à Mon espace santé, arrivée en cours de vérification"
    assert [checked in each for each in (sent, page)] == [True, False]
    assert "mais elle était peut-être arrivée" in page
