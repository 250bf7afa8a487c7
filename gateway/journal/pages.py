"""Entries as they are looked at: the latest measured first, page by page, and where each is.

A journal of years is asked with every page that somebody opens, while devices wait to be heard. So
an index answers, whoever's entries are asked for, and a page takes three statements, however many
entries are on it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cache

import orjson

from gateway.domain.device import Device
from gateway.domain.identity import ReadingId
from gateway.domain.reading import Kind
from gateway.domain.subject import SubjectId
from gateway.errors import JournalError, Unreadable
from gateway.journal import devices, entry_rows
from gateway.journal.database import Database, Row
from gateway.journal.instants import from_us
from gateway.journal.keys import Keyring
from gateway.journal.states import State, state_of
from gateway.journal.views import DeliveryView, EntryView, Position

_FIRST = Position(2**63 - 1, 2**63 - 1)
_KINDS = orjson.dumps(list(Kind)).decode()

_OF_ANYBODY = """
    SELECT measured_us, number FROM entries
    WHERE (measured_us, number) < (?1, ?2)
    ORDER BY measured_us DESC, number DESC LIMIT ?3"""
_OF_KIND = """
    SELECT measured_us, number FROM (
        SELECT measured_us, number FROM subjects CROSS JOIN entries
        WHERE number IN (
            SELECT number FROM entries
            WHERE subject = subjects.id AND kind = ?4 AND (measured_us, number) < (?1, ?2)
            ORDER BY measured_us DESC, number DESC LIMIT ?3)
        UNION ALL
        SELECT measured_us, number FROM entries INDEXED BY entries_unclaimed
        WHERE subject IS NULL AND kind = ?4 AND (measured_us, number) < (?1, ?2))
    ORDER BY measured_us DESC, number DESC LIMIT ?3"""
"""The latest of each person and all of nobody, and of these the latest: a kind may be rare."""
_OF_NOBODY = """
    SELECT measured_us, number FROM entries INDEXED BY entries_unclaimed
    WHERE subject IS NULL AND attribution != 'dismissed'
        AND (measured_us, number) < (?1, ?2) AND kind IN (SELECT value FROM json_each(?4))
    ORDER BY measured_us DESC, number DESC LIMIT ?3"""
_OF_SUBJECT = """
    SELECT measured_us, number FROM json_each(?4) AS of_kind CROSS JOIN entries
    WHERE number IN (
        SELECT number FROM entries
        WHERE subject = ?5 AND kind = of_kind.value AND (measured_us, number) < (?1, ?2)
        ORDER BY measured_us DESC, number DESC LIMIT ?3)
    ORDER BY measured_us DESC, number DESC LIMIT ?3"""
"""The latest of each kind, and of these the latest."""

_OF_TURN = """
    SELECT number FROM entries INDEXED BY entries_unclaimed
    WHERE subject IS NULL AND device IN (SELECT device FROM assignments WHERE session = ?)
        AND attribution != 'dismissed' AND recorded_us >= ?
    ORDER BY measured_us DESC, number DESC LIMIT ?"""

_WHOLE = "SELECT * FROM whole_entries WHERE number IN (SELECT value FROM json_each(?))"
_EARLIER = """
    SELECT entry, measured_us, utc_offset_s, correction_us, reason, uncertainty_us, sendable
    FROM timings AS t WHERE entry IN (SELECT value FROM json_each(?))
        AND step < (SELECT max(step) FROM timings WHERE entry = t.entry)
    ORDER BY entry, step"""
_DELIVERIES = """
    SELECT entry, destination, state, reason, due_us, attempts, may_have_arrived, changed_us
    FROM deliveries WHERE entry IN (SELECT value FROM json_each(?))
    ORDER BY entry, destination"""


def page(
    db: Database,
    keys: Keyring,
    limit: int,
    *,
    before: Position | None,
    subject: SubjectId | None,
    kind: Kind | None,
    unclaimed: bool,
) -> list[EntryView]:
    """Return the latest before a position, without those that are damaged."""
    found: list[EntryView] = []
    at = before or _FIRST
    while (wanted := limit - len(found)) > 0:
        places = _places(db, at, wanted, subject, kind, unclaimed=unclaimed)
        if places:
            found += views(db, keys, [number for _, number in places])
        if len(places) < wanted:
            break
        at = Position(*places[-1])
    return found


def came_in(
    db: Database, keys: Keyring, session: int, since_us: int, limit: int
) -> list[EntryView]:
    """Return the latest of nobody's that devices of a turn at the kiosk told since a moment."""
    found = db.rows(_OF_TURN, (session, since_us, limit))
    return views(db, keys, [number for (number,) in found])


def _places(
    db: Database,
    at: Position,
    limit: int,
    subject: SubjectId | None,
    kind: Kind | None,
    *,
    unclaimed: bool,
) -> list[Row]:
    asked = (at.measured_us, at.number, limit)
    if subject is None and not unclaimed:
        return db.rows(_OF_ANYBODY, asked) if kind is None else db.rows(_OF_KIND, (*asked, kind))
    kinds = _KINDS if kind is None else orjson.dumps([kind]).decode()
    if subject is None:
        return db.rows(_OF_NOBODY, (*asked, kinds))
    return [] if unclaimed else db.rows(_OF_SUBJECT, (*asked, kinds, subject))


def views(db: Database, keys: Keyring, numbers: Sequence[int]) -> list[EntryView]:
    """Return the entries of these numbers, in their order, without those that are damaged."""
    these = (orjson.dumps(numbers).decode(),)
    whole = {row[entry_rows.WIDTH]: row for row in db.rows(_WHOLE, these)}
    earlier: defaultdict[int, list[Row]] = defaultdict(list)
    for number, *timed in db.rows(_EARLIER, these):
        earlier[number].append(tuple(timed))
    deliveries: defaultdict[int, list[DeliveryView]] = defaultdict(list)
    for number, *delivery in db.rows(_DELIVERIES, these):
        deliveries[number].append(_delivery(*delivery))

    @cache  # few devices measure all of a page
    def device(number: int, details: bytes) -> Device:
        return devices.opened(keys, number, details)

    found = []
    for number in numbers:
        row = whole.get(number)
        if row is None:
            raise JournalError("the journal gave no row where there must be one")
        try:
            entry = entry_rows.from_row(row, keys, device)
            before = tuple(entry_rows.timing(*each) for each in earlier[number])
        except Unreadable:
            continue
        measured_us, recorded_us = row[4], row[-1]
        found.append(
            EntryView(
                entry=entry,
                earlier=before,
                recorded_at=from_us(recorded_us),
                deliveries=tuple(deliveries[number]),
                position=Position(measured_us, number),
            )
        )
    return found


def _delivery(
    destination: str,
    state: str,
    reason: str | None,
    due_us: int,
    attempts: int,
    uncertain: int,
    at_us: int,
) -> DeliveryView:
    return DeliveryView(
        destination=destination,
        state=state_of(state),
        reason=reason,
        due_at=from_us(due_us) if state in (State.DUE, State.UNSETTLED) else None,
        attempts=attempts,
        may_have_arrived=bool(uncertain),
        changed_at=from_us(at_us),
    )


def damaged(db: Database, keys: Keyring) -> list[ReadingId]:
    """Return the entries that cannot be read, in order of recording. Looks at every one."""
    found = []
    for row in db.stream("SELECT * FROM whole_entries ORDER BY number"):
        try:
            entry_rows.from_row(row, keys)
        except Unreadable:
            found.append(entry_rows.from_blob(row[0]))
    return found
