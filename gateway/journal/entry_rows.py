"""An entry as it is stored, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson

from gateway.domain.device import Device
from gateway.domain.device_time import Correction, Timing
from gateway.domain.entry import Entry
from gateway.domain.identity import ReadingId
from gateway.domain.reading import Reading
from gateway.domain.subject import Attribution, SubjectId
from gateway.errors import JournalError, Unreadable
from gateway.journal import devices
from gateway.journal.database import Database
from gateway.journal.instants import from_us, span, span_us
from gateway.journal.keys import KERNEL_BYTES, NEAR_BYTES, NOBODY, Keyring

_ATTRIBUTIONS = frozenset(Attribution)
_REASONS = frozenset(Correction)

WIDTH = 11
"""How many columns of the view `whole_entries` come before those that say where it belongs."""


def to_blob(entry: ReadingId) -> bytes:
    """Return the identity as it is stored, half as long. Raises JournalError if it is none."""
    try:
        return bytes.fromhex(entry)
    except ValueError:
        raise JournalError(
            "that is no reading's id, which has 32 digits and letters from a to f: see 'journal'"
        ) from None


def from_blob(stored: bytes) -> ReadingId:
    """Return the identity that was stored."""
    return ReadingId(stored.hex())


def kernels(entry: str) -> tuple[str, str]:
    """Return what may tell an entry apart that the audit chain names: of now, and of step 3."""
    return entry[2 * NEAR_BYTES :], entry[: 2 * KERNEL_BYTES]


def place(entry: bytes, device: int, kind: str, slot: str | None, recorded_us: int) -> str:
    """Return where the payload of an entry belongs."""
    return f"entry {entry.hex()} {device} {kind} {slot or ''} {recorded_us}"


def dump(reading: Reading) -> bytes:
    """Write a reading as it is stored, every field of it, so that later defaults change nothing."""
    if reading.document is not None:
        return reading.model_dump_json().encode()
    return orjson.dumps(vars(reading), _plain, orjson.OPT_NON_STR_KEYS)


_PLAIN: dict[type, Callable[[Any], Any]] = {
    Decimal: str,  # keeps its digits: `2.0` stays `2.0`
    timedelta: timedelta.total_seconds,
    frozenset: sorted,
}


def _plain(value: Any) -> Any:
    """Say how orjson is to write what it does not know: the model's own way takes twice as long."""
    return _PLAIN.get(type(value), vars)(value)


def parse(payload: bytes) -> Reading:
    """Read a reading as it is stored. Raises Unreadable, as for one that a later gateway wrote."""
    try:
        return Reading.model_validate_json(payload)
    except ValueError:
        raise Unreadable("unreadable: this gateway knows no such reading") from None


def entry_row(
    entry: Entry, device: int, measured_us: int, now_us: int, keys: Keyring
) -> tuple[Any, ...]:
    """Return a row of `entries` without its number."""
    reading, stored = entry.reading, to_blob(entry.id)
    where = place(stored, device, reading.kind, reading.slot, now_us)
    return (
        stored,
        device,
        reading.kind,
        reading.slot,
        now_us,
        measured_us,
        entry.subject,
        entry.attribution,
        keys.seal(entry.subject or NOBODY, dump(reading), where),
    )


def timing_row(number: int, step: int, timing: Timing, measured_us: int) -> tuple[Any, ...]:
    """Return a row of `timings`; `measured_us` is its moment, which its caller needs as well."""
    offset = timing.measured_at.utcoffset()
    return (
        number,
        step,
        measured_us,
        0 if offset is None else round(offset.total_seconds()),
        span_us(timing.correction),
        timing.reason,
        None if timing.uncertainty is None else span_us(timing.uncertainty),
        int(timing.sendable),
    )


def timing(
    at_us: int, offset_s: int, correction_us: int, reason: str, doubt_us: int | None, sendable: int
) -> Timing:
    """Make a timing of a row of `timings`. Raises Unreadable."""
    if reason not in _REASONS:
        raise Unreadable("unreadable: when an entry was measured is damaged")
    return Timing(
        measured_at=from_us(at_us, offset_s),
        correction=span(correction_us),
        reason=Correction(reason),
        uncertainty=None if doubt_us is None else span(doubt_us),
        sendable=bool(sendable),
    )


def reading_of(row: Sequence[Any], keys: Keyring) -> Reading:
    """Return the reading in a row of the view `whole_entries`. Raises Unreadable."""
    stored, payload, subject = row[:3]
    _, device, kind, slot, recorded_us = row[WIDTH:]
    where = place(stored, device, kind, slot, recorded_us)
    return parse(keys.open(subject or NOBODY, payload, where))


def stored(db: Database, keys: Keyring, number: int) -> Reading:
    """Return the reading of an entry, by its number; of no other row is anything asked.

    Raises Unreadable.
    """
    *where, subject, payload = db.one(
        "SELECT id, device, kind, slot, recorded_us, subject, payload FROM entries"
        " WHERE number = ?",
        (number,),
    )
    return parse(keys.open(subject or NOBODY, payload, place(*where)))


def from_row(
    row: Sequence[Any],
    keys: Keyring,
    opened: Callable[[int, bytes], Device] | None = None,
) -> Entry:
    """Make an entry of a row of the view `whole_entries`. Raises Unreadable.

    `opened` reads the device, where it may know that already.
    """
    stored, _, subject, attribution, *timed, of = row[:WIDTH]
    device = row[WIDTH + 1]
    if attribution not in _ATTRIBUTIONS:
        raise Unreadable("unreadable: how an entry found its person is damaged")
    return Entry(
        id=from_blob(stored),
        reading=reading_of(row, keys),
        timing=timing(*timed),
        subject=None if subject is None else SubjectId(subject),
        attribution=Attribution(attribution),
        device=devices.opened(keys, device, of) if opened is None else opened(device, of),
    )


def give(db: Database, keys: Keyring, number: int, subject: SubjectId | None) -> None:
    """Make an entry the subject's, or nobody's: sealed by their key from now on."""
    stored, device, kind, slot, recorded_us, owner, payload = db.one(
        "SELECT id, device, kind, slot, recorded_us, subject, payload FROM entries"
        " WHERE number = ?",
        (number,),
    )
    where = place(stored, device, kind, slot, recorded_us)
    content = keys.open(owner or NOBODY, payload, where)
    db.run(
        "UPDATE entries SET subject = ?, payload = ? WHERE number = ?",
        (subject, keys.seal(subject or NOBODY, content, where), number),
    )
