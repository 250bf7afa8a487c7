"""Which browsers may see the screens: a code that works once gets in, then a cookie is shown.

A code is drawn for whoever may already command the gateway, and typed or followed in a browser.
The cookie says for what and until when, under a seal made with the API's token. Nothing is kept of
it while it is good: a browser stays known when the daemon is restarted. What is kept is who left,
or was sent away (`Forgotten`): every copy of their cookie is worth nothing. A new token forgets
them all.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from gateway.api.forgotten import Forgotten
from gateway.clock import Clock
from gateway.errors import ConfigError

CODE_LIVES = timedelta(minutes=10)
_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without those that look like another, for whoever types a code from one screen into another."""
_CODE_LENGTH = 10
"""30 letters in 10 places are 5.9e14 codes. Whoever guesses 10,000 a second (a busy machine of
2 cores answered 310) finds one that is open for its ten minutes with a chance of 1 in 98 million;
with `_OPEN_CODES` open all day long, of 1 in 42,000 a day. So guesses are not counted: a count that
voids codes, or makes wait, lets anybody in the network keep the household out."""
_OPEN_CODES = 16
"""More than a household or a counter opens within `CODE_LIVES`."""


class Role(StrEnum):
    """What a browser may see."""

    OWNER = "owner"
    """Everything: people, readings, consents."""
    KIOSK = "kiosk"
    """The screen at the counter, and nothing of anybody but the person in front of it."""


class Door(StrEnum):
    """By which port a browser comes. A cookie is good at the one where it was given."""

    HUB = "hub"
    """That of the machine itself."""
    NETWORK = "network"


COOKIE_LIVES: Mapping[Role, timedelta] = {
    Role.OWNER: timedelta(days=30),
    Role.KIOSK: timedelta(days=365),
}
"""From the last page seen. A kiosk starts by itself, with nobody there who could let it in."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A code that lets one browser in, once; `url` is the page to open with it."""

    url: str
    code: str
    role: Role


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser that was let in. Its forms carry `form_token`: another site cannot know it."""

    role: Role
    browser: str
    form_token: str
    cookie: str
    """The same browser's, good for `COOKIE_LIVES` from now on."""
    door: Door


class Browsers:
    """Lets browsers in, and knows them again.

    `address` is the screens' own for a browser of the household, `at_the_hub` for one on the hub
    itself, such as a kiosk's; without a slash at their ends, and None without such a port.
    """

    def __init__(
        self,
        secret: str,
        forgotten: Forgotten,
        clock: Clock,
        address: str | None,
        at_the_hub: str | None = None,
    ) -> None:
        self._address = {
            Role.OWNER: address or at_the_hub,
            Role.KIOSK: at_the_hub or address,
        }
        self._key = hmac.digest(secret.encode(), b"screens", "sha256")
        self._forgotten = forgotten
        self._clock = clock
        self._open: dict[str, tuple[Role, float]] = {}

    def invite(self, role: Role) -> Invitation:
        """Draw a code. Raises ConfigError if there is no port that a browser could reach."""
        address = self._address[role]
        if address is None:
            raise ConfigError(
                "No browser can reach the screens: give [api] a port, such as port = 8470, and"
                " start the gateway again."
            )
        while len(self._open) >= _OPEN_CODES:
            del self._open[next(iter(self._open))]
        code = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH))
        until_s = self._clock.now().monotonic + CODE_LIVES.total_seconds()
        self._open[code] = (role, until_s)
        return Invitation(f"{address}/enter?code={code}", code, role)

    def admit(self, typed: str, door: Door = Door.HUB) -> Visitor | None:
        """Let a browser in by a code, spent by this; None if there is no such code any more."""
        code = "".join(letter for letter in typed.upper() if letter.isalnum())
        role, until_s = self._open.pop(code, (None, 0.0))
        if role is None or self._clock.now().monotonic >= until_s:
            return None
        return self._visitor(role, secrets.token_urlsafe(9), door)

    def recognise(self, cookie: str | None, door: Door = Door.HUB) -> Visitor | None:
        """Return whom the cookie lets in; None if it is not ours, not of here, or has run out.

        What is taken from a kiosk on the hub, or by a port that another account serves there, opens
        nothing from the network.
        """
        told, _, seal = (cookie or "").rpartition(".")
        if not hmac.compare_digest(seal.encode(), self._cookie_seal(told, door).encode()):
            return None
        role, until, browser = told.split(".")
        if self._clock.now().utc.timestamp() >= int(until) or self._forgotten.has(role, browser):
            return None
        # By a clock that began at 1970 it would have run out once the time is known.
        keeps = None if self._clock.now().trusted else int(until)
        return self._visitor(Role(role), browser, door, keeps)

    def forget(self, visitor: Visitor) -> None:
        """Let this browser in no longer, nor any copy of its cookie. Raises ConfigError."""
        self._forgotten.add(visitor.role, visitor.browser)

    def forget_all(self, role: Role, but: Visitor | None = None) -> Visitor | None:
        """Let nobody of a role in who was before, nor by a code that is open; except one.

        That one has another cookie from then on. Raises ConfigError.
        """
        self._open = {code: each for code, each in self._open.items() if each[0] is not role}
        self._forgotten.add_all(role)
        return None if but is None else self._visitor(but.role, but.browser, but.door)

    def _visitor(self, role: Role, browser: str, door: Door, until_s: int | None = None) -> Visitor:
        """Name a visitor; their cookie lives on from now, or until then."""
        if until_s is None:
            until_s = int((self._clock.now().utc + COOKIE_LIVES[role]).timestamp())
        told = f"{role}.{until_s}.{browser}"
        cookie = f"{told}.{self._cookie_seal(told, door)}"
        return Visitor(role, browser, self._seal("form", f"{role}.{browser}"), cookie, door)

    def _cookie_seal(self, told: str, door: Door) -> str:
        mark = self._forgotten.mark(told.partition(".")[0])
        where = "" if door is Door.HUB else f"{door} "
        return self._seal(f"{where}cookie{mark}", told)

    def _seal(self, purpose: str, told: str) -> str:
        return hmac.new(self._key, f"{purpose} {told}".encode(), hashlib.sha256).hexdigest()
