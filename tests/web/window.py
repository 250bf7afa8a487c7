"""A browser of paper: it keeps cookies and sends forms, and runs no script."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from html import unescape
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.types import ASGIApp, Message, Scope

from gateway.api.browsers import Browsers, Role
from gateway.api.destination_pairing import Pairings
from gateway.api.forgotten import Forgotten
from gateway.api.hub import Counter
from gateway.domain.device import Device, DeviceId
from gateway.domain.kiosk import UNATTENDED
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.testing.clock import ManualClock
from gateway.web.site import make_screens
from tests.api.hubs import ADDRESSES, ROUTES, JournalHub

_TEN_MINUTES = timedelta(minutes=10)
ADDRESS = "http://127.0.0.1:8470"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    cookies: SimpleCookie
    html: str

    @property
    def text(self) -> str:
        """What a person reads, with plain spaces."""
        told = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", self.html, flags=re.DOTALL)
        return " ".join(unescape(told).replace("\N{NO-BREAK SPACE}", " ").split())

    def field(self, name: str) -> str:
        """Return the first hidden field of that name."""
        found = re.search(rf'type="hidden" name="{name}" value="([^"]*)"', self.html)
        assert found is not None, f"no field {name}: {self.text}"
        return unescape(found[1])


class Window:
    """One browser before the screens of a hub."""

    def __init__(self, hub: JournalHub, *, browsers: Browsers | None = None) -> None:
        self.hub = hub
        forgotten = Forgotten(hub.path.with_name("forgotten-browsers.json"))
        self.browsers = browsers or Browsers("secret", forgotten, hub.clock, ADDRESS)
        self.pairings = Pairings(hub)
        self.stopping = asyncio.Event()
        self.app: ASGIApp = make_screens(hub, self.browsers, self.pairings, self.stopping)
        self.cookies: dict[str, str] = {}
        self.scheme = "http"

    async def enter(self, role: Role = Role.OWNER) -> None:
        code = self.browsers.invite(role).code
        assert (await self.post("/enter", code=code)).status == 303

    async def plug_in(self) -> None:
        """Make the counter's cables known, as the daemon does at its start."""
        assert self.hub.counter is not None
        for cable in self.hub.counter.devices:
            await self.hub.journal.describe(Device(id=DeviceId(cable), driver="scale/tanita"))

    async def get(self, target: str, **headers: str) -> Answer:
        return await self.ask("GET", target, b"", headers)

    async def post(self, path: str, headers: dict[str, str] | None = None, **form: str) -> Answer:
        """Send a form, as one of our own pages would unless `headers` say otherwise."""
        return await self.post_fields(path, [*form.items()], headers)

    async def post_fields(
        self, path: str, fields: list[tuple[str, str]], headers: dict[str, str] | None = None
    ) -> Answer:
        """Send a form in which a field may stand several times."""
        sent = {"origin": ADDRESS, "sec-fetch-site": "same-origin", **(headers or {})}
        return await self.ask("POST", path, urlencode(fields).encode(), sent)

    async def send(self, path: str, *, on: str = "/", **form: str) -> Answer:
        """Send a form of the page `on`, with the token that stands there."""
        page = await self.get(on)
        return await self.post(path, token=page.field("token"), **form)

    async def ask(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Answer:
        path, _, query = target.partition("?")
        given = {"host": ADDRESS.removeprefix("http://"), **headers}
        given["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        scope: Scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": self.scheme,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8470),
        }
        told: list[Message] = []

        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            if not messages:
                await asyncio.Event().wait()  # it stays there until all has come
            return messages.pop()

        async def send(message: Message) -> None:
            told.append(message)

        await self.app(scope, receive, send)
        cookies: SimpleCookie = SimpleCookie()
        for name, value in told[0]["headers"]:
            if name.lower() == b"set-cookie":
                cookies.load(value.decode())
        for name, morsel in cookies.items():
            self.cookies[name] = morsel.value
            if morsel["max-age"] == "0":
                del self.cookies[name]
        content = b"".join(message.get("body", b"") for message in told[1:])
        return Answer(
            told[0]["status"],
            {name.decode().lower(): value.decode() for name, value in told[0]["headers"]},
            cookies,
            content.decode("utf-8", "replace"),
        )


@asynccontextmanager
async def a_window(folder: Path) -> AsyncIterator[Window]:
    """Open a browser before a hub with a journal, and no daemon around it."""
    clock = ManualClock()
    path = folder / "state" / "journal.db"
    zone = ZoneInfo("Europe/Paris")
    async with Journal.open(
        path, clock=clock, zone=zone, routes=ROUTES, addresses=ADDRESSES
    ) as journal:
        with Reader.open(path) as reader:
            hub = JournalHub(journal, reader, clock)
            hub.path = path
            hub.counter = Counter(
                ["serial:scale", "serial:cuff"], lasts=_TEN_MINUTES, unattended=_TEN_MINUTES
            )
            yield Window(hub)


@asynccontextmanager
async def at_a_counter(folder: Path) -> AsyncIterator[Window]:
    """Open a kiosk's browser, which asks whether somebody is there still as soon as it does."""
    async with a_window(folder) as opened:
        counter = opened.hub.counter
        assert counter is not None
        for device in counter.devices:
            await opened.hub.journal.adopt(DeviceId(device), "scale/tanita")
        opened.hub.counter = replace(counter, unattended=UNATTENDED)
        await opened.enter(Role.KIOSK)
        yield opened
