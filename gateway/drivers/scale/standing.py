"""Who stands on a scale while its line is silent, or between two conversations."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.clock import Instant

OUTAGE_S = 10.0
"""A scale that is asked always answers: its silence is a fault of the line and says nothing of who
stands on it. The same weight again within this is the same weigh-in; guess: nobody else of that
very weight has stepped on meanwhile."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A weigh-in under way when a conversation ended: it may go on in the next.

    Kept as a bookmark, which says nothing of the weight. What goes on began when it did before: the
    same weight is then the same reading.
    """

    since: Instant
    until: Instant
    """When the scale showed it last."""

    def to_text(self) -> str:
        """Write it as a bookmark."""
        return json.dumps([_fields(self.since), _fields(self.until)])

    @classmethod
    def from_text(cls, text: str | None) -> Standing | None:
        """Read a bookmark; None if there is none, or not one of ours."""
        try:
            since, until = json.loads(text or "")
            return cls(_instant(*since), _instant(*until))
        except (TypeError, ValueError):
            return None

    def goes_on_at(self, now: Instant) -> bool:
        """Say whether what the scale shows now may still be this."""
        if now.boot_id == self.until.boot_id:
            return 0 <= now.monotonic - self.until.monotonic <= OUTAGE_S
        return 0 <= (now.utc - self.until.utc).total_seconds() <= OUTAGE_S


def _fields(at: Instant) -> list[object]:
    return [at.utc.isoformat(), at.monotonic, at.boot_id, at.trusted]


def _instant(utc: str, monotonic: float, boot_id: str, trusted: bool) -> Instant:
    at = datetime.fromisoformat(utc).astimezone(UTC)
    return Instant(at, float(monotonic), str(boot_id), bool(trusted))
