"""What the audit chain tells of what happened. A link that damage made unreadable tells nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from gateway.domain.identity import ReadingId
from gateway.domain.subject import SubjectId
from gateway.journal import entry_rows
from gateway.journal.audit import Audited, Link
from gateway.journal.database import Database
from gateway.journal.instants import from_us, to_us
from gateway.journal.retention import Expired, Expiry
from gateway.journal.views import EntryView, Event, Salvage

_VERY_LAST = 2**63 - 1  # more than any link's number
_DAMAGE = (KeyError, ValueError, TypeError, AttributeError)


def links(db: Database) -> Iterator[Link]:
    """Yield the chain from its first link on."""
    for row in db.stream(
        "SELECT number, recorded_us, event, manifest, hash FROM audit ORDER BY number"
    ):
        yield Link(*row)


def last_link(db: Database) -> Link | None:
    """Return the head of the chain; None while it is empty."""
    row = db.row(
        "SELECT number, recorded_us, event, manifest, hash FROM audit ORDER BY number DESC LIMIT 1"
    )
    return None if row is None else Link(*row)


def story(db: Database, entry: ReadingId) -> list[Event]:
    """Return what is told of an entry, in order."""
    kernel, _ = entry_rows.kernels(entry)
    found = []
    for recorded_us, name, manifest in db.rows(
        "SELECT recorded_us, event, manifest FROM audit WHERE instr(manifest, ?) ORDER BY number",
        (kernel,),
    ):
        told = _read(manifest)
        entries = told.get("entries")
        grouped = entries if isinstance(entries, dict) else {}
        detail = told.get("why") or next(
            (key for key, ids in grouped.items() if kernel in " ".join(ids)), None
        )
        found.append(Event(from_us(recorded_us), name, told.get("destination"), detail))
    return found


def released_under(db: Database, page: Sequence[EntryView]) -> dict[ReadingId, dict[str, str]]:
    """Return by destination the grant under which each of the entries was last released there.

    Of the chain only that part is read in which they were recorded and became what they are.
    """
    entries = [view.entry.id for view in page]
    wanted = {entry_rows.kernels(entry)[0]: entry for entry in entries}
    found: dict[ReadingId, dict[str, str]] = {entry: {} for entry in entries}
    for _, told in _told(db, Audited.RELEASED, _first(db, page), _last(db, page)):
        with suppress(*_DAMAGE):
            for grant, ids in told["entries"].items():
                for kernel in (each for told_id in ids for each in entry_rows.kernels(told_id)):
                    if kernel in wanted:
                        found[wanted[kernel]][told["destination"]] = grant
    return found


def _first(db: Database, page: Sequence[EntryView]) -> int:
    """Return the link by which the first of the entries was recorded; 0 if that is not known.

    It was added in the transaction of the entry, hence at its very moment by the clock of then,
    whether that was right or not.
    """
    recorded = {to_us(view.recorded_at) for view in page}
    sql = "SELECT ifnull(min(number), 0) FROM audit WHERE recorded_us = ?"
    return min((db.one(sql, (at_us,))[0] for at_us in recorded), default=0)


def _last(db: Database, page: Sequence[EntryView]) -> int:
    """Return the link by which the last of their deliveries became what it is, or the very last."""
    changed = {to_us(each.changed_at) for view in page for each in view.deliveries}
    sql = "SELECT ifnull(max(number), ?) FROM audit WHERE recorded_us = ?"
    return max((db.one(sql, (_VERY_LAST, at_us))[0] for at_us in changed), default=0)


def expired(db: Database, subject: SubjectId) -> list[Expired]:
    """Return the subject's readings that are kept no longer, in order of expiry."""
    found: list[Expired] = []
    for at, told in _told(db, Audited.EXPIRED):
        with suppress(*_DAMAGE):
            ids, why = told["entries"].get(subject, ()), Expiry(told["why"])
            found += [Expired(ReadingId(entry), at, why) for entry in ids]
    return found


def salvaged(db: Database) -> list[Salvage]:
    """Return the damaged journals that this one goes on from, the oldest first."""
    found = []
    for at, told in _told(db, Audited.SALVAGED):
        with suppress(*_DAMAGE):
            lost, unsound = tuple(told["lost"]), told.get("unsound", {})
            found.append(Salvage(told["folder"], at, told["saved"], lost, unsound))
    return found


def _told(
    db: Database, event: Audited, first: int = 0, last: int = _VERY_LAST
) -> Iterator[tuple[datetime, dict[str, Any]]]:
    for recorded_us, manifest in db.stream(
        "SELECT recorded_us, manifest FROM audit WHERE number BETWEEN ? AND ? AND event = ?"
        " ORDER BY number",
        (first, last, event),
    ):
        yield from_us(recorded_us), _read(manifest)


def _read(manifest: str) -> dict[str, Any]:
    try:
        told = json.loads(manifest)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
