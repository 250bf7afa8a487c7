"""The bookmark of a driver that reads numbered records out of a device's memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2s


@dataclass(frozen=True, slots=True)
class Mark:
    """The last record up to which all are in the journal, by number and content.

    The number alone would not do: a device that was reset begins again at 1.
    """

    sequence: int
    digest: str

    @classmethod
    def of(cls, sequence: int, content: bytes) -> Mark:
        """Make the mark of a record; `content` is what never changes about it."""
        return cls(sequence, blake2s(content, digest_size=8).hexdigest())

    def to_text(self) -> str:
        """Write the mark as a bookmark."""
        return json.dumps({"sequence": self.sequence, "digest": self.digest})

    @classmethod
    def from_text(cls, text: str | None) -> Mark | None:
        """Read a bookmark; None if there is none, or not one of ours."""
        try:
            fields = json.loads(text or "")
            sequence = fields["sequence"]
            if isinstance(sequence, int) and 0 <= sequence <= 0xFFFF:
                return cls(sequence, str(fields["digest"]))
        except (KeyError, TypeError, ValueError):
            pass
        return None
