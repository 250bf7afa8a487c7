"""Whatever a stranger sends is answered, and ends in no traceback: that would fill the log."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.web.site import OPEN, SCREENS
from tests.web.window import Window

PATHS = sorted({path for _, path, *_ in (*SCREENS, *OPEN)} | {"/static/kiosk.js", "/nowhere"})
ODD = (
    "",
    "\x00",
    "//[",
    "/\\evil.example",
    "http://[x",
    "..",
    "é\ud7ff",
    "%",
    "a" * 300,
    "\r\nX: y",
)


@pytest.mark.parametrize("odd", ODD, ids=ascii)
async def test_odd_words_in_every_place_are_answered(odd: str, window: Window) -> None:
    for path in PATHS:
        for target in (path, f"{path}/{odd}", f"{path}?code={quote(odd)}&state={quote(odd)}"):
            answer = await window.get(target.replace("\r\n", ""))
            assert answer.status < 500, target
        form = dict.fromkeys(("token", "code", "back", "language", "subject", "destination"), odd)
        assert (await window.post(path, **form)).status < 500, path


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    path=st.sampled_from(PATHS),
    method=st.sampled_from(["GET", "POST"]),
    body=st.binary(max_size=60),
    cookie=st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60),
)
async def test_anything_is_answered(
    path: str, method: str, body: bytes, cookie: str, window: Window
) -> None:
    window.cookies = {"visitor": cookie, "language": cookie, "pairing": cookie}

    answer = await window.ask(method, path, body, {"x-part": cookie})

    assert answer.status < 500


FIELDS = (
    *("subject", "destination", "reading", "device", "grant", "kind", "number", "purpose"),
    *("version", "language", "since", "slot", "name", "session", "called", "state", "agree"),
    *("code", "earlier"),
)


@pytest.mark.parametrize("odd", ODD, ids=ascii)
async def test_odd_words_in_a_form_of_our_own_are_answered_with_a_page(
    odd: str, window: Window
) -> None:
    await window.enter()
    subject = (await window.hub.journal.add_subject("Odile")).id
    token = (await window.get("/")).field("token")
    for method, path, *_ in SCREENS:
        if method != "POST" or path == "/leave":
            continue
        for whose in (odd, subject):
            form = {**dict.fromkeys(FIELDS, odd), "token": token, "subject": whose}
            answer = await window.post(path, **form)

            assert answer.status < 500 or "Cela n'a pas marché" in answer.text, path
