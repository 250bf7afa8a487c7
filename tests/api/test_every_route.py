"""Every address, found by itself: without the token none of the API answers, wherever it is asked,
and every answer tells the browser what it may do with it.

What is asked goes through the real server, byte for byte: how a path may be written is the server's
business.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.api.browsers import Role
from gateway.api.headers import EVERY_ANSWER
from gateway.api.listener import Listener
from gateway.api.network import NameGuard
from gateway.api.serve import serve, until_cancelled
from gateway.api.server import PREFIX, make_app
from gateway.web.site import OPEN, SCREENS
from tests.web.window import Window, a_window

TOKEN = "t" * 43
NOBODY = "nobody"


@dataclass(frozen=True)
class Head:
    """The beginning of an answer."""

    status: int
    lines: list[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        """Return what it says under a name, as often as it says it."""
        return [value for said, value in self.lines if said == name]


@dataclass(frozen=True)
class Port:
    """A port of the hub, and whoever asks there."""

    number: int
    cookie: str

    async def status(
        self, method: str, path: str, offered: str | None = None, host: str = "127.0.0.1"
    ) -> int:
        """Ask as a browser that the owner let in, with a token if one is offered."""
        return (await self.head(method, path, offered, host)).status

    async def head(
        self, method: str, path: str, offered: str | None = None, host: str = "127.0.0.1"
    ) -> Head:
        """Ask so, and return what comes before the body: that of some answers never ends."""
        asked = [
            f"{method} {path} HTTP/1.1",
            f"Host: {host}",
            *([] if offered is None else [f"Authorization: Bearer {offered}"]),
            f"Cookie: visitor={self.cookie}",
            "Content-Type: application/json",
            "Content-Length: 2",
            "Connection: close",
        ]
        reader, writer = await asyncio.open_connection("127.0.0.1", self.number)
        writer.write("\r\n".join([*asked, "", "{}"]).encode())
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        writer.close()
        pairs = (line.partition(": ") for line in lines if line)
        return Head(int(first.split(" ")[1]), [(name.lower(), value) for name, _, value in pairs])


@asynccontextmanager
async def ports_of(window: Window) -> AsyncIterator[tuple[Port, Port]]:
    """Serve the loopback port, and that of the network without its TLS."""
    visitor = window.browsers.admit(window.browsers.invite(Role.OWNER).code)
    assert visitor is not None
    here, beyond = Listener("127.0.0.1", 0), Listener("127.0.0.1", 0)
    app = make_app(window.hub, window.browsers)
    network = NameGuard(window.app, ["127.0.0.1"])
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(serve(app, [here], TOKEN, window.app)),
            group.create_task(until_cancelled(network, [beyond])),
        ]
        for each in (here, beyond):
            each.listen()  # who comes before the server looks is waited for
        loopback, other = (Port(each.getsockname()[1], visitor.cookie) for each in (here, beyond))
        yield loopback, other
        for task in tasks:
            task.cancel()


def addresses(window: Window) -> list[tuple[str, str]]:
    """List each method and path, with a name for whatever a path asks for."""
    app = make_app(window.hub)
    described = [
        (method.upper(), re.sub(r"{\w+}", NOBODY, path))
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    ]
    return [*described, ("GET", f"{PREFIX}/openapi.json")]


async def test_no_address_of_the_api_answers_without_the_token(tmp_path: Path) -> None:
    async with a_window(tmp_path) as window, ports_of(window) as (here, beyond):
        asked = addresses(window)
        before = window.hub.journal.commits
        for method, path in asked:
            where = f"{method} {path}"
            assert await here.status(method, path) == 401, where
            assert await here.status(method, path, "") == 401, where
            assert await here.status(method, path, f"{TOKEN}x") == 401, where
            assert await here.status(method, path, TOKEN, "evil.example") == 421, where
            assert await beyond.status(method, path, TOKEN) == 404, where
        untouched = window.hub.journal.commits == before
        answered = [await here.status(*each, TOKEN) for each in asked]

    assert len(asked) > 40
    assert untouched
    assert not {401, 404, 405} & {
        status for status, (_, path) in zip(answered, asked, strict=True) if NOBODY not in path
    }


async def test_no_request_is_handed_to_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a route depends on is, unless a coroutine: 7 MiB at the first, a millisecond at each."""
    handed: list[str] = []

    async def run_sync(function: Callable[..., object], *given: object, **_: object) -> object:
        handed.append(where)
        return function(*given)

    monkeypatch.setattr("anyio.to_thread.run_sync", run_sync)
    async with a_window(tmp_path) as window, ports_of(window) as (here, _):
        for method, path in (*addresses(window), *PAGES, *ODD, ("GET", "/static/screens.css")):
            where = f"{method} {path}"
            await here.status(method, path, TOKEN)

    assert handed == []


