"""Whatever people do on the pages, in whatever order and in how many windows, is answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from random import Random
from urllib.parse import urlencode

import pytest

from gateway.api.browsers import Role
from gateway.domain.device import DeviceId
from tests.web.measuring import SCALE, weigh
from tests.web.window import ADDRESS, Answer, Window, a_window

TYPED = ("Odile", "Marcel", "", "  ", "1", "0000", "x" * 90, "<b>", "é\N{RIGHT-TO-LEFT OVERRIDE}")
PASSES_S = (1, 30, 70, 400, 700, 90_000)
LEFT_ALONE = {"/leave", "/forget", "/language"}
"""What ends the walk, or leads nowhere else."""


@dataclass
class Form:
    """A form of a page: its fields by name, each with the values that it can have."""

    action: str
    fixed: list[tuple[str, str]] = field(default_factory=list)
    choices: dict[str, list[str]] = field(default_factory=dict)
    typed: list[str] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def filled(self, random: Random) -> bytes:
        """Fill it in somehow, as a person may, and send it with one of its buttons."""
        sent = [*self.fixed, *((name, random.choice(TYPED)) for name in self.typed)]
        sent += [(n, random.choice(v)) for n, v in self.choices.items() if random.random() < 0.9]
        sent += [random.choice(self.buttons)] if self.buttons else []
        return urlencode(sent).encode()


class Forms(HTMLParser):
    """Finds the forms of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        of = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.found.append(Form(of["action"]))
            return
        if not self.found:
            return
        form, name, value = self.found[-1], of.get("name", ""), of.get("value", "on")
        if tag == "select":
            self._select = name
        elif tag == "option" and "disabled" not in of:
            form.choices.setdefault(self._select, []).append(of.get("value", ""))
        elif tag == "button" and name:
            form.buttons.append((name, of.get("value", "")))
        elif tag == "input" and of.get("type") == "hidden":
            form.fixed.append((name, value))
        elif tag == "input" and of.get("type") in ("checkbox", "radio"):
            form.choices.setdefault(name, []).append(value)
        elif tag == "input":
            form.typed.append(name)


async def step(window: Window, page: Answer | None, home: str, random: Random) -> Answer | None:
    """Open a page, or send a form of the one that is open; return the page that is open then."""
    forms = (
        [] if page is None else [f for f in Forms(page.html).found if f.action not in LEFT_ALONE]
    )
    if not forms or random.random() < 0.25:
        asked, answer = home, await window.get(home)
    else:
        form = random.choice(forms)
        headers = {"origin": ADDRESS, "sec-fetch-site": "same-origin"}
        sent = form.filled(random)
        asked = f"{form.action} {sent!r}"
        answer = await window.ask("POST", form.action, sent, headers)
    if answer.status == 303:
        asked, answer = answer.headers["location"], await window.get(answer.headers["location"])
        assert answer.status == 200, asked
    is_page = "html" in answer.headers.get("content-type", "")
    assert answer.status == 200 or (answer.status < 500 and is_page), f"{asked}: {answer.text}"
    return answer if is_page else None


@pytest.mark.parametrize("seed", range(8))
async def test_any_walk_through_the_pages_ends_on_a_page(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    async with a_window(tmp_path) as owner:
        for device in ("serial:scale", "serial:cuff"):
            await owner.hub.journal.adopt(DeviceId(device), SCALE.driver)
        another, kiosk = (Window(owner.hub, browsers=owner.browsers) for _ in range(2))
        await owner.enter()
        another.cookies = dict(owner.cookies)
        await kiosk.enter(Role.KIOSK)
        open_: dict[Window, Answer | None] = {owner: None, another: None, kiosk: None}
        for number in range(100):
            match random.randrange(8):
                case 0:
                    ago = timedelta(seconds=random.choice((5, 3000)))
                    await weigh(owner, f"{60 + number}.5", within=ago)
                case 1:
                    owner.hub.clock.advance(random.choice(PASSES_S))
                case _:
                    window = random.choice(list(open_))
                    home = "/kiosk" if window is kiosk else random.choice(("/", "/devices"))
                    open_[window] = await step(window, open_[window], home, random)
