"""The audit log: a hash chain over manifests, one link for each transition.

    hash = SHA-256( hash of the link before | number | time | event | manifest )

A manifest names entries, subjects, grants and destinations by id and never holds a payload, so
erasing a payload leaves the chain whole. The chain shows edits, reordering and missing links; that
its tail was cut off shows only against a head that someone else keeps.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gateway.journal.database import Database
from gateway.journal.writer import Transaction


class Audited(StrEnum):
    """What the audit log tells of. A closed vocabulary."""

    RECORDED = "recorded"
    ATTRIBUTED = "attributed"
    RELEASED = "released"
    SETTLED = "settled"
    WITHHELD = "withheld"
    POSTPONED = "postponed"
    UNSETTLED = "unsettled"
    PARKED = "parked"
    REFUSED = "refused"
    RECONSIDERED = "reconsidered"
    DROPPED = "dropped"
    REPLACED = "replaced"
    """What was computed here was computed anew before it left."""
    GRANTED = "granted"
    WITHDRAWN = "withdrawn"
    ASSIGNED = "assigned"
    ASSIGNMENT_ENDED = "assignment_ended"
    TIMED = "timed"
    """What the hub received before it knew the time has a time now."""
    REASSIGNED = "reassigned"
    DISMISSED = "dismissed"
    CORRECTING = "correcting"
    """A correction is on its way, under a grant."""
    CORRECTED_THERE = "corrected_there"
    KIOSK_OPENED = "kiosk_opened"
    KIOSK_PROLONGED = "kiosk_prolonged"
    KIOSK_ENDING = "kiosk_ending"
    """The person asked to end their turn, and may still think better of it."""
    KIOSK_CLOSED = "kiosk_closed"
    PAIRING_ANSWERED = "pairing_answered"
    """A person gave a code, agreed or refused when a device was being paired."""
    BOND_FORGOTTEN = "bond_forgotten"
    ERASED = "erased"
    EXPORTED = "exported"
    """All that is here of a person was handed out in one file."""
    EXPIRED = "expired"
    """It was kept as long as the configuration says."""
    SALVAGED = "salvaged"
    RESTORED = "restored"


Manifest = dict[str, str | int | list[str] | dict[str, list[str]]]


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain, as stored."""

    number: int
    recorded_us: int
    event: str
    manifest: str
    hash: bytes


FIRST = bytes(32)
"""What the first link continues from."""


def append(tx: Transaction, event: Audited, manifest: Manifest) -> None:
    """Add a link in the transaction of what it tells of."""
    last, previous = tx.memory.last_link or head(tx.db)
    number = last + 1
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    hashed = link_hash(previous, number, tx.now_us, event, text)
    tx.db.run(
        "INSERT INTO audit (number, recorded_us, event, manifest, hash) VALUES (?, ?, ?, ?, ?)",
        (number, tx.now_us, event, text, hashed),
    )
    tx.memory.last_link = (number, hashed)


def head(db: Database) -> tuple[int, bytes]:
    """Return the number and the hash of the last link; zero and FIRST of an empty chain."""
    last = db.row("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1")
    return (last[0], last[1]) if last else (0, FIRST)


def link_hash(previous: bytes, number: int, recorded_us: int, event: str, manifest: str) -> bytes:
    """Compute the hash of a link from the one before and from what it says."""
    head = f"{number}\n{recorded_us}\n{event}\n".encode()
    return hashlib.sha256(previous + head + manifest.encode()).digest()


def verify_chain(links: Iterable[Link]) -> int | None:
    """Return the number at which the chain first fails, or None if it is whole.

    The links come in order from the first; a missing one shows at the next.
    """
    expected, previous = 1, FIRST
    for link in links:
        if link.number != expected:
            return expected
        if link.hash != link_hash(
            previous, link.number, link.recorded_us, link.event, link.manifest
        ):
            return link.number
        expected, previous = expected + 1, link.hash
    return None