@pytest.mark.parametrize(
    "written",
    [
        "/%61pi/v1/people",
        "/api%2Fv1/people",
        "/api/v1/%70eople",
        "//api/v1/people",
        "/api//v1/people",
        "/./api/v1/people",
        "/static/../api/v1/people",
        "/api/v1/people/",
        "/api/v1/people?x=1",
        "/api/v1/people#x",
        "/API/v1/people",
        "http://127.0.0.1/api/v1/people",
    ],
)
async def test_no_other_way_to_write_an_address_gets_by_the_token(
    written: str, tmp_path: Path
) -> None:
    async with a_window(tmp_path) as window, ports_of(window) as (here, _):
        await window.hub.journal.add_subject("Odile")

        assert await here.status("GET", written) in (400, 401, 404)


PAGES = [(method, path) for method, path, *_ in (*SCREENS, *OPEN)]
ODD = [("GET", "/nowhere"), ("GET", "/static/none"), ("HEAD", "/"), ("DELETE", f"{PREFIX}/people")]
ASKS = ((TOKEN, "127.0.0.1"), (None, "127.0.0.1"), (TOKEN, "evil.example"))


async def test_every_answer_is_kept_by_nobody_and_is_nobodys_to_frame_or_to_run(
    tmp_path: Path,
) -> None:
    heads: dict[str, Head] = {}
    async with a_window(tmp_path) as window, ports_of(window) as (here, beyond):
        await window.hub.journal.add_subject("Odile")
        stranger = Port(here.number, "a cookie of nobody")
        for port in (here, beyond, stranger):
            for method, path in (*addresses(window), *PAGES, *ODD):
                for offered, host in ASKS:
                    asked = f"{method} {host}:{port.number}{path} {offered} {port.cookie[:8]}"
                    heads[asked] = await port.head(method, path, offered, host)

    wrong = {asked: lacking(head) for asked, head in heads.items()}

    assert {asked: lacks for asked, lacks in wrong.items() if lacks} == {}
    assert {200, 303, 401, 403, 404, 405, 421, 422} <= {each.status for each in heads.values()}


def lacking(head: Head) -> list[str]:
    """Name the headers that an answer has not, has twice, or has so that they allow too much."""
    held = {name: head.all(name.lower()) for name in EVERY_ANSWER}
    (policy,) = held.pop("Content-Security-Policy") or [""]
    (referrer,) = held.pop("Referrer-Policy") or [""]
    lacks = [name for name, values in held.items() if values != [EVERY_ANSWER[name]]]
    if not policy.startswith("default-src 'none'; ") or "frame-ancestors 'none'" not in policy:
        lacks.append("Content-Security-Policy")
    if referrer not in ("no-referrer", "same-origin"):
        lacks.append("Referrer-Policy")
    return lacks


async def test_style_and_scripts_are_kept_but_never_older_than_the_page(tmp_path: Path) -> None:
    async with a_window(tmp_path) as window, ports_of(window) as (here, _):
        for path in ("/static/screens.css", "/static/kiosk.js"):
            first = await here.head("GET", path)
            (mark,) = first.all("etag")
            again = await window.get(path, **{"if-none-match": mark})

            assert (first.status, first.all("cache-control")) == (200, ["no-cache"])
            assert (again.status, again.headers["cache-control"]) == (304, "no-cache")


async def test_an_answer_that_broke_down_says_as_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ValueError("of a kind that nobody thought of")

    async with a_window(tmp_path) as window, ports_of(window) as (here, _):
        monkeypatch.setattr(window.hub, "status", broken)
        head = await here.head("GET", f"{PREFIX}/status", TOKEN)

    assert (head.status, lacking(head)) == (500, [])
