"""Says moments the way people do: 24 hours, the month by its name, the zone where it matters."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from gateway.language.words import Words


def in_zone(at: datetime, zone: tzinfo) -> datetime:
    """Return the moment as it is there; as it was given at the ends of the calendar.

    Those are what other systems write for ever: there may be no such day in the zone.
    """
    try:
        return at.astimezone(zone)
    except OverflowError:
        return at


def moment(at: datetime, now: datetime, zone: tzinfo, words: Words) -> str:
    """Say when something was, as seen from now."""
    here, today = in_zone(at, zone), now.astimezone(zone).date()
    if here.date() == today:
        return words("time.today", clock=clock(at, zone, words))
    if here.date() == today - timedelta(days=1):
        return words("time.yesterday", clock=clock(at, zone, words))
    return _date("time.day" if here.year == today.year else "time.year", at, zone, words)


def written(at: datetime, zone: tzinfo, words: Words) -> str:
    """Write a moment for whoever reads it in years, and elsewhere: with its zone."""
    return _date("time.written", at, zone, words)


def clock(at: datetime, zone: tzinfo, words: Words) -> str:
    """Say the time of day."""
    here = in_zone(at, zone)
    return words("time.clock", hour=here.hour, minute=f"{here.minute:02d}")


def _date(key: str, at: datetime, zone: tzinfo, words: Words) -> str:
    here = in_zone(at, zone)
    return words(
        key,
        day=words("day.first") if here.day == 1 else words("day.other", day=here.day),
        month=words(f"month.{here.month}"),
        year=here.year,
        clock=clock(at, zone, words),
        zone=_zone(here),
    )


def _zone(here: datetime) -> str:
    """Name a zone and what it is off universal time then: "Europe/Paris, UTC+1"."""
    off = here.utcoffset() or timedelta()
    hours, minutes = divmod(abs(round(off.total_seconds() / 60)), 60)
    sign = "\N{MINUS SIGN}" if off < timedelta() else "+"
    utc = "UTC" if not off else f"UTC{sign}{hours}" + (f":{minutes:02d}" if minutes else "")
    name = str(here.tzinfo)
    return utc if name.startswith("UTC") else f"{name}, {utc}"
