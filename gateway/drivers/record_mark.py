"""The bookmarks of drivers that read numbered records out of a device's memory."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2s
from itertools import dropwhile

_MOST = 4096
"""More records than any device in scope keeps: the numbers of those read last and of those after
them are at most so far apart. Guess."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The last record up to which all are in the journal, by number and content.

    The number alone would not do: a device that was reset begins again at 1.
    """

    sequence: int
    digest: str
    first: int | None = field(default=None, compare=False)
    """With which number the reading began, until it is sure that the device has none before it."""

    @property
    def since(self) -> int | None:
        """From which number on to ask; None, for all, where newer ones may have begun again at 0.

        What is asked for by "this number and greater" would leave those out.
        """
        return _since(self.sequence)

    def numbers_began_anew(self, seen: Iterable[Mark]) -> bool:
        """Tell whether one of these, in their order, came after it under its number or a lower one.

        Then the numbers began anew although the records of before are kept.
        """
        later = dropwhile(lambda mark: mark != self, seen)
        return any(mark != self and mark.sequence <= self.sequence for mark in later)

    @classmethod
    def of(cls, sequence: int, content: bytes) -> Mark:
        """Make the mark of a record; `content` is what never changes about it."""
        return cls(sequence, _digest(content))

    def to_text(self) -> str:
        """Write the mark as a bookmark."""
        fields = {"sequence": self.sequence, "digest": self.digest}
        return json.dumps(fields if self.first is None else {**fields, "first": self.first})

    @classmethod
    def from_text(cls, text: str | None) -> Mark | None:
        """Read a bookmark; None if there is none, or not one of ours."""
        try:
            fields = json.loads(text or "")
            sequence, first = fields["sequence"], fields.get("first")
            if _is_number(sequence) and (first is None or _is_number(first)):
                return cls(sequence, str(fields["digest"]), first)
        except (AttributeError, KeyError, TypeError, ValueError):
            pass
        return None


@dataclass(frozen=True, slots=True)
class Reached:
    """The latest number there was, and what was read up to it: where no record tells its number.

    One of those read has that number, so whoever reports from it on reports one of them again,
    unless the device was reset.
    """

    latest: int
    digests: frozenset[str]

    @property
    def since(self) -> int | None:
        """From which number on to ask, as for a `Mark`."""
        return _since(self.latest)

    @classmethod
    def by(cls, latest: int, contents: Iterable[bytes]) -> Reached:
        """Make it of the records read, by what never changes about them."""
        return cls(latest, frozenset(map(_digest, contents)))

    def is_among(self, contents: Iterable[bytes]) -> bool:
        """Say whether one of these records was read then."""
        return not self.digests.isdisjoint(map(_digest, contents))

    def to_text(self) -> str:
        """Write it as a bookmark."""
        return json.dumps({"latest": self.latest, "digests": sorted(self.digests)})

    @classmethod
    def from_text(cls, text: str | None) -> Reached | None:
        """Read a bookmark; None if there is none, or not one of ours."""
        try:
            fields = json.loads(text or "")
            if _is_number(fields["latest"]):
                return cls(fields["latest"], frozenset(map(str, fields["digests"])))
        except (KeyError, TypeError, ValueError):
            pass
        return None


def _since(sequence: int) -> int | None:
    return sequence if sequence <= 0xFFFF - _MOST else None


def _digest(content: bytes) -> str:
    return blake2s(content, digest_size=8).hexdigest()


def _is_number(value: object) -> bool:
    return isinstance(value, int) and 0 <= value <= 0xFFFF
