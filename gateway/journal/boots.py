"""The boots of the hub: what UTC was in each, as far as anyone knew."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta

from gateway.clock import Instant
from gateway.domain.hub_time import Anchor, lost_boot
from gateway.journal.database import Database
from gateway.journal.instants import from_us, span, span_us, to_us
from gateway.journal.writer import Transaction

_S = 1_000_000
_NOTHING_NOTED = (-math.inf, None, 0)
_OFTEN_ENOUGH_S = 60.0  # how long a boot lasted is a bound: that much less of it does no harm


def note_all(tx: Transaction, received: Iterable[tuple[int, Instant]]) -> None:
    """Keep that the hub was up when it received these entries, as far as that is news."""
    for number, instant in received:
        upto_s, told_s, first = tx.memory.boots.get(instant.boot_id, _NOTHING_NOTED)
        is_late = instant.monotonic - upto_s >= _OFTEN_ENOUGH_S
        if is_late or (instant.trusted and told_s is None) or number < first:
            note(tx, instant, number)


def note(tx: Transaction, instant: Instant, entry: int | None = None) -> None:
    """Keep that the hub was up at this moment, and what UTC was if it knew.

    `entry` is the number of what was recorded then; without it, what comes next is the first. That
    may be lower than of what came before: the numbers of what was erased are given again.
    """
    _, told_s, _ = tx.memory.boots.get(instant.boot_id, _NOTHING_NOTED)
    if told_s is None and instant.trusted:
        told_s = instant.monotonic
    up_us = round(instant.monotonic * _S)
    (first,) = tx.db.one(
        "INSERT INTO boots (id, first_entry, last_us)"
        " VALUES (?1, ifnull(?3, (SELECT ifnull(max(number), 0) + 1 FROM entries)), ?2)"
        " ON CONFLICT (id) DO UPDATE SET last_us = max(last_us, excluded.last_us),"
        " first_entry = min(first_entry, excluded.first_entry) RETURNING first_entry",
        (instant.boot_id, up_us, entry),
    )
    tx.memory.boots[instant.boot_id] = (instant.monotonic, told_s, first)
    if instant.trusted:
        tx.db.run(
            "UPDATE boots SET utc_us = ?, monotonic_us = ?, doubt_us = 0"
            " WHERE id = ? AND utc_us IS NULL",
            (to_us(instant.utc), up_us, instant.boot_id),
        )


def set_again(tx: Transaction, instant: Instant) -> None:
    """Keep that UTC in this boot is what the instant says, whatever was believed before."""
    tx.db.run("UPDATE boots SET utc_us = NULL WHERE id = ?", (instant.boot_id,))
    tx.memory.boots.pop(instant.boot_id, None)
    note(tx, instant)


def told_since(tx: Transaction, instant: Instant) -> Anchor | None:
    """Return what UTC is in this boot if that was told after the instant; None if it was before."""
    _, told_s, _ = tx.memory.boots.get(instant.boot_id, _NOTHING_NOTED)
    if told_s is None or told_s <= instant.monotonic:
        return None
    known = anchor(tx.db, instant.boot_id)
    return known if known is not None and known.monotonic > instant.monotonic else None


def anchor(db: Database, boot_id: str) -> Anchor | None:
    """Return what UTC was in a boot; None if nobody knows, or yet."""
    row = db.row(
        "SELECT utc_us, monotonic_us, doubt_us FROM boots WHERE id = ? AND utc_us IS NOT NULL",
        (boot_id,),
    )
    if row is None:
        return None
    utc_us, monotonic_us, doubt_us = row
    return Anchor(boot_id, from_us(utc_us), monotonic_us / _S, span(doubt_us))


def latest(db: Database, instant: Instant) -> datetime | None:
    """Return the last moment that this may have been by any account; None if there is none."""
    accounts = [instant.utc] if instant.trusted else []
    known = anchor(db, instant.boot_id)
    if known is not None:
        accounts.append(known.utc_of(instant.monotonic) + known.doubt)
    return max(accounts, default=None)


def last_known(db: Database) -> datetime | None:
    """Return the last moment noted at which the hub was up and knew the time, now or by now."""
    (known_us,) = db.one(
        "SELECT max(utc_us + last_us - monotonic_us) FROM boots WHERE doubt_us = 0"
    )
    return None if known_us is None else from_us(known_us)


def began(db: Database, believed: Anchor) -> datetime:
    """Return when a boot began by what is believed of it; not before the known end of another."""
    (ended_us,) = db.one(
        "SELECT max(utc_us + last_us - monotonic_us) FROM boots WHERE id != ? AND doubt_us = 0",
        (believed.boot_id,),
    )
    start = believed.utc_of(0.0)
    return start if ended_us is None else max(start, from_us(ended_us))


def first_entry(db: Database, boot_id: str) -> int:
    """Return the lowest number that an entry recorded in this boot can have."""
    (number,) = db.one("SELECT first_entry FROM boots WHERE id = ?", (boot_id,))
    return int(number)


def place_lost(tx: Transaction, set_again: str | None = None) -> list[str]:
    """Say of boots that ended before the hub knew the time when that may have been.

    Also of those just before `set_again`, a boot whose time was believed and wrong: they were
    placed by it. Returns the boots that were placed.
    """
    placed_now = []
    for number, boot_id, up_us in tx.db.rows(
        "SELECT number, id, last_us FROM boots AS b"
        " WHERE EXISTS (SELECT 1 FROM boots WHERE number > b.number AND doubt_us = 0)"
        " AND (utc_us IS NULL OR (doubt_us > 0 AND ?1 ="
        " (SELECT id FROM boots WHERE number > b.number AND doubt_us = 0"
        " ORDER BY number LIMIT 1)))",
        (set_again,),
    ):
        before = tx.db.row(
            "SELECT utc_us + last_us - monotonic_us FROM boots"
            " WHERE number < ? AND doubt_us = 0 ORDER BY number DESC LIMIT 1",
            (number,),
        )
        after = tx.db.row(
            "SELECT utc_us - monotonic_us FROM boots"
            " WHERE number > ? AND doubt_us = 0 ORDER BY number LIMIT 1",
            (number,),
        )
        if before is None or after is None:
            continue  # the first boot of all: nothing is known of what came before it
        up = timedelta(microseconds=up_us)
        placed = lost_boot(boot_id, up, from_us(before[0]), from_us(after[0]))
        if placed is not None:
            tx.db.run(
                "UPDATE boots SET utc_us = ?, monotonic_us = 0, doubt_us = ? WHERE number = ?",
                (to_us(placed.utc), span_us(placed.doubt), number),
            )
            placed_now.append(boot_id)
    return placed_now
