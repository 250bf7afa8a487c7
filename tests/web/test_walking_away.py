"""Who walks away from the counter without ending their turn, and who sits down after them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from gateway.api.browsers import Role
from gateway.domain.kiosk import UNATTENDED, KioskSession
from gateway.domain.subject import SubjectId
from gateway.web.kiosk.pictures import PICTURES, picture_of
from tests.journal.making import SENSOR, glucose
from tests.web.measuring import weigh
from tests.web.window import Answer, Window

KIOSK = "/kiosk"
AWAY = UNATTENDED.total_seconds()
MES = {"destination": "mes", "language": "fr", "version": "1", "kind": "weight"}
ASKED = "Êtes-vous toujours là ?"


async def begun(kiosk: Window) -> KioskSession:
    """Begin a turn; ten seconds pass."""
    await kiosk.send("/kiosk/begin", on=KIOSK)
    kiosk.hub.clock.advance(10)
    return now_on(kiosk)


def now_on(kiosk: Window) -> KioskSession:
    session = kiosk.hub.reader.kiosk()
    assert session is not None
    return session


async def act(kiosk: Window, path: str, session: KioskSession, **form: str) -> Answer:
    return await kiosk.send(path, on=KIOSK, session=str(session.number), **form)


def another_than(picture: str) -> str:
    return PICTURES[(PICTURES.index(picture) + 1) % len(PICTURES)]


def whose(kiosk: Window, reading: str) -> SubjectId | None:
    view = next(each for each in kiosk.hub.reader.entries() if each.entry.id == reading)
    return view.entry.subject


async def test_what_is_shown_is_hidden_some_time_after_the_last_touch_and_not_before(
    kiosk: Window,
) -> None:
    await begun(kiosk)
    await weigh(kiosk, "72.4")
    kiosk.hub.clock.advance(AWAY - 11)
    before = (await kiosk.get(KIOSK)).text
    kiosk.hub.clock.advance(1)
    after, part = await kiosk.get(KIOSK), await kiosk.get(KIOSK, **{"x-part": "turn"})

    assert "72,4" in before
    for hidden in (after, part):
        assert ASKED in hidden.text
        assert "72,4" not in hidden.html


async def test_nor_is_the_name_shown_of_whom_the_staff_opened_it_for(kiosk: Window) -> None:
    odile = (await kiosk.hub.journal.add_subject("Odile")).id
    staff = Window(kiosk.hub, browsers=kiosk.browsers)
    await staff.enter(Role.OWNER)
    await staff.send("/kiosk/begin", subject=odile, **{"from": "home"})
    named = await kiosk.get(KIOSK)
    kiosk.hub.clock.advance(AWAY)

    hidden = await kiosk.get(KIOSK)

    assert "Odile" in named.text
    assert "Odile" not in hidden.html


async def test_a_touch_in_time_is_enough_as_often_as_one_likes(kiosk: Window) -> None:
    session = await begun(kiosk)
    for _ in range(5):
        kiosk.hub.clock.advance(AWAY - 20)
        told = await act(kiosk, "/kiosk/here", session)
    entry = await weigh(kiosk, "72.4")

    assert told.status == 303
    assert entry.subject == session.subject
    assert "72,4" in (await kiosk.get(KIOSK)).text


async def test_to_a_script_a_touch_is_answered_by_nothing(kiosk: Window) -> None:
    session = await begun(kiosk)
    token = (await kiosk.get(KIOSK)).field("token")

    told = await kiosk.post(
        "/kiosk/here", {"x-part": "turn"}, token=token, session=str(session.number)
    )

    assert (told.status, told.html) == (204, "")


async def test_without_scripts_it_is_said_before_it_is_hidden_and_the_button_keeps_it(
    kiosk: Window,
) -> None:
    session = await begun(kiosk)
    await weigh(kiosk, "72.4")
    seen: list[bool] = []
    while ASKED not in (shown := await kiosk.get(KIOSK)).text:
        seen.append('<strong id="still">' in shown.html)
        (seconds,) = re.findall(r'http-equiv="refresh" content="(\d+);', shown.html)
        kiosk.hub.clock.advance(int(seconds))

    assert seen == sorted(seen)
    assert seen[-1]
    await act(kiosk, "/kiosk/here", session, picture=picture_of(session))
    assert "72,4" in (await kiosk.get(KIOSK)).text


async def test_the_picture_stands_beside_the_readings_and_brings_them_back(kiosk: Window) -> None:
    session = await begun(kiosk)
    await weigh(kiosk, "72.4")
    shown = (await kiosk.get(KIOSK)).text
    kiosk.hub.clock.advance(AWAY)
    hidden = await kiosk.get(KIOSK)

    await act(kiosk, "/kiosk/back", session, picture=picture_of(session))
    back = (await kiosk.get(KIOSK)).text

    assert "Retenez votre image : " in shown
    assert "Retenez votre image : " not in hidden.text
    assert re.findall(r'name="picture" value="(\w+)"', hidden.html) == [*PICTURES]
    assert "checked" not in hidden.html
    assert "72,4" in back


async def test_a_picture_that_is_not_the_turns_ends_it_and_shows_nothing(kiosk: Window) -> None:
    session = await begun(kiosk)
    await weigh(kiosk, "72.4")
    kiosk.hub.clock.advance(AWAY)

    wrong = another_than(picture_of(session))
    answer = await act(kiosk, "/kiosk/back", session, picture=wrong)

    assert "Ce n'était pas l'image" in answer.text
    assert "Commencer" in answer.text
    assert "72,4" not in answer.html
    assert kiosk.hub.reader.kiosk() is None
    assert kiosk.hub.reader.entries() == []


async def test_to_choose_no_picture_shows_nothing_and_ends_nothing(kiosk: Window) -> None:
    session = await begun(kiosk)
    await weigh(kiosk, "72.4")
    kiosk.hub.clock.advance(AWAY)

    for form in ({}, {"picture": ""}):
        answer = await act(kiosk, "/kiosk/back", session, **form)
        assert ASKED in answer.text

    assert now_on(kiosk).number == session.number


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/kiosk/here", {}),
        ("/kiosk/mine", {}),
        ("/kiosk/end", {}),
        ("/kiosk/end/ask", {}),
        ("/kiosk/prolong", {}),
        ("/kiosk/name", {}),
        ("/kiosk/keep", {"called": "Intruder"}),
        ("/kiosk/consent", {"destination": "mes"}),
        ("/kiosk/consent/give", MES),
        ("/kiosk/consent/withdraw", {"destination": "mes"}),
        ("/kiosk/pairing", {"destination": "mes"}),
        ("/kiosk/pairing/code", {"destination": "mes", "code": "1234"}),
    ],
)
async def test_nothing_that_was_left_on_the_screen_acts_or_shows_anything_then(
    kiosk: Window, path: str, form: dict[str, str]
) -> None:
    session = await begun(kiosk)
    await weigh(kiosk, "72.4")
    kiosk.hub.clock.advance(AWAY)
    commits = kiosk.hub.journal.commits

    answer = await act(kiosk, path, session, **form)

    assert ASKED in answer.text
    assert "72,4" not in answer.html
    assert kiosk.hub.journal.commits == commits
    assert kiosk.hub.paired == []


async def test_what_was_being_done_is_there_with_the_picture_as_it_was_left(kiosk: Window) -> None:
    """Who signed in with their telephone has not touched the screen for some minutes."""
    session = await begun(kiosk)
    page = await act(kiosk, "/kiosk/pairing", session, destination="mes")
    state = page.field("state")
    kiosk.hub.clock.advance(240)
    typed = {"destination": "mes", "code": "1234", "state": state}
    asked = await act(kiosk, "/kiosk/pairing/code", session, **typed)
    again = {name: asked.field(name) for name in ("session", "token", "destination", "code")}

    back = await kiosk.post(
        *("/kiosk/pairing",), state=asked.field("state"), picture=picture_of(session), **again
    )
    await act(kiosk, "/kiosk/pairing/code", session, **{**typed, "state": back.field("state")})

    assert 'action="/kiosk/pairing"' in asked.html
    assert back.field("state") == state
    assert 'value="1234"' in back.html
    assert [code for _, _, code in kiosk.hub.paired] == ["1234"]


@pytest.mark.parametrize(
    ("path", "form", "asked"),
    [
        ("/kiosk/pairing/code", {"destination": "mes", "code": "666"}, "Un code est déjà écrit"),
        ("/kiosk/consent/give", MES, "Ce qui n'est jamais envoyé"),
        ("/kiosk/keep", {"called": "Bruno"}, "Sous quel nom ?"),
        ("/kiosk/end", {}, "72,4"),
        ("/kiosk/end/ask", {}, "72,4"),
        ("/kiosk/consent/withdraw", {"destination": "mes"}, "72,4"),
    ],
)
async def test_nobody_does_with_their_picture_what_somebody_else_pressed_before_them(
    kiosk: Window, path: str, form: dict[str, str], asked: str
) -> None:
    """Bruno types the code of his own account at Anne's turn; Anne comes back."""
    annes = await begun(kiosk)
    await weigh(kiosk, "72.4")
    kiosk.hub.clock.advance(AWAY)
    left = await act(kiosk, path, annes, **form)
    (action,) = re.findall(r'action="([^"]+)" class="stack"', left.html)
    fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', left.html))

    back = await kiosk.post(action, **fields, picture=picture_of(annes))
    shown = await kiosk.get(KIOSK) if back.status == 303 else back

    assert asked in shown.text
    assert kiosk.hub.paired == []
    assert kiosk.hub.reader.ledger(annes.subject) == ()
    assert [each.label for each in kiosk.hub.reader.subjects()] == [""]


