"""Where something is to be put right the title says so first: it is what is read out first."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

from gateway.api.browsers import Role
from gateway.domain.device import DeviceId
from gateway.errors import CodeRefused
from tests.web.measuring import SCALE, owned, weigh
from tests.web.window import Answer, Window

WRONG = "Erreur : "


def title(page: Answer) -> str:
    found = re.search("<title>(.*)</title>", page.html)
    assert found is not None
    return unescape(found[1]).replace("\N{NO-BREAK SPACE}", " ")


async def test_at_the_door(window: Window) -> None:
    assert title(await window.get("/enter")) == "Ouvrir les écrans de ce boîtier"
    assert title(await window.post("/enter", code="0")).startswith(WRONG)


async def test_of_a_device_that_is_nobodys(window: Window) -> None:
    await owned(window, SCALE)
    window.hub.counter = None

    asked = await window.send("/devices/choose", device=SCALE.id)
    again = await window.send("/devices/add", device=SCALE.id)

    assert title(again) == WRONG + title(asked)


async def test_of_what_a_device_held_before(window: Window) -> None:
    await owned(window, SCALE)
    odile, now = await window.hub.journal.add_subject("Odile"), window.hub.clock.now().utc
    await weigh(window, "70.0")
    await window.hub.journal.assign(SCALE.id, None, odile.id, now + timedelta(minutes=1))

    asked = await window.send("/earlier", device=SCALE.id)
    again = await window.send("/earlier/give", device=SCALE.id)

    assert title(again) == WRONG + title(asked)


async def test_of_a_consent_to_nothing_and_of_a_code_that_is_wrong(window: Window) -> None:
    await owned(window, SCALE)
    subject = (await window.hub.journal.add_subject("Odile")).id
    about = {"subject": subject, "destination": "mes"}
    text = await window.send("/consent", **about)
    record = {name: text.field(name) for name in ("language", "version")}
    pairing = await window.send("/pairing", **about)
    window.hub.refusal = CodeRefused("no")

    nothing = await window.send("/consent/give", **about, **record)
    refused = await window.send("/pairing/code", **about, code="1", state=pairing.field("state"))

    assert title(nothing) == WRONG + title(text)
    assert title(refused) == WRONG + title(pairing)


async def test_at_the_kiosk_also_where_a_script_puts_it_there(window: Window) -> None:
    for device in ("serial:scale", "serial:cuff"):
        await window.hub.journal.adopt(DeviceId(device), SCALE.driver)
    await window.enter(Role.KIOSK)
    await window.send("/kiosk/begin", on="/kiosk")
    session = (await window.get("/kiosk")).field("session")
    about = {"session": session, "destination": "mes"}
    text = await window.send("/kiosk/consent", on="/kiosk", **about)
    record = {name: text.field(name) for name in ("language", "version")}

    nothing = await window.send("/kiosk/consent/give", on="/kiosk", **about, **record)

    assert title(nothing) == WRONG + title(text)
    assert f'data-title="{WRONG}'.replace(" :", "\N{NO-BREAK SPACE}:") in nothing.html
