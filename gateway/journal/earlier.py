"""What devices held from before anybody was said to use them: nobody's, and asked about at once.

Who adds a device says from when on its readings are theirs. A sensor's memory of two weeks from
before that is four thousand readings; to ask of each whose it is would bury what is to be asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Set

from gateway.journal import devices, pages
from gateway.journal.database import Database, Row
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
_NOBODYS = """
    SELECT number FROM entries INDEXED BY entries_unclaimed
    WHERE subject IS NULL AND attribution != 'dismissed'
    ORDER BY measured_us DESC, number DESC"""


def nobodys(db: Database, keys: Keyring, limit: int) -> tuple[list[EntryView], list[Earlier]]:
    """Part what is nobody's into what is asked about each by itself, and what is counted.

    Of the first the latest, `limit` at most; of the second what each device holds, by the number on
    the device.
    """
    held = db.rows(_EARLIER)
    return _others(db, keys, {number for number, *_ in held}, limit), _counted(db, keys, held)


def _others(db: Database, keys: Keyring, held: Set[int], limit: int) -> list[EntryView]:
    """Read on past what is damaged, which is left out."""
    found: list[EntryView] = []
    numbers = [number for (number,) in db.rows(_NOBODYS) if number not in held]
    while numbers and len(found) < limit:
        some, numbers = numbers[:limit], numbers[limit:]
        found += pages.views(db, keys, some)
    return found[:limit]


def _counted(db: Database, keys: Keyring, held: Iterable[Row]) -> list[Earlier]:
    counted = Counter((device, slot, since_us) for _, device, slot, since_us in held)
    told: dict[int, bytes] = dict(db.rows("SELECT number, details FROM devices"))
    in_order = sorted(counted.items(), key=lambda each: (each[0][0], each[0][1] or ""))
    return [
        Earlier(devices.shown(keys, device, told[device]).id, slot, count, from_us(since_us))
        for (device, slot, since_us), count in in_order
    ]
