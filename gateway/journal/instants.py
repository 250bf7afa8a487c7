"""Moments as the journal stores them: whole microseconds since 1970 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_us(at: datetime) -> int:
    """Return an aware moment in microseconds."""
    return (at - _EPOCH) // _MICROSECOND


def from_us(at_us: int, utc_offset_s: int = 0) -> datetime:
    """Return the moment, aware, written with the given offset from UTC."""
    return (_EPOCH + timedelta(microseconds=at_us)).astimezone(_zone(utc_offset_s))


@lru_cache(maxsize=64)  # every half and quarter hour there is; moments of one zone share the object
def _zone(utc_offset_s: int) -> timezone:
    return timezone(timedelta(seconds=utc_offset_s)) if utc_offset_s else UTC


def span_us(span: timedelta) -> int:
    """Return a length of time in microseconds."""
    return span // _MICROSECOND


def span(length_us: int) -> timedelta:
    """Return a length of time from microseconds."""
    return timedelta(microseconds=length_us)