async def test_what_was_ticked_is_ticked_still_when_consent_is_asked_anew(kiosk: Window) -> None:
    session = await begun(kiosk)
    kiosk.hub.clock.advance(AWAY)
    left = await act(kiosk, "/kiosk/consent/give", session, **MES)
    fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', left.html))

    again = await kiosk.post("/kiosk/consent", **fields, picture=picture_of(session))

    ticked = re.findall(r'name="kind" value="(\w+)" checked', again.html)
    assert ticked == ["weight"]


async def test_a_reading_that_comes_meanwhile_is_nobodys_and_its_value_is_not_told(
    kiosk: Window,
) -> None:
    session = await begun(kiosk)
    await act(kiosk, "/kiosk/consent/give", session, **MES)
    kiosk.hub.clock.advance(AWAY + 30)
    entry = await weigh(kiosk, "91.1")

    asked = await kiosk.get(KIOSK)
    sent = await kiosk.hub.journal.claim("mes", 10, kiosk.hub.clock.now().utc)

    assert entry.subject is None
    assert "Une mesure est arrivée : Poids, à" in asked.text
    assert "91,1" not in asked.html
    assert sent == []


async def test_it_is_asked_about_however_much_of_nobodys_comes_from_elsewhere_after_it(
    kiosk: Window,
) -> None:
    await begun(kiosk)
    kiosk.hub.clock.advance(AWAY + 30)
    await weigh(kiosk, "91.1")
    readings = [glucose(n, "104", kiosk.hub.clock.now().utc) for n in range(20)]
    await kiosk.hub.journal.record(SENSOR, readings)

    asked = (await kiosk.get(KIOSK)).text

    assert "Une mesure est arrivée : Poids, à" in asked
    assert "Glucose" not in asked


