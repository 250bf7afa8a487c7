"""When entries were measured: computed when they are recorded, and again once more is known.

A correction appends a step to the entry's timings; what was recorded stays as it is. Whose the
entry is follows its time, and what was sent with a wrong time becomes a correction owed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta, tzinfo

from gateway.clock import Instant
from gateway.consent.gate import Released
from gateway.domain.correction import Wrong
from gateway.domain.device_clock import ClockHistory
from gateway.domain.device_time import Correction, Timing, corrected
from gateway.domain.entry import Entry
from gateway.domain.hub_time import at_true_time
from gateway.domain.reading import Reading
from gateway.domain.subject import Attribution
from gateway.errors import Unreadable
from gateway.journal import attribution, audit, boots, clocks, entry_rows, kiosk, of_entry
from gateway.journal.corrections import owe
from gateway.journal.database import Database, Row
from gateway.journal.instants import from_us, to_us
from gateway.journal.writer import Transaction

AT_ONCE = 250
"""Entries timed anew in a transaction where that may be done in several: recording goes on."""
NEW = (
    "INSERT INTO timings (entry, step, measured_us, utc_offset_s, correction_us, reason,"
    " uncertainty_us, sendable) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


def time_of(
    db: Database, reading: Reading, zone: tzinfo, history: ClockHistory, *, doubted: bool = False
) -> Timing:
    """Compute when a reading was taken, by all that is known of the device's clock and ours.

    `doubted` is for a reading received while the hub's clock was trusted and wrong.
    """
    if reading.received.trusted and not doubted:
        return corrected(reading, zone, history)
    anchor = boots.anchor(db, reading.received.boot_id)
    if anchor is None:
        return corrected(reading, zone)
    return corrected(at_true_time(reading, anchor), zone, history, hub_doubt=anchor.doubt)


def append(tx: Transaction, timed: Iterable[tuple[int, Timing, int]]) -> None:
    """Keep the first timing of new entries: each by its number, and with its moment in us."""
    rows = [entry_rows.timing_row(number, 1, timing, at_us) for number, timing, at_us in timed]
    tx.db.insert_many(NEW, rows)


def hub_time_known(tx: Transaction, now: Instant, *, stepped: bool) -> None:
    """Keep what UTC is in this boot; what was received in it without the time waits for it.

    With `stepped` the hub's clock was set although it was trusted, and so it was if what was known
    of this boot says another time, as after a restart of the gateway: what was received since the
    hub was started is to be looked at again. Both goes nowhere meanwhile, and waits after a crash
    as well: it is for `time_waiting` and `time_wrong`.
    """
    believed = boots.anchor(tx.db, now.boot_id)
    if believed is not None and believed.disagrees(now):
        stepped = True
        by = now.utc - believed.utc_of(now.monotonic)
        clocks.note_hub_set(tx, now.boot_id, by)
        kiosk.note_hub_set(tx, believed.utc_of(0.0), boots.began(tx.db, believed), by)
    if stepped:
        boots.set_again(tx, now)
    else:
        boots.note(tx, now)
    placed = boots.place_lost(tx, now.boot_id if stepped else None)
    for boot in (now.boot_id, *placed) if stepped else ():
        tx.db.run(
            "INSERT INTO timed_again (boot, upto) VALUES (?1, ?2)"
            " ON CONFLICT (boot) DO UPDATE SET upto = ?2",
            (boot, boots.first_entry(tx.db, boot) - 1),
        )


def still_wrong(db: Database) -> dict[str, int]:
    """Return the boots whose entries may have a wrong time, and behind which number they do."""
    return dict(db.rows("SELECT boot, upto FROM timed_again"))


def may_be_wrong(wrong: Mapping[str, int], number: int, reading: Reading) -> bool:
    """Tell whether an entry, by its number, may have a wrong time yet; `wrong` is `still_wrong`."""
    upto = wrong.get(reading.received.boot_id)
    return upto is not None and upto < number


def time_wrong(tx: Transaction, zone: tzinfo) -> tuple[int, bool]:
    """Correct some of what was received in boots whose time was wrong: what says another time.

    What had been timed anew, too: by a time that was itself wrong, perhaps. Return how many entries
    were corrected, and whether there may be more.
    """
    wrong = still_wrong(tx.db)
    if not wrong:
        return 0, False
    rows = tx.db.rows(
        "SELECT * FROM whole_entries WHERE number > ? ORDER BY number LIMIT ?",
        (min(wrong.values()), AT_ONCE),
    )
    corrected = _time(tx, list(_wrongly_timed(tx, rows, wrong)), zone)
    if len(rows) < AT_ONCE:
        tx.db.run("DELETE FROM timed_again")
        return corrected, False
    tx.db.run("UPDATE timed_again SET upto = max(upto, ?)", (rows[-1][entry_rows.WIDTH],))
    return corrected, True


def time_waiting(tx: Transaction, zone: tzinfo, *, after: int) -> tuple[int, int | None]:
    """Correct some of what was received while the hub did not know the time, behind an entry.

    Return how many entries, and behind which to go on, None at the end.
    """
    numbers = _waiting(tx.db, after, AT_ONCE)
    return _time(tx, numbers, zone), numbers[-1] if len(numbers) == AT_ONCE else None


def _time(tx: Transaction, numbers: Iterable[int], zone: tzinfo) -> int:
    changed = [entry for entry in (_again(tx, number, zone) for number in numbers) if entry]
    if changed:
        audit.append(tx, audit.Audited.TIMED, {"entries": [entry.id for entry in changed]})
    return len(changed)


def _waiting(db: Database, after: int = 0, limit: int = -1) -> list[int]:
    return [
        number
        for (number,) in db.rows(
            "SELECT entry FROM timings AS t WHERE reason = 'hub_clock_unset'"
            " AND step = (SELECT max(step) FROM timings WHERE entry = t.entry)"
            " AND entry > ? ORDER BY entry LIMIT ?",
            (after, limit),
        )
    ]


def _wrongly_timed(tx: Transaction, rows: Sequence[Row], wrong: Mapping[str, int]) -> Iterator[int]:
    """Yield those of these entries whose reception says another time than we know now.

    Those, too, that had been timed anew.
    """
    anchors = {boot: boots.anchor(tx.db, boot) for boot in wrong}
    for row in rows:
        try:
            received = entry_rows.reading_of(row, tx.keys).received
        except Unreadable:
            continue
        number, anchor = row[entry_rows.WIDTH], anchors.get(received.boot_id)
        if anchor is None or number <= wrong[received.boot_id]:
            continue
        (step,) = tx.db.one("SELECT max(step) FROM timings WHERE entry = ?", (number,))
        if step > 1 or anchor.disagrees(received):
            yield number


def _again(tx: Transaction, number: int, zone: tzinfo) -> Entry | None:
    """Compute an entry's time anew; return it as it was if that changed anything that matters."""
    row = tx.db.one("SELECT * FROM whole_entries WHERE number = ?", (number,))
    try:
        entry = entry_rows.from_row(row, tx.keys)
    except Unreadable:
        return None
    if entry.attribution in (Attribution.COMPUTED, Attribution.REPLACED):
        return None
    (device,) = tx.db.one("SELECT device FROM entries WHERE number = ?", (number,))
    before = entry.timing
    timing = time_of(tx.db, entry.reading, zone, clocks.history(tx, device), doubted=True)
    if timing.reason is Correction.HUB_CLOCK_UNSET or _same(before, timing):
        return None
    (step,) = tx.db.one("SELECT max(step) + 1 FROM timings WHERE entry = ?", (number,))
    measured_us = to_us(timing.measured_at)
    tx.db.run(NEW, entry_rows.timing_row(number, step, timing, measured_us))
    tx.db.run("UPDATE entries SET measured_us = ? WHERE number = ?", (measured_us, number))
    _owe_if_wrong(tx, number, before, measured_us)
    attribution.look_at(tx, number)
    of_entry.timed(tx, number)
    return entry


def came_back(tx: Transaction, released: Released, sent: Timing) -> None:
    """Heed that an entry was timed anew since it was sent so, if it is there, or may be."""
    stored = entry_rows.to_blob(released.delivery.entry.id)
    number, measured_us = tx.db.one(
        "SELECT number, measured_us FROM entries WHERE id = ?", (stored,)
    )
    _owe_if_wrong(tx, number, sent, measured_us, at=released.delivery.destination)


def _owe_if_wrong(
    tx: Transaction, number: int, sent: Timing, measured_us: int, *, at: str | None = None
) -> None:
    """Owe a correction where an entry is with a time that is contradicted; `at` one destination."""
    moved = abs(from_us(measured_us) - sent.measured_at)
    if sent.uncertainty is not None and moved > sent.uncertainty:
        owe(tx, number, Wrong.TIME, at=at)


def _same(before: Timing, after: Timing) -> bool:
    moved = abs(after.measured_at - before.measured_at) > timedelta(seconds=1)
    return not moved and (before.reason, before.sendable) == (after.reason, after.sendable)
