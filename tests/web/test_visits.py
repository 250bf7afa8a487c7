"""Who sees what, and whose forms are heeded."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest

from gateway.api.browsers import Role
from gateway.api.hub import Counter
from gateway.errors import ConfigError
from gateway.web.site import HEADERS, OPEN, SCREENS
from tests.web.measuring import weigh
from tests.web.window import ADDRESS, Window

ALL = [(method, path) for method, path, *_ in (*SCREENS, *OPEN)]
GUARDED = [(method, path) for method, path, *_ in SCREENS]
NOT_OF_THE_KIOSK = [(m, p) for m, p, _, roles in SCREENS if Role.KIOSK not in roles]


async def ask(window: Window, method: str, path: str) -> int:
    answer = await (window.get(path) if method == "GET" else window.post(path))
    return answer.status if "location" not in answer.headers else 0


@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_a_stranger_is_sent_to_the_entrance(window: Window, method: str, path: str) -> None:
    answer = await (window.get(path) if method == "GET" else window.post(path))

    assert (answer.status, answer.headers.get("location")) == (303, "/enter")
    assert answer.html == ""


@pytest.mark.parametrize(("method", "path"), NOT_OF_THE_KIOSK)
async def test_the_browser_at_the_counter_sees_its_own_screen_only(
    window: Window, method: str, path: str
) -> None:
    await window.enter(Role.KIOSK)

    answer = await (window.get(path) if method == "GET" else window.post(path))

    assert (answer.status, answer.headers.get("location")) == (303, "/kiosk")


@pytest.mark.parametrize(
    ("method", "path"), [(m, p) for m, p in GUARDED if m == "POST"], ids=lambda value: value
)
async def test_a_form_without_the_token_of_our_pages_changes_nothing(
    window: Window, method: str, path: str
) -> None:
    await window.enter()
    before = window.hub.journal.commits

    answer = await window.post(path, token="guessed", subject="x", destination="mes")

    assert answer.status == 403
    assert window.hub.journal.commits == before


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site"},
    ],
    ids=str,
)
async def test_a_form_of_another_page_is_refused_even_with_the_token(
    window: Window, headers: dict[str, str]
) -> None:
    await window.enter()
    token = (await window.get("/")).field("token")

    answer = await window.post("/kiosk/begin", headers, token=token)

    assert answer.status == 403
    assert window.hub.reader.kiosk() is None


async def test_no_other_page_lets_a_browser_in_or_chooses_its_language(window: Window) -> None:
    """Whoever let another's browser in, by a code of theirs, would be brought what it is for."""
    code = window.browsers.invite(Role.OWNER).code
    elsewhere = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}

    entered = await window.post("/enter", elsewhere, code=code)
    chosen = await window.post("/language", elsewhere, language="en", back="/")

    assert (entered.status, chosen.status) == (403, 403)
    assert window.cookies == {}
    assert (await window.post("/enter", code=code)).status == 303


async def test_a_form_that_is_far_too_long_is_refused(window: Window) -> None:
    await window.enter()
    token = (await window.get("/")).field("token")

    answer = await window.post("/kiosk/keep", token=token, called="x" * 20_000)

    assert answer.status == 403


@pytest.mark.parametrize("path", ["/", "/kiosk", "/enter", "/pairing/back", "/nowhere"])
async def test_every_page_is_kept_by_nobody_and_loads_nothing_from_elsewhere(
    window: Window, path: str
) -> None:
    await window.enter()
    answer = await window.get(path)

    assert {name: answer.headers[name.lower()] for name in HEADERS} == dict(HEADERS)
    assert "no-store" in answer.headers["cache-control"]
    assert re.findall(r'(?:src|href|action)="(?!/[^/]|/"|#)', answer.html) == []
    assert "style=" not in answer.html
    assert "<script>" not in answer.html


async def test_no_address_and_no_link_names_a_person_or_a_reading(window: Window) -> None:
    subject = (await window.hub.journal.add_subject("Odile")).id
    entry = await weigh(window, "72.4")
    await window.hub.journal.claim_entry(entry.id, subject)
    await window.enter()

    page = await window.get("/")

    assert not [path for _, path in ALL if "{" in path]
    links = " ".join(re.findall(r'(?:src|href|action)="([^"]*)"', page.html))
    assert "Odile" in page.text
    assert not re.search(f"Odile|{subject}|{entry.id}", links)


async def test_the_cookie_is_for_this_site_alone_and_out_of_reach_of_scripts(
    window: Window,
) -> None:
    answer = await window.post("/enter", code=window.browsers.invite(Role.OWNER).code)

    cookie = answer.cookies["visitor"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "strict", "/")


@pytest.mark.parametrize("role", Role)
async def test_a_browser_keeps_the_cookie_for_as_long_as_it_lets_in(
    role: Role, window: Window
) -> None:
    answer = await window.post("/enter", code=window.browsers.invite(role).code)

    cookie = answer.cookies["visitor"]
    until = window.hub.clock.now().utc + timedelta(seconds=int(cookie["max-age"]))
    assert int(until.timestamp()) == int(cookie.value.split(".")[1])


@pytest.mark.parametrize(("scheme", "over_tls"), [("http", False), ("https", True)])
async def test_a_cookie_that_was_given_over_tls_never_travels_without_it(
    window: Window, scheme: str, over_tls: bool
) -> None:
    window.scheme = scheme
    from_here = {"origin": ADDRESS.replace("http", scheme)}

    answer = await window.post("/enter", from_here, code=window.browsers.invite(Role.OWNER).code)

    assert bool(answer.cookies["visitor"]["secure"]) is over_tls


