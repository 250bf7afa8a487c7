"""Two windows, two people, one counter: what comes a moment late acts on nobody else's turn."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.api.browsers import Role
from gateway.api.kiosk import Opening, open_session
from gateway.domain.kiosk import UNATTENDED, KioskSession
from gateway.web.kiosk.pictures import PICTURES, picture_of
from tests.web.measuring import SCALE, weigh
from tests.web.window import Window

KIOSK = "/kiosk"


def now_on(kiosk: Window) -> KioskSession:
    session = kiosk.hub.reader.kiosk()
    assert session is not None
    return session


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/kiosk/end", {}),
        ("/kiosk/end/ask", {}),
        ("/kiosk/prolong", {}),
        ("/kiosk/keep", {"called": "Anne"}),
        ("/kiosk/consent", {"destination": "mes"}),
        ("/kiosk/name", {}),
    ],
)
async def test_what_is_sent_while_the_staff_opens_the_next_turn_leaves_that_alone(
    kiosk: Window, path: str, form: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await kiosk.send("/kiosk/begin", on=KIOSK)
    annes = await kiosk.get(KIOSK)
    kiosk.hub.clock.advance(60)
    journal = kiosk.hub.journal
    attend = journal.attend_kiosk
    brunos: list[KioskSession] = []

    async def attend_late(*told: object) -> KioskSession:
        """The touch is heard, and the staff is a moment faster."""
        monkeypatch.setattr(journal, "attend_kiosk", attend)
        await open_session(kiosk.hub, Opening(devices=[SCALE.id]))
        kiosk.hub.clock.advance(10)
        await weigh(kiosk, "91.1")
        brunos.append(now_on(kiosk))
        return await attend(*told)  # type: ignore[arg-type]

    monkeypatch.setattr(journal, "attend_kiosk", attend_late)

    fields = {"token": annes.field("token"), "session": annes.field("session"), **form}
    await kiosk.post(path, **fields)

    assert brunos == [now_on(kiosk)]
    assert [each.label for each in kiosk.hub.reader.subjects()] == [""]
    assert len(kiosk.hub.reader.entries()) == 1


async def test_who_begins_on_a_screen_that_has_not_heard_of_the_staffs_turn_yet_ends_it_not(
    kiosk: Window,
) -> None:
    free = await kiosk.get(KIOSK)
    odile = (await kiosk.hub.journal.add_subject("Odile")).id
    staff = Window(kiosk.hub, browsers=kiosk.browsers)
    await staff.enter(Role.OWNER)
    await staff.send("/kiosk/begin", subject=odile, **{"from": "home"})

    fields = {name: free.field(name) for name in ("token", "session", "language")}
    await kiosk.post("/kiosk/begin", **fields)

    assert now_on(kiosk).subject == odile
    assert "C'est à vous, Odile" in (await kiosk.get(KIOSK)).text


async def test_a_reading_that_the_owner_gave_to_somebody_meanwhile_stays_theirs(
    kiosk: Window,
) -> None:
    """The screen asks about it; the owner is faster than who presses that it is theirs."""
    odile = (await kiosk.hub.journal.add_subject("Odile")).id
    await kiosk.send("/kiosk/begin", on=KIOSK)
    session = now_on(kiosk)
    kiosk.hub.clock.advance(UNATTENDED.total_seconds() + 30)
    entry = await weigh(kiosk, "72.4")
    asked = await kiosk.get(KIOSK)
    await kiosk.hub.journal.claim_entry(entry.id, odile)

    fields = {name: asked.field(name) for name in ("token", "session", "reading")}
    back = await kiosk.post("/kiosk/back", picture=picture_of(session), mine="yes", **fields)

    (view,) = kiosk.hub.reader.entries()
    assert (back.status, view.entry.subject) == (303, odile)
    assert "72,4" not in (await kiosk.get(KIOSK)).html


async def test_what_another_device_gave_somebody_meanwhile_is_not_shown_at_the_counter(
    kiosk: Window,
) -> None:
    """It is claimed for her on the owner's page, while she sits at the counter's cuff."""
    assert kiosk.hub.counter is not None
    kiosk.hub.counter = replace(kiosk.hub.counter, devices=["serial:cuff"])
    odile = (await kiosk.hub.journal.add_subject("Odile")).id
    staff = Window(kiosk.hub, browsers=kiosk.browsers)
    await staff.enter(Role.OWNER)
    await staff.send("/kiosk/begin", subject=odile, **{"from": "home"})
    kiosk.hub.clock.advance(20)

    entry = await weigh(kiosk, "72.4")
    await kiosk.hub.journal.claim_entry(entry.id, odile)
    shown = await kiosk.get(KIOSK)

    assert "C'est à vous, Odile" in shown.text
    assert "72,4" not in shown.html


async def test_who_begins_twice_without_scripts_has_one_turn(kiosk: Window) -> None:
    free = await kiosk.get(KIOSK)
    fields = {name: free.field(name) for name in ("token", "session", "language")}

    await kiosk.post("/kiosk/begin", **fields)
    first = now_on(kiosk)
    await kiosk.post("/kiosk/begin", **fields)

    assert now_on(kiosk) == first


async def test_the_picture_is_guessed_once_also_while_the_wrong_one_ends_the_turn(
    kiosk: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was given is revoked first, which takes seconds where a destination is silent."""
    await kiosk.send("/kiosk/begin", on=KIOSK)
    kiosk.hub.clock.advance(60)
    await weigh(kiosk, "72.4")
    session = now_on(kiosk)
    kiosk.hub.clock.advance(UNATTENDED.total_seconds())
    right = picture_of(session)
    wrong = PICTURES[PICTURES.index(right) - 1]
    form = {"token": (await kiosk.get(KIOSK)).field("token"), "session": str(session.number)}
    stopping, silent, quiesce = asyncio.Event(), asyncio.Event(), kiosk.hub.quiesce

    async def quiesce_slowly(*told: str) -> int:
        stopping.set()
        await silent.wait()
        return await quiesce(*told)  # type: ignore[arg-type]

    came_back: list[int] = []

    async def come_back(session: int, _: object) -> None:
        came_back.append(session)

    monkeypatch.setattr(kiosk.hub, "quiesce", quiesce_slowly)
    monkeypatch.setattr(kiosk.hub.journal, "come_back_to_kiosk", come_back)
    async with asyncio.TaskGroup() as guesses:
        first = guesses.create_task(kiosk.post("/kiosk/back", picture=wrong, **form))
        await stopping.wait()
        second = guesses.create_task(kiosk.post("/kiosk/back", picture=right, **form))
        for _ in range(20):
            await asyncio.sleep(0)  # it has been read by then
        silent.set()

    assert "Ce n'était pas l'image" in first.result().text
    assert came_back == []
    assert second.result().status == 303
    assert "72,4" not in (await kiosk.get(KIOSK)).html
    assert kiosk.hub.reader.entries() == []


async def test_after_a_power_cut_nothing_is_shown_until_the_hub_knows_how_long_that_was(
    kiosk: Window,
) -> None:
    """A hub without a clock of its own starts with the time at which it was last up."""
    await kiosk.send("/kiosk/begin", on=KIOSK)
    kiosk.hub.clock.advance(20)
    await weigh(kiosk, "72.4")
    session = now_on(kiosk)
    kiosk.hub.clock.trusted = False

    shown = await kiosk.get(KIOSK)
    fields = {"token": shown.field("token"), "session": shown.field("session")}
    told = await kiosk.post("/kiosk/back", picture=picture_of(session), **fields)
    kiosk.hub.clock.trusted = True
    known = await kiosk.get(KIOSK)

    assert "Êtes-vous toujours là ?" in shown.text
    assert "72,4" not in shown.html
    assert told.status == 409
    assert "72,4" not in told.html
    assert "72,4" in known.text
