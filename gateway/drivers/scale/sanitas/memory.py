"""What a Sanitas SBF70 saved: which users it has, then the weighings of each, question by question.

It answers at any time between frames of somebody who stands on it, so nothing is waited for here:
`hear` takes in what came, `question` says what is to be asked next, if anything. What was read
stays in the scale; deleting it is never asked.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.drivers.scale.sanitas import codec
from gateway.drivers.scale.sanitas.codec import Answer, Measured, SavedPart, User


@dataclass(frozen=True, slots=True)
class Saved:
    """A weighing out of the memory, and the number of its user."""

    weighing: Measured
    user: int


class Memory:
    """How far the reading of the memory has come."""

    def __init__(self, start: int) -> None:
        """Take the first octet of this scale's frames."""
        self._start = start
        self._users: list[int] = []
        self._to_ask: list[int] = []
        self._asked: int | None = None
        self._half: SavedPart | None = None
        self._last: SavedPart | None = None
        self._question: bytes | None = codec.ask(start, codec.USERS)
        self.is_whole = False
        """Whether all was read."""

    @property
    def is_nobodys(self) -> bool:
        """Whether the scale said that it has no users, for whom alone it saves anything."""
        return self.is_whole and not self._users

    def question(self) -> bytes | None:
        """Return what is to be written now; None while the scale has to speak, or has told all."""
        question, self._question = self._question, None
        return question

    def hear(self, said: User | SavedPart | Answer) -> Saved | None:
        """Take in what the scale said, and return the weighing that is whole by it.

        Raises DecodeError if a half is missing; the weighings after it are not lost by that.
        """
        if isinstance(said, User):
            self._add(said)
            return None
        if isinstance(said, SavedPart):
            return self._collect(said)
        if said.command == codec.USERS and said.octets[1:2] == b"\0":
            self.is_whole = True
        elif said.command == codec.GET_SAVED and said.octets[:1] == b"\0":
            self._go_on()
        return None

    def _add(self, said: User) -> None:
        if said.number not in self._users:
            self._users.append(said.number)
            self._to_ask.append(said.number)
        if said.part == said.count and self._asked is None:
            self._go_on()

    def _collect(self, part: SavedPart) -> Saved | None:
        if self._asked is None or part == self._last:
            return None  # sent again: its acknowledgement was late
        user, self._last = self._asked, part
        half, self._half = self._half, None
        if part.part == part.count:
            self._go_on()
        if part.part % 2:
            self._half = part
            return None
        return Saved(codec.saved([half, part] if half else [part]), user)

    def _go_on(self) -> None:
        self._half = None
        self._asked = self._to_ask.pop(0) if self._to_ask else None
        if self._asked is None:
            self.is_whole = True
        else:
            self._question = codec.ask(self._start, codec.GET_SAVED, self._asked)