async def test_a_cookie_of_the_hub_itself_lets_nobody_in_from_the_network(window: Window) -> None:
    await window.enter()
    at_the_hub = await window.get("/")
    window.scheme = "https"

    from_the_network = await window.get("/")

    assert (at_the_hub.status, from_the_network.status) == (200, 303)
    assert from_the_network.headers["location"] == "/enter"


async def test_following_the_link_twice_is_harmless_and_pressing_twice_is_refused(
    window: Window,
) -> None:
    invitation = window.browsers.invite(Role.OWNER)
    target = invitation.url.removeprefix("http://127.0.0.1:8470")

    for _ in range(2):
        assert (await window.get(target)).status == 200
    first = await window.post("/enter", code=invitation.code)
    second = await window.post("/enter", code=invitation.code)

    assert (first.status, second.status) == (303, 403)
    assert "faux, déjà utilisé" in second.text


@pytest.mark.parametrize(("role", "first"), [(Role.OWNER, "/"), (Role.KIOSK, "/kiosk")])
async def test_who_is_let_in_comes_to_the_page_that_is_theirs(
    window: Window, role: Role, first: str
) -> None:
    answer = await window.post("/enter", code=window.browsers.invite(role).code)

    assert answer.headers["location"] == first


async def test_whoever_leaves_is_a_stranger_again_and_so_is_a_copy_of_their_cookie(
    window: Window,
) -> None:
    await window.enter()
    await window.get("/")
    copied = dict(window.cookies)

    left = await window.send("/leave")
    mine = await window.get("/")
    window.cookies = copied
    copy = await window.get("/")

    assert left.cookies["visitor"]["max-age"] == "0"
    assert mine.headers["location"] == "/enter"
    assert copy.headers["location"] == "/enter"


async def test_before_somebody_leaves_they_are_told_what_coming_back_takes(window: Window) -> None:
    await window.enter()
    page = await window.get("/")

    asked = await window.send("/leave/ask")
    still = await window.get("/")

    assert 'action="/leave"' not in page.html
    assert "un nouveau code" in asked.text
    assert 'action="/leave"' in asked.html
    assert still.status == 200


async def test_the_owner_forgets_all_browsers_but_their_own(window: Window) -> None:
    await window.enter()
    copied = dict(window.cookies)
    counter = Window(window.hub, browsers=window.browsers)
    await counter.enter(Role.KIOSK)

    done = await window.send("/forget", role="owner")

    assert "fermé sur tous les autres navigateurs" in done.text
    assert (await window.get("/")).status == 200
    assert (await counter.get("/kiosk")).status == 200
    window.cookies = copied
    assert (await window.get("/")).headers["location"] == "/enter"


async def test_the_pharmacy_forgets_the_screen_at_its_counter_which_hears_of_it_at_once(
    window: Window,
) -> None:
    await window.enter()
    counter = Window(window.hub, browsers=window.browsers)
    await counter.enter(Role.KIOSK)
    hearing = asyncio.create_task(counter.get("/kiosk/events"))
    for _ in range(20):
        await asyncio.sleep(0)

    done = await window.send("/forget", role="kiosk")
    heard = await hearing

    assert "fermé à l'écran du comptoir" in done.text
    assert heard.html == 2 * "event: turn\ndata: changed\n\n"
    part = await counter.get("/kiosk", **{"x-part": "turn"})
    assert (part.status, part.html) == (403, "")
    assert (await counter.get("/kiosk")).headers["location"] == "/enter"
    assert (await window.get("/")).status == 200


@pytest.mark.parametrize(("role", "back"), [(Role.OWNER, "/"), (Role.KIOSK, "/kiosk")])
async def test_the_page_of_a_problem_leads_only_where_its_browser_may_go(
    window: Window, role: Role, back: str
) -> None:
    await window.enter(role)
    window.hub.counter = None

    page = await window.get("/kiosk")

    links = re.findall(r'href="(/[^"]*)"', page.html)
    assert page.status == 422
    assert {each for each in links if not each.startswith("/static")} == {back}


async def test_a_problem_is_told_in_the_language_it_is_said_to_be_in(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ConfigError("Nobody has put this in French.")

    await window.enter()
    monkeypatch.setattr(window.browsers, "forget_all", fails)
    untold = await window.send("/forget", role="owner")
    window.hub.counter = None
    told = await window.get("/kiosk")

    assert '<p class="notice wrong" lang="en">Nobody has put this in French.</p>' in untold.html
    assert '<p class="notice wrong" lang="fr">' in told.html


async def test_the_language_is_chosen_and_goes_nowhere_else(window: Window) -> None:
    answer = await window.post("/language", language="en", back="//evil.example/")

    assert answer.headers["location"] == "/"
    assert 'lang="en"' in (await window.get("/enter")).html
    back = await window.post("/language", language="fr", back="/pairing/back")
    assert back.headers["location"] == "/pairing/back"


async def test_the_language_of_the_owner_outlives_the_turn_at_the_counter(window: Window) -> None:
    window.hub.counter = Counter(devices=["serial:counter"], lasts=timedelta(minutes=10))
    await window.plug_in()
    await window.enter()
    await window.send("/kiosk/begin", on="/kiosk")

    chosen = (await window.post("/language", language="en", back="/")).cookies["language"]

    assert window.hub.reader.kiosk() is not None
    assert (chosen.value, int(chosen["max-age"])) == ("en", 400 * 86400)
    assert (chosen["httponly"], chosen["samesite"]) == (True, "lax")


async def test_a_page_lets_its_browser_in_for_longer_and_what_a_script_asks_for_does_not(
    window: Window,
) -> None:
    await window.enter()

    page = await window.get("/")
    part = await window.get("/", **{"x-part": "home"})

    assert (page.status, part.status) == (200, 200)
    assert "visitor" in page.cookies
    assert "visitor" not in part.cookies