async def test_it_is_theirs_once_they_say_so_and_is_sent_then(kiosk: Window) -> None:
    session = await begun(kiosk)
    await act(kiosk, "/kiosk/consent/give", session, **MES)
    kiosk.hub.clock.advance(AWAY + 30)
    entry = await weigh(kiosk, "72.4")
    asked = await kiosk.get(KIOSK)

    form = {"reading": asked.field("reading"), "mine": "yes"}
    await act(kiosk, "/kiosk/back", session, picture=picture_of(session), **form)
    shown = (await kiosk.get(KIOSK)).text
    sent = await kiosk.hub.journal.claim("mes", 10, kiosk.hub.clock.now().utc)

    assert "72,4" in shown
    assert "Une mesure est arrivée" not in shown
    assert [each.delivery.entry.id for each in sent] == [entry.id]


async def test_or_stays_nobodys_and_may_still_be_claimed_by_who_pressed_the_wrong_button(
    kiosk: Window,
) -> None:
    session = await begun(kiosk)
    kiosk.hub.clock.advance(AWAY + 30)
    entry = await weigh(kiosk, "72.4")
    asked = await kiosk.get(KIOSK)
    form = {"reading": asked.field("reading")}

    await act(kiosk, "/kiosk/back", session, picture=picture_of(session), **form)
    back = await kiosk.get(KIOSK)
    before = whose(kiosk, entry.id)
    await act(kiosk, "/kiosk/mine", session, **form)

    assert before is None
    assert "72,4" not in back.html
    assert "Elle est à moi : Poids" in back.text
    assert "72,4" in (await kiosk.get(KIOSK)).text


