"""The bookmark of a driver that reads numbered records out of a device's memory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import blake2s

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
        return self.sequence if self.sequence <= 0xFFFF - _MOST else None

    @classmethod
    def of(cls, sequence: int, content: bytes) -> Mark:
        """Make the mark of a record; `content` is what never changes about it."""
        return cls(sequence, blake2s(content, digest_size=8).hexdigest())

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


def _is_number(value: object) -> bool:
    return isinstance(value, int) and 0 <= value <= 0xFFFF
