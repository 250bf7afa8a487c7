"""What the audit chain tells of what happened. A link that damage made unreadable tells nothing."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from gateway.domain.identity import ReadingId
from gateway.domain.subject import SubjectId
from gateway.journal import entry_rows
from gateway.journal.audit import Audited, Link
from gateway.journal.database import Database
from gateway.journal.instants import from_us
from gateway.journal.retention import Expired, Expiry
from gateway.journal.views import Event, Salvage

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


def released_under(db: Database, entries: Collection[ReadingId]) -> dict[ReadingId, dict[str, str]]:
    """Return by destination the grant under which each of the entries was last released there.

    The chain is read once, however many they are.
    """
    wanted = {entry_rows.kernels(entry)[0]: entry for entry in entries}
    found: dict[ReadingId, dict[str, str]] = {entry: {} for entry in entries}
    for _, told in _told(db, Audited.RELEASED):
        with suppress(*_DAMAGE):
            for grant, ids in told["entries"].items():
                for kernel in (each for told_id in ids for each in entry_rows.kernels(told_id)):
                    if kernel in wanted:
                        found[wanted[kernel]][told["destination"]] = grant
    return found


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


def _told(db: Database, event: Audited) -> Iterator[tuple[datetime, dict[str, Any]]]:
    for recorded_us, manifest in db.rows(
        "SELECT recorded_us, manifest FROM audit WHERE event = ? ORDER BY number", (event,)
    ):
        yield from_us(recorded_us), _read(manifest)


def _read(manifest: str) -> dict[str, Any]:
    try:
        told = json.loads(manifest)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