async def test_one_that_comes_after_the_question_was_shown_is_not_claimed_with_it(
    kiosk: Window,
) -> None:
    session = await begun(kiosk)
    kiosk.hub.clock.advance(AWAY + 30)
    await weigh(kiosk, "72.4")
    asked = await kiosk.get(KIOSK)
    kiosk.hub.clock.advance(10)
    late = await weigh(kiosk, "91.1")

    form = {"reading": asked.field("reading"), "mine": "yes"}
    await act(kiosk, "/kiosk/back", session, picture=picture_of(session), **form)

    assert whose(kiosk, late.id) is None
    assert "91,1" not in (await kiosk.get(KIOSK)).html


async def test_who_has_just_come_begins_a_turn_of_their_own_in_which_nothing_is_of_before(
    kiosk: Window,
) -> None:
    first = await begun(kiosk)
    await weigh(kiosk, "72.4")
    kiosk.hub.clock.advance(AWAY + 30)
    entry = await weigh(kiosk, "91.1")
    kiosk.hub.clock.advance(10)

    await act(kiosk, "/kiosk/begin", first)
    theirs = await kiosk.get(KIOSK)

    assert now_on(kiosk).number != first.number
    assert not re.search("72,4|91,1|mesure est arrivée", theirs.html)
    assert whose(kiosk, entry.id) is None
    assert len(kiosk.hub.reader.entries()) == 1  # nobody's, for the owner's page


async def test_who_sits_still_for_five_minutes_with_a_cuff_on_loses_neither_turn_nor_reading(
    kiosk: Window,
) -> None:
    session = await begun(kiosk)
    taken = []
    for kg in ("70.1", "70.2", "70.3"):
        kiosk.hub.clock.advance(100)
        taken.append(await weigh(kiosk, kg))
    asked = await kiosk.get(KIOSK)
    token = asked.field("token")

    readings = re.findall(r'name="reading" value="(\w+)"', asked.html)
    fields = [("token", token), ("session", str(session.number)), ("mine", "yes")]
    fields += [("picture", picture_of(session)), *(("reading", each) for each in readings)]
    await kiosk.post_fields("/kiosk/back", fields)
    shown = (await kiosk.get(KIOSK)).text

    assert [each.subject for each in taken] == [None, None, None]
    assert all(kg in shown for kg in ("70,1", "70,2", "70,3"))
    assert now_on(kiosk).number == session.number


async def test_the_staff_sees_the_picture_for_who_forgot_it(kiosk: Window) -> None:
    await begun(kiosk)
    page = await kiosk.get(KIOSK)
    staff = Window(kiosk.hub, browsers=kiosk.browsers)
    await staff.enter(Role.OWNER)

    told = re.findall(r"son image : (.*?)\. En ouvrir", (await staff.get("/")).text)

    assert f"Retenez votre image : {told[0]}" in page.text


async def test_pictures_differ_from_turn_to_turn(kiosk: Window) -> None:
    seen = {picture_of(await begun(kiosk)) for _ in range(40)}

    assert len(seen) >= 5


async def test_the_story_of_who_walks_away_minute_by_minute(kiosk: Window) -> None:
    """At default settings: Anne goes at once; Bruno weighs himself in every minute after that."""
    session = await begun(kiosk)
    await act(kiosk, "/kiosk/consent/give", session, **MES)
    await weigh(kiosk, "72.4")
    told = []
    left_at = kiosk.hub.clock.now().utc
    for minute in range(1, 13):
        kiosk.hub.clock.advance(
            (left_at + timedelta(minutes=minute) - kiosk.hub.clock.now().utc).total_seconds()
        )
        entry = await weigh(kiosk, f"90.{minute:02}")
        shown = (await kiosk.get(KIOSK)).text
        view = "hers" if "72,4" in shown else "asks" if ASKED in shown else "free"
        told.append((minute, view, entry.subject == session.subject, "90," in shown))

    assert told == [
        (1, "hers", True, True),
        *((minute, "asks", False, False) for minute in range(2, 10)),
        *((minute, "free", False, False) for minute in range(10, 13)),
    ]
