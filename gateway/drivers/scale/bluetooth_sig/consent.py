"""Tells a scale which of its users are to be heard: the User Control Point of User Data.

A scale with users sends nothing of a user before a collector has given that user's consent code,
four digits that the scale shows. It counts wrong codes and locks the user after some: so a refused
code is never given again until the owner writes another into the setting, and no other user's in
the same conversation. Registering takes one of the scale's few users: only on the explicit order of
the setting `register`, and once. Nothing is ever deleted.

A scale may be sending something else while it is asked, such as a guest's weight, and can answer
only once that is confirmed, which is when it was taken in: so that is done `meanwhile`.

Source: Bluetooth User Data Service 1.1, "User Control Point"; what Beurer and Silvercrest scales do
beside it, from public clients.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2s

from gateway.drivers.api import Inbox, Session, Setting, gatt
from gateway.drivers.scale.bluetooth_sig.user_data import ControlPoint, Op, Result, control_point
from gateway.errors import ConfigError, DecodeError, LinkRefused, LinkTimeout, ProtocolError

CONTROL_POINT = gatt("181c", "2a9f")

CONSENTS = Setting(
    "consents",
    "The users to hear, each with the code that the scale shows: `1:3752, 2:0042`.",
)
REGISTER = Setting(
    "register",
    "A code of four digits: makes the scale register one new user with it, once. Takes one of the"
    " scale's users; the number it gives is shown as an event, to be written into `consents`.",
)
COMMIT_PROFILE = Setting(
    "commit_profile",
    "Write each user's profile back as it was read and count the change: a Beurer BF788 measures"
    " the body composition only then.",
    default=False,
)

ANSWER_S = 30.0
"""A request without answer for so long has failed (the ATT transaction time-out)."""

TURN_S = 0.5
"""How long an answer is waited for before what else comes is looked at."""

Meanwhile = Callable[[], Awaitable[None]]

_USER = re.compile(r"\s*(\d{1,3})\s*:\s*(\d{1,4})\s*")
_PROFILE = tuple(gatt("181c", uuid) for uuid in ("2a85", "2a8c", "2a8e"))
_INCREMENT = gatt("181c", "2a99")
_HIGHEST_USER = 254  # 255 stands for an unknown one


@dataclass(slots=True)
class Remembered:
    """The bookmark: what was refused, what was ordered and done, whose turn was last."""

    refused: list[str] = field(default_factory=list)
    registered: str | None = None
    last: int = -1

    def to_text(self) -> str:
        """Write it as a bookmark."""
        return json.dumps(
            {"refused": self.refused, "registered": self.registered, "last": self.last}
        )

    @classmethod
    def from_text(cls, text: str | None) -> Remembered:
        """Read a bookmark; of one that is not ours, nothing."""
        try:
            fields = json.loads(text or "")
            return cls([str(it) for it in fields["refused"]], fields["registered"], fields["last"])
        except (KeyError, TypeError, ValueError):
            return cls()


def asked_for(session: Session) -> dict[int, int]:
    """Return the codes of the setting by user. Raises ConfigError."""
    wanted = session.setting(CONSENTS.name)
    codes: dict[int, int] = {}
    for part in str(wanted).split(",") if wanted else ():
        found = _USER.fullmatch(part)
        if found is None or int(found[1]) > _HIGHEST_USER:
            raise ConfigError(
                f"{CONSENTS.name} cannot be read: write users and codes such as 1:3752, 2:0042."
            )
        codes[int(found[1])] = int(found[2])
    return codes


class Consents:
    """The users of one scale, in one conversation."""

    def __init__(
        self, session: Session, answers: Inbox, codes: Mapping[int, int], known: Remembered
    ) -> None:
        self._session = session
        self._answers = answers
        self._codes = codes
        self._known = known

    @classmethod
    async def subscribed(cls, session: Session) -> Consents | None:
        """Subscribe to the answers; None if the scale has no such users."""
        if CONTROL_POINT not in session.link.channels:
            return None
        codes = asked_for(session)
        try:
            answers = await session.link.subscribe(CONTROL_POINT)
        except LinkRefused:
            return None
        known = Remembered.from_text(await session.bookmark())
        return cls(session, answers, codes, known)

    async def register(self, meanwhile: Meanwhile) -> None:
        """Register a new user if that is ordered and was not done yet."""
        code = self._session.setting(REGISTER.name)
        if code is None or not re.fullmatch(r"\d{1,4}", str(code)):
            return
        order = _digest(f"register:{code}")
        if self._known.registered == order:
            return
        self._known.registered = order
        await self._remember()  # before it is asked: a lost answer must not register a second user
        operand = int(code).to_bytes(2, "little")
        answer = await self._ask(Op.REGISTER_NEW_USER, operand, meanwhile)
        if answer.result is Result.SUCCESS and answer.user_index is not None:
            await self._session.remark(f"user_registered: {answer.user_index}")
        else:
            await self._session.remark(f"registering_refused: {_name(answer)}")

    def users(self) -> Iterator[int]:
        """Name the users to be heard, whoever was heard last at the end."""
        for user in sorted(self._codes, key=lambda user: (user <= self._known.last, user)):
            if self._key(user) not in self._known.refused:
                yield user

    async def give(self, user: int, meanwhile: Meanwhile) -> bool:
        """Give the user's consent code; say whether the scale took it. Raises ProtocolError."""
        octets = bytes((user,)) + self._codes[user].to_bytes(2, "little")
        answer = await self._ask(Op.CONSENT, octets, meanwhile)
        self._known.last = user
        if answer.result is not Result.SUCCESS:
            self._known.refused.append(self._key(user))
            await self._session.remark(f"consent_refused: user {user}, {_name(answer)}")
        await self._remember()
        if answer.result is Result.SUCCESS and self._session.setting(COMMIT_PROFILE.name):
            await self._commit_profile()
        return answer.result is Result.SUCCESS

    async def _commit_profile(self) -> None:
        link = self._session.link
        try:
            for channel in _PROFILE:
                if channel in link.channels:
                    await link.write(channel, (await link.read(channel)).data)
            count = int.from_bytes((await link.read(_INCREMENT)).data, "little") + 1
            await link.write(_INCREMENT, (count & 0xFFFFFFFF).to_bytes(4, "little"))
        except LinkRefused:
            await self._session.remark("profile_not_committed")

    async def _ask(self, op: Op, operand: bytes, meanwhile: Meanwhile) -> ControlPoint:
        """Ask, and wait for the answer to this; raises ProtocolError if none comes."""
        await self._session.link.write(CONTROL_POINT, bytes((op.value,)) + operand)
        for _ in range(round(ANSWER_S / TURN_S)):
            try:
                frame = await self._answers.get(within=TURN_S)
                answer = control_point(frame.data)
            except LinkTimeout:
                await meanwhile()
                continue
            except DecodeError as error:
                await self._session.set_aside(frame, error)
                continue
            if answer.op is Op.RESPONSE and answer.request_op is op:
                return answer
        raise ProtocolError("The scale left a question about its users open.")

    async def _remember(self) -> None:
        await self._session.set_bookmark(self._known.to_text())

    def _key(self, user: int) -> str:
        return _digest(f"{user}:{self._codes[user]}")


def _digest(text: str) -> str:
    return blake2s(text.encode(), digest_size=8).hexdigest()


def _name(answer: ControlPoint) -> str:
    return answer.result.name.lower() if answer.result is not None else "unknown"
