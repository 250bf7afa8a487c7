"""Whose consent stood when, kept apart from the gateway's own ledger. Pure."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Json = Mapping[str, Any]
Place = tuple[str, str]
"""A person and a destination."""

NOT_OWED = frozenset({"not_reliable", "time_unknown"})
"""What the device itself doubts, or nobody knows the time of, goes nowhere."""


@dataclass
class Consents:
    """What one person said about one destination."""

    covered_from: list[datetime] = field(default_factory=list)
    """Of every grant ever given, what it covers."""
    in_force: datetime | None = None
    """What the grant that stands now covers; None if none stands."""
    dropped: set[str] = field(default_factory=set)
    """Readings that a withdrawal found waiting: they never go there any more."""


class Diary:
    """Every grant and withdrawal as the people made them."""

    def __init__(self) -> None:
        self._pages: defaultdict[Place, Consents] = defaultdict(Consents)

    def granted(self, who: str, where: str, covers_from: datetime) -> None:
        """A person consents: only the grants of before and this one cover anything."""
        page = self._pages[who, where]
        page.covered_from.append(covers_from)
        page.in_force = min(covers_from, page.in_force or covers_from)

    def withdrew(self, who: str, where: str, dropped: set[str]) -> None:
        """A person withdraws all that they granted there."""
        page = self._pages[who, where]
        page.in_force = None
        page.dropped |= dropped

    def consents(self, who: str, where: str) -> bool:
        """Tell whether a grant stands now."""
        return self._pages[who, where].in_force is not None

    def is_owed(self, reading: Json, who: str, where: str) -> bool:
        """Tell whether the reading must be there at the end."""
        page, way = self._pages[who, where], delivery(reading, where)
        return (
            way is not None
            and way["reason"] not in NOT_OWED
            and reading["id"] not in page.dropped
            and page.in_force is not None
            and _begins(reading) >= page.in_force
        )

    def may_be_there(self, reading: Json, who: str, where: str) -> bool:
        """Tell whether some grant, in force now or once, covered the reading."""
        return any(_begins(reading) >= since for since in self._pages[who, where].covered_from)


def delivery(reading: Json, where: str) -> Json | None:
    """Return how the reading stands with a destination; None if it has no place for it."""
    return next((each for each in reading["deliveries"] if each["destination"] == where), None)


def _begins(reading: Json) -> datetime:
    """Return the first moment that it may be of: a summary covers days that lie before it."""
    days = reading["values"].get("days", {"value": "0"})["value"]
    doubt = timedelta(days=float(days), seconds=reading["uncertainty_s"] or 0)
    return datetime.fromisoformat(reading["measured_at"]) - doubt
