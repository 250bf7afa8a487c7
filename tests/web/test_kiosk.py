"""The kiosk's screen: one person at a time, and nothing of anybody else."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.api.browsers import Role
from gateway.api.hub import PairsBy, ShutOut
from gateway.consent.grant import Capacity, Grant, Withdrawal
from gateway.domain.device import DeviceId
from gateway.domain.kiosk import UNATTENDED, ClosedBy, OpenedBy
from gateway.errors import CodeRefused
from tests.web.measuring import SCALE, use_a_ketone_strip, weigh
from tests.web.window import Answer, Window, a_window

KIOSK = "/kiosk"
MES = {"destination": "mes", "language": "fr", "version": "1"}


@pytest.fixture
async def kiosk(tmp_path: Path) -> AsyncIterator[Window]:
    async with a_window(tmp_path) as opened:
        for device in ("serial:scale", "serial:cuff"):
            await opened.hub.journal.adopt(DeviceId(device), SCALE.driver)
        await opened.enter(Role.KIOSK)
        yield opened


async def begun(kiosk: Window) -> str:
    """Begin a turn; return its number. Some time passes."""
    await kiosk.send("/kiosk/begin", on=KIOSK)
    kiosk.hub.clock.advance(60)
    return (await kiosk.get(KIOSK)).field("session")


async def act(kiosk: Window, path: str, session: str, **form: str) -> Answer:
    return await kiosk.send(path, on=KIOSK, session=session, **form)


async def test_a_reading_of_the_turn_is_shown_in_large_words(kiosk: Window) -> None:
    await begun(kiosk)
    await weigh(kiosk, "72.4")

    shown = (await kiosk.get(KIOSK)).text

    assert "C'est à vous" in shown
    assert "Poids à 10 h 27 72,4 kg" in shown


async def test_what_was_measured_before_the_turn_is_never_shown(kiosk: Window) -> None:
    before = kiosk.hub.clock.now().utc - timedelta(hours=1)
    await weigh(kiosk, "91.1")
    kiosk.hub.clock.advance(120)
    await begun(kiosk)
    await weigh(kiosk, "92.2", taken_at=before)

    shown = (await kiosk.get(KIOSK)).text

    assert "91,1" not in shown
    assert "92,2" not in shown
    assert "Prenez votre mesure" in shown


async def test_nor_what_a_person_known_here_measured_at_home(kiosk: Window) -> None:
    subject = (await kiosk.hub.journal.add_subject("Odile")).id
    earlier = await weigh(kiosk, "90.9")
    await kiosk.hub.journal.claim_entry(earlier.id, subject)
    kiosk.hub.clock.advance(120)
    await kiosk.hub.journal.open_kiosk([SCALE.id], subject=subject)
    kiosk.hub.clock.advance(60)
    await weigh(kiosk, "72.4")

    shown = (await kiosk.get(KIOSK)).text

    assert "72,4" in shown
    assert "90,9" not in shown


async def test_nor_what_a_device_at_home_measures_meanwhile(kiosk: Window) -> None:
    journal, now = kiosk.hub.journal, kiosk.hub.clock.now().utc
    subject = (await journal.add_subject("Odile")).id
    await journal.assign(SCALE.id, None, subject, now)
    await journal.open_kiosk([DeviceId("serial:cuff")], subject=subject)
    kiosk.hub.clock.advance(60)
    await weigh(kiosk, "91.1")

    assert len(kiosk.hub.reader.entries(subject=subject)) == 1
    assert "91,1" not in (await kiosk.get(KIOSK)).text


async def test_one_that_may_have_been_taken_before_is_to_be_taken_again(kiosk: Window) -> None:
    await begun(kiosk)
    await weigh(kiosk, "72.4", within=timedelta(minutes=2))

    shown = (await kiosk.get(KIOSK)).text

    assert "72,4" not in shown
    assert "refaites-la" in shown


async def test_at_the_end_it_is_said_what_was_erased_and_then_nothing(kiosk: Window) -> None:
    session = await begun(kiosk)
    await weigh(kiosk, "72.4")

    bye = await act(kiosk, "/kiosk/end", session)
    after = (await kiosk.get(KIOSK)).text

    assert "1 mesure effacée" in bye.text
    assert "72,4" not in bye.text + after
    assert "Commencer" in after
    assert kiosk.hub.reader.subjects() == []
    assert kiosk.hub.reader.entries() == []


async def test_a_tap_by_mistake_erases_nothing_and_the_turn_goes_on_as_long_as_before(
    kiosk: Window,
) -> None:
    session = await begun(kiosk)
    await weigh(kiosk, "72.4")
    turn = await kiosk.get(KIOSK)

    asked = await act(kiosk, "/kiosk/end/ask", session)
    kiosk.hub.clock.advance(30)
    await act(kiosk, "/kiosk/prolong", asked.field("session"))
    kiosk.hub.clock.advance(530)

    assert 'action="/kiosk/end/ask"' in turn.html
    assert 'action="/kiosk/end"' not in turn.html
    assert "Rien ne les fait revenir" in asked.text
    assert "72,4" not in asked.text
    assert "72,4" in (await kiosk.get(KIOSK)).text


@pytest.mark.parametrize(("minutes", "stays_s"), [(10, 60), (2, 40), (1, 20)])
async def test_who_asked_to_end_and_has_gone_leaves_nothing_to_the_next(
    minutes: int, stays_s: int, kiosk: Window
) -> None:
    assert kiosk.hub.counter is not None
    kiosk.hub.counter = replace(kiosk.hub.counter, lasts=timedelta(minutes=minutes))
    await kiosk.send("/kiosk/begin", on=KIOSK)
    await weigh(kiosk, "72.4", within=timedelta())
    session = (await kiosk.get(KIOSK)).field("session")

    asked = await act(kiosk, "/kiosk/end/ask", session)
    kiosk.hub.clock.advance(stays_s - 1)
    before = await kiosk.get(KIOSK)
    kiosk.hub.clock.advance(1)
    after = await kiosk.get(KIOSK)

    assert refreshed_after_s(asked) == stays_s + 1
    assert announced(asked)
    assert "72,4" in before.text
    assert "72,4" not in after.text
    assert "Commencer" in after.text


async def test_what_was_sent_is_said_to_stay_there_before_all_is_erased(kiosk: Window) -> None:
    session = await begun(kiosk)
    before = await act(kiosk, "/kiosk/end/ask", session)
    await act(kiosk, "/kiosk/consent/give", session, kind="weight", **MES)

    asked = await act(kiosk, "/kiosk/end/ask", session)

    assert "reste là-bas" in asked.text
    assert "reste là-bas" not in before.text


async def test_who_keeps_their_readings_ends_with_one_tap(kiosk: Window) -> None:
    session = await begun(kiosk)
    await weigh(kiosk, "72.4")
    await act(kiosk, "/kiosk/keep", session, called="Camille")

    turn = await kiosk.get(KIOSK)
    late = await act(kiosk, "/kiosk/end/ask", session)

    assert 'action="/kiosk/end"' in turn.html
    assert "Vos mesures restent" in late.text


async def test_whoever_keeps_their_readings_stays_and_is_told_so(kiosk: Window) -> None:
    session = await begun(kiosk)
    await weigh(kiosk, "72.4")
    await act(kiosk, "/kiosk/keep", session, called="Camille")

    bye = await act(kiosk, "/kiosk/end", session)

    assert "Vos mesures restent" in bye.text
    assert [person.label for person in kiosk.hub.reader.subjects()] == ["Camille"]
    assert "Camille" not in (await kiosk.get(KIOSK)).text


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/kiosk/end", {}),
        ("/kiosk/end/ask", {}),
        ("/kiosk/prolong", {}),
        ("/kiosk/name", {}),
        ("/kiosk/consent", {}),
        ("/kiosk/keep", {"called": "Intruder"}),
        ("/kiosk/consent/give", {"kind": "weight", "language": "fr", "version": "1"}),
        ("/kiosk/consent/withdraw", {}),
        ("/kiosk/pairing/code", {"code": "1234"}),
    ],
)
async def test_what_was_left_on_the_screen_cannot_act_on_the_next_persons_turn(
    kiosk: Window, path: str, form: dict[str, str]
) -> None:
    first = await begun(kiosk)
    await act(kiosk, "/kiosk/begin", first)
    before = kiosk.hub.reader.kiosk()
    commits = kiosk.hub.journal.commits

    await act(kiosk, path, first, destination="mes", **form)

    assert kiosk.hub.reader.kiosk() == before
    assert kiosk.hub.journal.commits == commits
    assert kiosk.hub.paired == []


async def test_past_its_limit_a_turn_is_shown_no_more_even_if_nobody_ended_it(
    kiosk: Window,
) -> None:
    await begun(kiosk)
    await weigh(kiosk, "72.4")
    kiosk.hub.clock.advance(600)

    shown = (await kiosk.get(KIOSK)).text

    assert "72,4" not in shown
    assert "Commencer" in shown


async def test_who_needs_longer_asks_for_it_as_often_as_they_like(kiosk: Window) -> None:
    session = await begun(kiosk)
    for _ in range(10):
        kiosk.hub.clock.advance(530)
        await act(kiosk, "/kiosk/prolong", session)
    kiosk.hub.clock.advance(530)
    entry = await weigh(kiosk, "72.4")

    shown = (await kiosk.get(KIOSK)).text
    kiosk.hub.clock.advance(71)
    after = (await kiosk.get(KIOSK)).text

    assert entry.subject is not None
    assert "72,4" in shown
    assert "72,4" not in after


async def test_who_asks_for_longer_too_late_has_no_turn_any_more(kiosk: Window) -> None:
    session = await begun(kiosk)
    kiosk.hub.clock.advance(600)

    await act(kiosk, "/kiosk/prolong", session)

    assert "Commencer" in (await kiosk.get(KIOSK)).text
    assert (await weigh(kiosk, "72.4")).subject is None


async def test_reading_what_is_consented_to_begins_the_time_anew(kiosk: Window) -> None:
    session = await begun(kiosk)
    kiosk.hub.clock.advance(530)
    await act(kiosk, "/kiosk/consent", session, destination="mes")
    kiosk.hub.clock.advance(530)

    assert "C'est à vous" in (await kiosk.get(KIOSK)).text


FORMS = ("/kiosk/consent", "/kiosk/pairing", "/kiosk/name")


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize(("minutes", "stays_s"), [(10, 540), (2, 80), (1, 40)])
async def test_without_scripts_what_is_read_or_typed_stays_until_time_runs_out_and_that_is_asked(
    minutes: int, stays_s: int, path: str, kiosk: Window
) -> None:
    assert kiosk.hub.counter is not None
    kiosk.hub.counter = replace(kiosk.hub.counter, lasts=timedelta(minutes=minutes))
    await kiosk.send("/kiosk/begin", on=KIOSK)
    session = (await kiosk.get(KIOSK)).field("session")

    shown = await act(kiosk, path, session, destination="mes")
    kiosk.hub.clock.advance(stays_s)
    asked = await kiosk.get(KIOSK)
    await act(kiosk, "/kiosk/prolong", session)

    assert refreshed_after_s(shown) == stays_s
    assert announced(asked)
    assert "Encore un moment" in asked.text
    assert not announced(await kiosk.get(KIOSK))


async def test_without_scripts_the_turn_that_is_not_prolonged_ends_by_itself(
    kiosk: Window,
) -> None:
    await begun(kiosk)
    await weigh(kiosk, "72.4")
    seen: list[int] = []
    while "72,4" in (shown := await kiosk.get(KIOSK)).text:
        seen.append(announced(shown))
        kiosk.hub.clock.advance(refreshed_after_s(shown))

    assert sum(seen) >= 3
    assert sorted(seen) == seen, "it is announced until the end"
    assert "Commencer" in shown.text


async def test_without_scripts_a_name_is_typed_on_a_page_of_its_own(kiosk: Window) -> None:
    session = await begun(kiosk)
    offered = await kiosk.get(KIOSK)

    page = await act(kiosk, "/kiosk/name", session)
    await act(kiosk, "/kiosk/keep", page.field("session"), called="Camille")

    assert 'action="/kiosk/name"' in offered.html
    assert "Sous quel nom" in page.text
    assert [person.label for person in kiosk.hub.reader.subjects()] == ["Camille"]


def refreshed_after_s(shown: Answer) -> int:
    """Return when a browser without scripts asks anew."""
    (seconds,) = re.findall(r'http-equiv="refresh" content="(\d+);', shown.html)
    return int(seconds)


def announced(shown: Answer) -> bool:
    """Tell whether the page says that time runs out, in its title and where it can be prolonged."""
    said = re.search(r'<strong id="soon"( hidden)?', shown.html)
    assert said is not None
    title = "Il reste moins d'une minute" in shown.html.split("</title>")[0].replace("&#39;", "'")
    assert title == (said[1] is None)
    return title


async def test_consent_is_given_in_two_taps_and_taken_back_in_one(kiosk: Window) -> None:
    session = await begun(kiosk)
    await weigh(kiosk, "72.4")
    asked = await act(kiosk, "/kiosk/consent", session, destination="mes")
    record = {name: asked.field(name) for name in ("language", "version", "destination")}

    await act(kiosk, "/kiosk/consent/give", session, kind="weight", earlier="yes", **record)
    subject = kiosk.hub.reader.subjects()[0].id
    (grant,) = kiosk.hub.reader.ledger(subject)
    await act(kiosk, "/kiosk/consent/withdraw", session, destination="mes")

    assert "Dès cet instant plus rien ne part" in asked.text
    turn = kiosk.hub.reader.kiosk()
    assert turn is not None
    assert getattr(grant, "covers_from", None) == turn.opened_at
    assert len(kiosk.hub.reader.ledger(subject)) == 2


async def test_consent_shows_at_once_what_the_destination_has_no_place_for(kiosk: Window) -> None:
    session = await begun(kiosk)
    await use_a_ketone_strip(kiosk, "1.4")
    before = await kiosk.get(KIOSK)

    await act(kiosk, "/kiosk/consent/give", session, kind="weight", **MES)
    after = await kiosk.get(KIOSK)

    keys = [
        re.findall(r'id="readings" data-live data-key="(\w+)"', page.html)
        for page in (before, after)
    ]
    assert "1,4 mmol/L" in before.text
    assert "ne prend pas ce type de mesure" not in before.text
    assert "ne prend pas ce type de mesure" in after.text
    assert keys[0] != keys[1]


async def test_only_what_was_ticked_may_leave_and_without_a_choice_only_from_now_on(
    kiosk: Window,
) -> None:
    session = await begun(kiosk)

    await act(
        *(kiosk, "/kiosk/consent/give", session),
        kind="weight",
        **MES,
    )

    (grant,) = kiosk.hub.reader.ledger(kiosk.hub.reader.subjects()[0].id)
    assert getattr(grant, "kinds", None) == {"weight"}
    assert getattr(grant, "covers_from", None) == kiosk.hub.clock.now().utc


async def test_nothing_ticked_is_no_consent(kiosk: Window) -> None:
    session = await begun(kiosk)

    await act(
        *(kiosk, "/kiosk/consent/give", session),
        **MES,
    )

    assert kiosk.hub.reader.ledger(kiosk.hub.reader.subjects()[0].id) == ()


async def test_a_wrong_code_is_said_in_words_and_another_one_may_be_typed(kiosk: Window) -> None:
    session = await begun(kiosk)
    kiosk.hub.refusal = CodeRefused("no")
    page = await act(kiosk, "/kiosk/pairing", session, destination="mes")
    form = {"destination": "mes", "state": page.field("state")}

    refused = await act(kiosk, "/kiosk/pairing/code", session, code="1", **form)
    kiosk.hub.refusal = None
    form = {"destination": "mes", "state": refused.field("state")}
    done = await act(kiosk, "/kiosk/pairing/code", session, code="2", **form)

    assert "Ce code est faux" in refused.text
    assert done.status == 303
    assert [code for _, _, code in kiosk.hub.paired] == ["2"]


async def test_the_code_of_a_telephone_ends_what_was_begun_with_it_and_for_nobody_else(
    kiosk: Window,
) -> None:
    annes = await begun(kiosk)
    page = await act(kiosk, "/kiosk/pairing", annes, destination="mes")
    form = {"destination": "mes", "state": page.field("state"), "code": "1"}
    await act(kiosk, "/kiosk/end", annes)
    brunos = await begun(kiosk)

    refused = await act(kiosk, "/kiosk/pairing/code", brunos, **form)
    nobodys = list(kiosk.hub.paired)
    anew = {**form, "state": refused.field("state"), "code": "2"}
    done = await act(kiosk, "/kiosk/pairing/code", brunos, **anew)

    assert '<svg class="qr"' in page.html
    assert 'role="alert"' not in page.html
    assert "Ce code est faux" in refused.text
    assert 'value="1"' not in refused.html
    assert nobodys == []
    assert done.status == 303
    (begun_with,) = kiosk.hub.begun
    assert begun_with is not None
    assert begun_with.state == anew["state"]


async def test_where_nobody_signs_in_a_code_is_enough_at_the_counter_too(kiosk: Window) -> None:
    kiosk.hub.pairs = PairsBy.CODE
    session = await begun(kiosk)
    page = await act(kiosk, "/kiosk/pairing", session, destination="mes")

    form = {"destination": "mes", "state": page.field("state"), "code": "1"}
    done = await act(kiosk, "/kiosk/pairing/code", session, **form)

    assert '<svg class="qr"' not in page.html
    assert done.status == 303
    assert [code for _, _, code in kiosk.hub.paired] == ["1"]


ENGLISH = {"language": "en", "back": KIOSK}


@pytest.mark.parametrize("ending", ["said", "limit", "next"])
async def test_a_language_is_chosen_for_one_turn_however_that_ends(
    ending: str, kiosk: Window
) -> None:
    await kiosk.post("/language", **ENGLISH)
    idle = await kiosk.get(KIOSK)
    await kiosk.send("/kiosk/begin", on=KIOSK, language=idle.field("language"))
    theirs = await kiosk.get(KIOSK)

    if ending == "said":
        await act(kiosk, "/kiosk/end", theirs.field("session"))
    elif ending == "limit":
        kiosk.hub.clock.advance(600)
    else:
        await kiosk.hub.journal.close_kiosk(ClosedBy.NEXT)
        await kiosk.hub.journal.open_kiosk([SCALE.id])
    after = (await kiosk.get(KIOSK)).text

    assert "It is your turn" in theirs.text
    assert ("C'est à vous" if ending == "next" else "Bonjour") in after


async def test_who_begins_before_they_find_the_language_changes_it_in_their_turn(
    kiosk: Window,
) -> None:
    session = await begun(kiosk)
    offered = await kiosk.get(KIOSK)
    await kiosk.post("/language", **ENGLISH)
    theirs = await kiosk.get(KIOSK)

    goodbye = await act(kiosk, "/kiosk/end", session)

    assert 'action="/language"' in offered.html
    assert "It is your turn" in theirs.text
    assert "Thank you" in goodbye.text
    assert "Bonjour" in (await kiosk.get(KIOSK)).text


async def test_a_language_that_nobody_begins_a_turn_in_is_chosen_for_two_minutes(
    kiosk: Window,
) -> None:
    chosen = await kiosk.post("/language", **ENGLISH)
    shown = await kiosk.get(KIOSK)

    assert chosen.cookies["language"]["max-age"] == "120"
    assert 'data-returns="120"' in shown.html  # a script asks again by then


async def test_the_next_in_the_queue_does_not_begin_in_the_language_of_the_one_before(
    kiosk: Window,
) -> None:
    session = await begun(kiosk)
    await kiosk.post("/language", **ENGLISH)
    goodbye = await act(kiosk, "/kiosk/end", session)

    await kiosk.post("/kiosk/begin", token=goodbye.field("token"))

    assert "C'est à vous" in (await kiosk.get(KIOSK)).text


async def test_who_opened_the_turn_is_taken_down(kiosk: Window) -> None:
    await begun(kiosk)
    by_person = kiosk.hub.reader.kiosk()
    staff = Window(kiosk.hub, browsers=kiosk.browsers)
    await staff.enter(Role.OWNER)

    await staff.send("/kiosk/begin")

    by_staff = kiosk.hub.reader.kiosk()
    assert by_person is not None
    assert by_staff is not None
    assert (by_person.opened_by, by_staff.opened_by) == (OpenedBy.PERSON, OpenedBy.STAFF)


async def test_whoever_opens_a_turn_from_their_own_page_stays_there_and_sees_it(
    kiosk: Window,
) -> None:
    staff = Window(kiosk.hub, browsers=kiosk.browsers)
    await staff.enter(Role.OWNER)
    page = await staff.get("/")
    form = page.html.partition('action="/kiosk/begin"')[2].partition("</form>")[0]
    fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form))

    opened = await staff.post("/kiosk/begin", **fields)

    assert (opened.status, opened.headers["location"]) == (303, "/")
    assert "Une séance est en cours" in (await staff.get("/")).text
    assert "C'est à vous" in (await kiosk.get(KIOSK)).text


async def test_a_guests_readings_are_not_on_the_owners_page(kiosk: Window) -> None:
    await begun(kiosk)
    await weigh(kiosk, "72.4")
    owner = Window(kiosk.hub, browsers=kiosk.browsers)
    await owner.enter(Role.OWNER)

    assert "72,4" not in (await owner.get("/")).text


async def test_without_a_counter_the_remedy_is_said(kiosk: Window) -> None:
    kiosk.hub.counter = None

    answer = await kiosk.get(KIOSK)

    assert answer.status == 422
    assert "[kiosk]" in answer.text


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("   ", None), ("x" * 200, "x" * 80), ("\u202e\x1b", None), ("\u202eelidO", "elidO")],
)
async def test_a_name_that_is_none_keeps_nobody_and_a_long_one_is_cut(
    typed: str, kept: str | None, kiosk: Window
) -> None:
    session = await begun(kiosk)

    answer = await act(kiosk, "/kiosk/keep", session, called=typed)

    assert answer.status == 303
    assert [each.label or None for each in kiosk.hub.reader.subjects()] == [kept]


async def test_the_next_in_the_queue_need_not_wait_for_the_goodbye_to_end(kiosk: Window) -> None:
    session = await begun(kiosk)
    goodbye = await act(kiosk, "/kiosk/end", session)

    await kiosk.post("/kiosk/begin", token=goodbye.field("token"))

    assert "Personne suivante" in goodbye.text
    assert "C'est à vous" in (await kiosk.get(KIOSK)).text


async def test_who_consented_to_another_address_is_asked_anew(kiosk: Window) -> None:
    session = await begun(kiosk)
    await act(kiosk, "/kiosk/consent/give", session, kind="weight", **MES)
    kiosk.hub.addresses = {"mes": ("https://elsewhere.example",)}

    moved = await kiosk.get(KIOSK)
    await act(kiosk, "/kiosk/consent/give", session, kind="weight", **MES)
    given = await kiosk.get(KIOSK)

    assert "n'est plus à l'adresse pour laquelle l'accord a été donné" in moved.text
    assert 'action="/kiosk/consent/withdraw"' in moved.html
    assert 'action="/kiosk/consent"' in moved.html
    assert "n'est plus à l'adresse" not in given.text


async def test_what_was_taken_before_the_consent_is_sent_after_all_if_the_person_says_so(
    kiosk: Window,
) -> None:
    session = await begun(kiosk)
    await weigh(kiosk, "72.4")
    asked = await act(kiosk, "/kiosk/consent", session, destination="mes")
    record = {name: asked.field(name) for name in ("language", "version", "destination", "address")}
    await act(kiosk, "/kiosk/consent/give", session, kind="weight", **record)
    await kiosk.hub.journal.claim("mes", 10, kiosk.hub.clock.now().utc)

    held = (await kiosk.get(KIOSK)).text
    again = (await act(kiosk, "/kiosk/consent", session, destination="mes")).text
    await act(kiosk, "/kiosk/consent/give", session, kind="weight", earlier="yes", **record)
    after = (await kiosk.get(KIOSK)).text

    assert "Envoyer aussi les mesures d'avant" in held
    assert "J'accepte, avec les mesures déjà prises" in again
    assert "Attend de partir vers Mon espace santé" in after
    assert "Envoyer aussi les mesures d'avant" not in after


async def test_whom_the_destination_refuses_is_told_so_and_what_helps(kiosk: Window) -> None:
    """They have not agreed there, or took it back there."""
    session = await begun(kiosk)
    await act(kiosk, "/kiosk/consent/give", session, kind="weight", **MES)
    kiosk.hub.clock.advance(60)
    await weigh(kiosk, "72.4")
    before = await kiosk.get(KIOSK)
    (released,) = await kiosk.hub.journal.claim("mes", 10, kiosk.hub.clock.now().utc)
    await kiosk.hub.journal.refuse(released)

    refused = await kiosk.get(KIOSK)
    await act(kiosk, "/kiosk/consent/give", session, kind="weight", **MES)
    again = await kiosk.get(KIOSK)

    told = "Mon espace santé refuse : donnez votre accord là-bas, puis de nouveau ici"
    assert [told in page.text for page in (before, refused, again)] == [False, True, False]
    assert 'action="/kiosk/consent"' in refused.html
    assert 'action="/kiosk/consent/withdraw"' in refused.html
    key = 'id="choices" data-live data-key="([^"]*)"'
    keys = [re.findall(key, page.html) for page in (before, refused)]
    assert keys[0] != keys[1]  # else a script would leave the choices as they were


async def test_whose_link_is_accepted_no_longer_can_connect_again_at_the_counter(
    kiosk: Window,
) -> None:
    """But not where it is the kiosk itself that is not accepted: that would help nobody."""
    session = await begun(kiosk)
    await act(kiosk, "/kiosk/consent/give", session, kind="weight", **MES)
    turn = kiosk.hub.reader.kiosk()
    assert turn is not None
    await kiosk.hub.journal.set_pairing(turn.subject, "mes", b"tokens")
    pages = []
    for matter in (None, ShutOut.PAIRING, ShutOut.GATEWAY):
        kiosk.hub.shut_out = {} if matter is None else {(turn.subject, "mes"): matter}
        pages.append(await kiosk.get(KIOSK))

    to_pair = ['action="/kiosk/pairing"' in page.html for page in pages]
    told = ["Mon espace santé n'accepte pas ce boîtier" in page.text for page in pages]
    assert (to_pair, told) == ([False, True, False], [False, False, True])
    keys = {re.findall('id="choices" data-live data-key="([^"]*)"', it.html)[0] for it in pages}
    assert len(keys) == 3


FOR_A_CHILD = {"capacity": "parent", "by": "Odile Martin", "expires": "2031-05-04"}


async def test_a_parent_agrees_for_their_child_under_their_own_name_and_takes_it_back_so(
    kiosk: Window,
) -> None:
    session = await begun(kiosk)
    asked = await act(kiosk, "/kiosk/consent", session, destination="mes")

    await act(kiosk, "/kiosk/consent/give", session, kind="weight", **MES, **FOR_A_CHILD)
    await act(kiosk, "/kiosk/consent/withdraw", session, destination="mes")

    given, taken_back = kiosk.hub.reader.ledger(kiosk.hub.reader.subjects()[0].id)
    assert "Un parent, pour son enfant mineur" in asked.text
    assert isinstance(given, Grant)
    assert isinstance(taken_back, Withdrawal)
    assert (given.given_by, given.capacity) == ("Odile Martin", Capacity.PARENT)
    assert given.expires is not None
    assert (taken_back.withdrawn_by, taken_back.capacity) == ("Odile Martin", Capacity.PARENT)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"capacity": "parent", "by": ""}, "Écrivez le nom du parent"),
        ({"capacity": "self", "by": "Odile"}, "choisissez à quel titre"),
        ({"capacity": "parent", "by": "Odile", "expires": "1999-01-01"}, "Ce jour est passé"),
    ],
)
async def test_where_it_is_unclear_who_agrees_nothing_is_agreed_and_the_answers_stay(
    said: dict[str, str], told: str, kiosk: Window
) -> None:
    session = await begun(kiosk)

    again = await act(kiosk, "/kiosk/consent/give", session, kind="weight", **MES, **said)

    assert told in again.text
    assert "<details open>" in again.html
    assert f'value="{said["by"]}"' in again.html
    assert kiosk.hub.reader.ledger(kiosk.hub.reader.subjects()[0].id) == ()


async def test_who_comes_again_has_their_turn_begun_by_the_staff_and_sees_whose_it_is(
    kiosk: Window,
) -> None:
    session = await begun(kiosk)
    told = (await act(kiosk, "/kiosk/keep", session, called="Camille"), await kiosk.get(KIOSK))[1]
    await act(kiosk, "/kiosk/end", session)
    camille = kiosk.hub.reader.subjects()[0].id
    staff = Window(kiosk.hub, browsers=kiosk.browsers)
    await staff.enter(Role.OWNER)

    await staff.send("/kiosk/begin", subject=camille, **{"from": "home"})
    kiosk.hub.clock.advance(60)
    entry = await weigh(kiosk, "72.4")
    theirs = await kiosk.get(KIOSK)
    await act(kiosk, "/kiosk/end", theirs.field("session"))

    assert "cet écran ne vous reconnaîtra pas" in told.text
    assert "Camille" not in told.text
    assert "C'est à vous, Camille" in theirs.text
    assert entry.subject == camille
    assert [each.id for each in kiosk.hub.reader.subjects()] == [camille]
    assert "Camille" not in (await kiosk.get(KIOSK)).text


async def test_nobody_at_the_counter_begins_the_turn_of_somebody_known_here(kiosk: Window) -> None:
    camille = (await kiosk.hub.journal.add_subject("Camille")).id

    await kiosk.send("/kiosk/begin", on=KIOSK, subject=camille)

    session = kiosk.hub.reader.kiosk()
    assert session is not None
    assert session.subject != camille


async def test_a_device_of_the_counter_that_was_disowned_is_told_of(kiosk: Window) -> None:
    counter = kiosk.hub.counter
    assert counter is not None
    cuff = DeviceId("ble:C4:00:00:00:00:09")
    kiosk.hub.counter = replace(counter, devices=[*counter.devices, cuff])
    staff = Window(kiosk.hub, browsers=kiosk.browsers)
    await staff.enter(Role.OWNER)
    await kiosk.hub.journal.adopt(cuff, "bp_monitor/bluetooth_sig")
    before = (await staff.get("/")).text

    await kiosk.hub.journal.disown(cuff)

    told = f"L'appareil {cuff} du comptoir n'est pas encore ajouté"
    assert told not in before
    assert told in (await staff.get("/")).text


async def test_a_device_that_nobody_adopted_yet_keeps_no_turn_from_beginning_and_is_told(
    kiosk: Window,
) -> None:
    counter = kiosk.hub.counter
    assert counter is not None
    kiosk.hub.counter = replace(counter, devices=[*counter.devices, "ble:C4:00:00:00:00:09"])
    staff = Window(kiosk.hub, browsers=kiosk.browsers)
    await staff.enter(Role.OWNER)

    await begun(kiosk)
    await weigh(kiosk, "72.4")
    told = (await staff.get("/")).text

    assert "72,4" in (await kiosk.get(KIOSK)).text
    assert "L'appareil ble:C4:00:00:00:00:09 du comptoir n'est pas encore ajouté" in told


async def test_a_guest_takes_the_receipt_of_their_consent_along_before_it_is_erased(
    kiosk: Window,
) -> None:
    session = await begun(kiosk)
    await act(kiosk, "/kiosk/consent/give", session, kind="weight", **MES)
    offered = await kiosk.get(KIOSK)
    ending = await act(kiosk, "/kiosk/end/ask", session)
    grant = offered.field("grant")

    shown = await act(kiosk, "/kiosk/receipt", session, grant=grant)
    await act(kiosk, "/kiosk/end", session)
    second = await begun(kiosk)
    refused = await act(kiosk, "/kiosk/receipt", second, grant=grant)
    late = await act(kiosk, "/kiosk/receipt", session, grant=grant)

    assert ending.field("grant") == grant
    for told in (grant, "Mon espace santé (https://space.example/fhir)", "Poids", "SHA-256"):
        assert told in shown.text
    assert '<svg class="qr"' in shown.html
    assert grant not in refused.html + late.html


async def test_a_receipt_is_hidden_with_the_turn(kiosk: Window) -> None:
    assert kiosk.hub.counter is not None
    kiosk.hub.counter = replace(kiosk.hub.counter, unattended=UNATTENDED)
    session = await begun(kiosk)
    await act(kiosk, "/kiosk/consent/give", session, kind="weight", **MES)
    grant = (await kiosk.get(KIOSK)).field("grant")
    shown = await act(kiosk, "/kiosk/receipt", session, grant=grant)
    kiosk.hub.clock.advance(UNATTENDED.total_seconds())

    asked = await act(kiosk, "/kiosk/receipt", session, grant=grant)

    assert 'data-attended="90"' in shown.html
    assert refreshed_after_s(shown) <= UNATTENDED.total_seconds()
    assert "SHA-256" not in asked.text
    assert "toujours là" in asked.text
