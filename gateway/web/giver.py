"""Who gives a consent on the owner's page, and until when.

A parent gives it for their child, until the child is of age; a legal representative for whom they
represent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from enum import StrEnum

from gateway.api.people import LONGEST_LABEL, is_same_name
from gateway.clock import Instant
from gateway.consent.grant import Capacity
from gateway.domain.device_time import EARLIEST
from gateway.web.forms import Form


@dataclass(frozen=True, slots=True)
class Giver:
    """Who agrees, in what capacity, and when that ends by itself; None: when it is taken back."""

    name: str
    capacity: Capacity = Capacity.SELF
    expires: datetime | None = None


class Unclear(StrEnum):
    """Why it cannot be told, as the words for it are named."""

    UNNAMED = "unnamed"
    NOT_SAID_AS_WHAT = "not_said_as_what"
    NO_DATE = "no_date"
    OVER = "over"


def giver(form: Form, label: str, now: Instant, zone: tzinfo) -> Giver | Unclear:
    """Tell it from a form about the person called `label`; a day ends a consent as it begins."""
    said, name, day = form.get("capacity"), form.get("by")[:LONGEST_LABEL], form.get("expires")
    capacity = Capacity(said) if said in set(Capacity) else Capacity.SELF
    if capacity is Capacity.SELF:
        if name and not is_same_name(name, label):
            return Unclear.NOT_SAID_AS_WHAT
        name = label
    elif not name or is_same_name(name, label):
        return Unclear.UNNAMED
    if not day:
        return Giver(name, capacity)
    try:
        expires = datetime.combine(date.fromisoformat(day), time(), tzinfo=zone)
    except ValueError:
        return Unclear.NO_DATE
    if expires <= (now.utc if now.trusted else EARLIEST):
        return Unclear.OVER
    return Giver(name, capacity, expires)
