"""Pairing in a browser: one return for each start, to the browser that was sent, in time."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.api.browsers import Role
from gateway.api.hub import PairsBy
from gateway.api.inside import request
from gateway.api.server import make_app
from gateway.errors import (
    AccountTaken,
    CodeRefused,
    GatewayError,
    OutcomeUnknown,
    UplinkUnauthorised,
    UplinkUnavailable,
)
from tests.api.hubs import ROUTES
from tests.web.window import ADDRESS, Answer, Window, a_window

BACK = "/pairing/back"


@pytest.fixture
async def window(tmp_path: Path) -> AsyncIterator[Window]:
    async with a_window(tmp_path) as opened:
        await opened.hub.journal.add_subject("Odile")
        await opened.enter()
        yield opened


async def begun(window: Window, destination: str = "mes") -> tuple[Answer, str]:
    """Begin; return the page, and the state with which the browser comes back."""
    subject = window.hub.reader.subjects()[0].id
    page = await window.send("/pairing", subject=subject, destination=destination)
    states = list(window.pairings._begun)
    return page, next(state for state in states if state.endswith("False"))


async def test_the_browser_comes_back_with_a_code_and_the_person_is_paired(
    window: Window,
) -> None:
    page, state = await begun(window)
    del window.cookies["visitor"]  # another site sends it: the strict cookie stays behind

    done = await window.get(f"{BACK}?code=abc&state={state}")

    assert "https://space.example/authorize" in page.html
    assert (done.status, "C'est relié" in done.text) == (200, True)
    subject = window.hub.reader.subjects()[0].id
    assert window.hub.paired == [(subject, "mes", "abc")]
    (authorization,) = window.hub.begun
    assert authorization is not None
    assert authorization.redirect_uri == "http://127.0.0.1:8470/pairing/back"


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_what_tells_the_browser_that_was_sent_is_for_its_return_alone(
    scheme: str, window: Window
) -> None:
    """Another site sends it back, so its cookie is lax; no script and no other page gets it."""
    window.scheme = scheme
    from_here = {"origin": ADDRESS.replace("http", scheme)}
    await window.post("/enter", from_here, code=window.browsers.invite(Role.OWNER).code)
    form = {"token": (await window.get("/")).field("token"), "destination": "mes"}
    subject = window.hub.reader.subjects()[0].id

    page = await window.post("/pairing", from_here, subject=subject, **form)
    state = next(iter(window.pairings._begun))
    back = await window.get(f"{BACK}?error=access_denied&state={state}")

    cookie = page.cookies["pairing"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "lax", BACK)
    assert (bool(cookie["secure"]), cookie["max-age"]) == (scheme == "https", "600")
    forgotten = back.cookies["pairing"]
    assert (forgotten["max-age"], forgotten["path"]) == ("0", BACK)


async def test_a_state_is_good_once(window: Window) -> None:
    _, state = await begun(window)
    await window.get(f"{BACK}?code=abc&state={state}")

    again = await window.get(f"{BACK}?code=abc&state={state}")

    assert again.status == 400
    assert "a déjà servi" in again.text
    assert len(window.hub.paired) == 1


@pytest.mark.parametrize("query", ["", "?code=abc", "?code=abc&state=made-up", "?error=x"])
async def test_a_return_that_nobody_asked_for_pairs_nobody(window: Window, query: str) -> None:
    await begun(window)

    answer = await window.get(f"{BACK}{query}")

    assert answer.status == 400
    assert window.hub.paired == []


async def test_a_return_after_ten_minutes_pairs_nobody(window: Window) -> None:
    _, state = await begun(window)
    window.hub.clock.advance(600)

    answer = await window.get(f"{BACK}?code=abc&state={state}")

    assert "plus de dix minutes" in answer.text
    assert window.hub.paired == []


@pytest.mark.parametrize("where", ["on the page", "over the API"])
async def test_a_browser_that_was_forgotten_ends_no_pairing_that_it_began(
    where: str, window: Window
) -> None:
    other = Window(window.hub, browsers=window.browsers)
    other.app, other.pairings = window.app, window.pairings
    await other.enter()
    _, state = await begun(other)

    if where == "on the page":
        await window.send("/forget", role="owner")
    else:
        app = make_app(window.hub, window.browsers, window.pairings)
        await request(app, "POST", "/api/v1/screens/forget", b"{}")
    answer = await other.get(f"{BACK}?code=abc&state={state}")

    assert answer.status == 400
    assert window.hub.paired == []


async def test_of_several_health_spaces_none_is_brought_a_code_of_another(window: Window) -> None:
    """One leads the browser to another, with its own state, and that sends it back as usual."""
    window.hub.routes = dict.fromkeys(("mes", "un autre/é"), ROUTES["mes"])
    _, state = await begun(window, "un autre/é")

    answer = await window.get(f"{BACK}?of=mes&code=abc&state={state}")

    assert answer.status == 403
    assert window.hub.paired == []


async def test_of_several_health_spaces_each_has_an_address_to_send_the_browser_back_to(
    window: Window,
) -> None:
    window.hub.routes = dict.fromkeys(("mes", "un autre/é"), ROUTES["mes"])
    _, state = await begun(window, "un autre/é")
    asked, _ = window.pairings._begun[state]
    there = asked.authorization.redirect_uri.removeprefix(ADDRESS)

    answer = await window.get(f"{there}&code=abc&state={state}")

    assert there == f"{BACK}?of=un+autre%2F%C3%A9"
    assert answer.status == 200
    assert window.hub.paired == [(asked.subject, "un autre/é", "abc")]


async def test_another_browser_that_comes_back_pairs_nobody(window: Window) -> None:
    _, state = await begun(window)
    other = Window(window.hub, browsers=window.browsers)
    other.app = window.app

    answer = await other.get(f"{BACK}?code=abc&state={state}")

    assert answer.status == 403
    assert "ne vient pas du navigateur" in answer.text
    assert window.hub.paired == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("access_denied", "Vous avez choisi de ne pas autoriser"),
        ("server_error", "a rencontré une panne"),
        ("temporarily_unavailable", "momentanément indisponible"),
        ("invalid_scope", "(scope)"),
        ("invalid_request", "n'a pas compris la demande"),
        ("unauthorized_client", "n'a pas compris la demande"),
        ("unsupported_response_type", "n'a pas compris la demande"),
        ("<b>made up</b>", "n'a pas compris la demande"),
    ],
)
async def test_every_refusal_has_its_words(window: Window, error: str, words: str) -> None:
    _, state = await begun(window)

    answer = await window.get(f"{BACK}?error={error}&state={state}")

    assert words in answer.text
    assert "Rien n'a été envoyé" in answer.text
    assert window.hub.paired == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (CodeRefused("x"), "Ce code est faux"),
        (AccountTaken("x"), "est déjà relié à une autre personne ici"),
        (UplinkUnauthorised("x"), "ne reconnaît pas ce boîtier"),
        (UplinkUnavailable("x"), "ne répond pas"),
        (OutcomeUnknown("x"), "pas possible pour le moment"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_code_that_cannot_be_exchanged_says_what_to_do(
    window: Window, error: GatewayError, words: str
) -> None:
    _, state = await begun(window)
    window.hub.refusal = error

    answer = await window.get(f"{BACK}?code=abc&state={state}")

    assert answer.status == 502
    assert words in answer.text


async def test_a_code_that_is_typed_belongs_to_what_was_begun(window: Window) -> None:
    page, _ = await begun(window)
    subject = window.hub.reader.subjects()[0].id
    form = {name: page.field(name) for name in ("token", "subject", "destination", "state")}

    done = await window.post("/pairing/code", code=" abc ", **form)

    assert "C'est relié" in done.text
    assert window.hub.paired == [(subject, "mes", "abc")]
    (authorization,) = window.hub.begun
    assert authorization is not None
    assert authorization.redirect_uri == "urn:ietf:wg:oauth:2.0:oob"


async def test_what_was_begun_for_one_person_pairs_no_other(window: Window) -> None:
    page, _ = await begun(window)
    marcel = (await window.hub.journal.add_subject("Marcel")).id
    form = {name: page.field(name) for name in ("token", "destination", "state")}

    answer = await window.post("/pairing/code", code="abc", subject=marcel, **form)

    assert "Ce code est faux" in answer.text
    assert window.hub.paired == []


async def test_where_nobody_can_sign_in_a_code_can_still_be_typed(window: Window) -> None:
    window.hub.pairs = PairsBy.CODE
    subject = window.hub.reader.subjects()[0].id
    page = await window.send("/pairing", subject=subject, destination="mes")
    form = {name: page.field(name) for name in ("token", "subject", "destination", "state")}

    done = await window.post("/pairing/code", code="abc", **form)

    assert "Tapez le code que Mon espace santé vous a donné" in page.text
    assert not re.search("authorize", page.html)
    assert "C'est relié" in done.text
    assert window.hub.begun == [None]


async def test_nobody_is_sent_to_a_health_space_who_is_not_here_or_has_nothing_to_do_there(
    window: Window,
) -> None:
    subject = window.hub.reader.subjects()[0].id

    stranger = await window.send("/pairing", subject="p-nobody", destination="mes")
    window.hub.pairs = PairsBy.NOTHING
    nothing = await window.send("/pairing", subject=subject, destination="mes")

    assert [each.headers.get("location") for each in (stranger, nothing)] == ["/", "/"]
    assert window.pairings._begun == {}
