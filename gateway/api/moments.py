"""Moments as the API takes them: aware, and such that they are one in UTC as well."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime


def _in_utc(at: datetime) -> datetime:
    try:
        at.astimezone(UTC)
    except OverflowError:
        raise ValueError("in UTC that is outside of the years 1 to 9999") from None
    return at


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""What else is kept could never be read again: the journal counts in UTC."""
