"""What of a form is heeded: all of it, or nothing."""

from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.types import Message

from gateway.web.forms import LONGEST, Form, form_of

GONE: Message = {"type": "http.disconnect"}


def _post(*messages: Message) -> Request:
    coming = iter(messages)

    async def receive() -> Message:
        return next(coming)

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def _part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_of_a_form_whose_browser_went_half_way_nothing_is_heeded() -> None:
    assert await form_of(_post(_part(b"token=t&subject=a", more=True), GONE)) is None


@pytest.mark.parametrize(("length", "heeded"), [(LONGEST, True), (LONGEST + 1, False)])
async def test_a_form_may_be_as_long_as_the_longest_and_no_longer(
    length: int, heeded: bool
) -> None:
    form = await form_of(_post(_part(b"a=".ljust(length, b"x"))))

    assert (form is not None) == heeded


@pytest.mark.parametrize(
    ("body", "heeded"),
    [(b"&".join([b"kind=x"] * 64), True), (b"&".join([b"kind=x"] * 65), False), (b"a=\xff", False)],
    ids=["64 fields", "65 fields", "no text"],
)
async def test_what_no_page_of_ours_would_send_is_no_form(body: bytes, *, heeded: bool) -> None:
    form = await form_of(_post(_part(body)))

    assert (form is not None) == heeded


def test_a_field_that_is_asked_for_brings_no_other_along() -> None:
    form = Form([("kind", "weight"), ("reading", "r1"), ("token", "t"), ("kind", "height")])

    assert form.all("kind") == ["weight", "height"]
    assert form.get("reading") == "r1"
    assert form.but("token", "kind") == [("reading", "r1")]
