"""What devices held from before anybody was said to use them: nobody's, and asked about at once.

Who adds a device says from when on its readings are theirs. A sensor's memory of two weeks from
before that is four thousand readings; to ask of each whose it is would bury what is to be asked.
"""

from __future__ import annotations

from gateway.journal import devices, pages
from gateway.journal.database import Database
from gateway.journal.instants import from_us
from gateway.journal.keys import Keyring
from gateway.journal.views import Earlier, EntryView

_EARLIER = """
    SELECT e.number, e.device, e.slot, said.since_us
    FROM entries AS e INDEXED BY entries_unclaimed
    JOIN (
        SELECT d.number AS device, s.slot AS slot, (
            SELECT min(since_us) FROM assignments
            WHERE device = d.number AND session IS NULL AND (slot IS NULL OR slot = s.slot)
        ) AS since_us
        FROM devices AS d
        JOIN (SELECT DISTINCT device, slot FROM entries INDEXED BY entries_unclaimed
            WHERE subject IS NULL) AS s ON s.device = d.number
        WHERE s.slot IS NOT NULL
            OR NOT EXISTS (SELECT 1 FROM assignments WHERE device = d.number AND slot IS NOT NULL)
    ) AS said ON said.device = e.device AND said.slot IS e.slot
    JOIN timings AS t ON t.entry = e.number
        AND t.step = (SELECT max(step) FROM timings WHERE entry = e.number)
    WHERE e.subject IS NULL AND e.attribution = 'unclaimed'
        AND t.measured_us + t.uncertainty_us < said.since_us"""
"""Certainly measured before the first that was said of their device and number on it.

Of a device that tells its users apart, what has no number is a guest's: asked of each by itself.
"""
_OTHERS = f"""
    SELECT number FROM entries INDEXED BY entries_unclaimed
    WHERE subject IS NULL AND attribution != 'dismissed'
        AND number NOT IN (SELECT number FROM ({_EARLIER}))
    ORDER BY measured_us DESC, number DESC"""  # noqa: S608  our own words
_COUNTED = f"""
    SELECT d.number, d.details, slot, count(*), since_us
    FROM ({_EARLIER}) JOIN devices AS d ON d.number = device
    GROUP BY d.number, slot ORDER BY d.number, slot"""  # noqa: S608  our own words


def earlier(db: Database, keys: Keyring) -> list[Earlier]:
    """Count what each device holds of it, by the number on the device; none without any."""
    return [
        Earlier(devices.shown(keys, number, details).id, slot, count, from_us(since_us))
        for number, details, slot, count, since_us in db.rows(_COUNTED)
    ]


def to_be_asked(db: Database, keys: Keyring, limit: int) -> list[EntryView]:
    """Return the latest of nobody that are to be asked about each by itself."""
    found: list[EntryView] = []
    numbers = [number for (number,) in db.rows(_OTHERS)]
    while numbers and len(found) < limit:
        some, numbers = numbers[:limit], numbers[limit:]
        found += pages.views(db, keys, some)
    return found[:limit]
