"""What was seen of devices' clocks, kept from one connection to the next."""

from __future__ import annotations

import json
from datetime import timedelta

from gateway.domain.device_clock import (
    SPANS_KEPT,
    ClockHistory,
    ClockSpan,
    hub_was_set,
    seen,
    seen_before,
    was_set,
)
from gateway.domain.reading import Reading
from gateway.journal.instants import from_us, span, span_us, to_us
from gateway.journal.writer import Transaction


def history(tx: Transaction, device: int) -> ClockHistory:
    """Return what was seen of the clock of a device, by its number here."""
    remembered = tx.memory.clocks.get(device)
    if remembered is None:
        row = tx.db.row("SELECT spans FROM clocks WHERE device = ?", (device,))
        remembered = () if row is None else tuple(_span(*each) for each in json.loads(row[0]))
        tx.memory.clocks[device] = remembered
    return remembered


def keep(tx: Transaction, device: int, spans: ClockHistory) -> None:
    """Keep it in place of what was kept before."""
    tx.memory.clocks[device] = spans
    tx.db.run(
        "INSERT INTO clocks (device, spans) VALUES (?1, ?2)"
        " ON CONFLICT (device) DO UPDATE SET spans = ?2",
        (device, json.dumps([_row(each) for each in spans], separators=(",", ":"))),
    )


def looked(before: ClockHistory, reading: Reading) -> ClockHistory:
    """Add the look at the clock that came with a reading, if it did and the hub knew the time."""
    told = reading.device_time
    if told is None or told.clock is None or told.counter or not told.clock.at.trusted:
        return before
    if before and told.clock.at.utc < before[-1].last:  # by a time of the hub that was wrong
        return seen_before(before, told.clock, told.resolution)[-SPANS_KEPT:]
    return seen(before, told.clock, told.resolution)


def note_set(tx: Transaction, device: int) -> None:
    """Keep that a session has just set the device's clock."""
    before = history(tx, device)
    after = was_set(before, tx.now)
    if after != before:
        keep(tx, device, after)


def note_hub_set(tx: Transaction, boot: str, by: timedelta) -> None:
    """Keep of all clocks that what was seen in a boot of the hub was so much later than believed.

    Otherwise a wrong time of the hub would go on speaking through the looks that were taken by it.
    """
    for (device,) in tx.db.rows("SELECT device FROM clocks"):
        before = history(tx, device)
        after = hub_was_set(before, boot, by)
        if after != before:
            keep(tx, device, after)


def _row(each: ClockSpan) -> list[int | str | None]:
    spans = (each.offset, each.low, each.high)
    until = None if each.until is None else to_us(each.until)
    seen_us = (to_us(each.first), to_us(each.last), span_us(each.gap))
    return [*map(span_us, spans), *seen_us, until, each.boot, each.set_in]


def _span(
    offset: int,
    low: int,
    high: int,
    first: int,
    last: int,
    gap: int,
    until: int | None = None,
    boot: str = "",
    set_in: str | None = None,
) -> ClockSpan:
    return ClockSpan(
        span(offset),
        span(low),
        span(high),
        from_us(first),
        from_us(last),
        span(gap),
        None if until is None else from_us(until),
        boot,
        boot if set_in is None else set_in,
    )
