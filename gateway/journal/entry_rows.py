"""An entry as it is stored, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.domain.device_time import Correction, Timing
from gateway.domain.entry import Entry
from gateway.domain.identity import ReadingId
from gateway.domain.reading import Reading
from gateway.domain.subject import Attribution, SubjectId
from gateway.journal import devices
from gateway.journal.instants import from_us, span, span_us, to_us

WIDTH = 11
"""How many columns of the view `whole_entries`, the first, make an entry."""


def to_blob(entry: ReadingId) -> bytes:
    """Return the identity as it is stored, half as long."""
    return bytes.fromhex(entry)


def from_blob(stored: bytes) -> ReadingId:
    """Return the identity that was stored."""
    return ReadingId(stored.hex())


def dump(reading: Reading) -> bytes:
    """Write a reading as it is stored, every field of it, so that later defaults change nothing."""
    return reading.model_dump_json().encode()


def parse(payload: bytes) -> Reading:
    """Read a reading as it is stored."""
    return Reading.model_validate_json(payload)


def entry_row(entry: Entry, device: int, now_us: int) -> tuple[Any, ...]:
    """Return a row of `entries` without its number."""
    return (
        to_blob(entry.id),
        device,
        entry.reading.kind,
        entry.reading.slot,
        now_us,
        to_us(entry.timing.measured_at),
        entry.subject,
        entry.attribution,
        dump(entry.reading),
    )


def timing_row(number: int, step: int, timing: Timing) -> tuple[Any, ...]:
    """Return a row of `timings`."""
    offset = timing.measured_at.utcoffset()
    return (
        number,
        step,
        to_us(timing.measured_at),
        0 if offset is None else round(offset.total_seconds()),
        span_us(timing.correction),
        timing.reason,
        None if timing.uncertainty is None else span_us(timing.uncertainty),
        int(timing.sendable),
    )


def timing(
    at_us: int, offset_s: int, correction_us: int, reason: str, doubt_us: int | None, sendable: int
) -> Timing:
    """Make a timing of a row of `timings`."""
    return Timing(
        measured_at=from_us(at_us, offset_s),
        correction=span(correction_us),
        reason=Correction(reason),
        uncertainty=None if doubt_us is None else span(doubt_us),
        sendable=bool(sendable),
    )


def from_row(row: Sequence[Any]) -> Entry:
    """Make an entry of a row of the view `whole_entries`; columns after its own are left alone."""
    stored, payload, subject, attribution, *timed, of = row[:WIDTH]
    return Entry(
        id=from_blob(stored),
        reading=parse(payload),
        timing=timing(*timed),
        subject=None if subject is None else SubjectId(subject),
        attribution=Attribution(attribution),
        device=devices.parse(of),
    )
