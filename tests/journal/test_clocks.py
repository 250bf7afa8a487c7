"""What was seen of a device's clock, by a hub whose own is wrong at times."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.clock import Instant
from gateway.domain.device_time import Correction
from gateway.domain.reading import ClockSample, DeviceTime, Reading
from gateway.drivers.device_clock import CLOCK_SET
from gateway.journal.database import row_sum
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.testing.clock import START, ManualClock
from tests.journal.making import SCALE, open_journal, weight

HOUR = timedelta(hours=1)


def _shown(hours: float, ahead: int = 0) -> datetime:
    """Return what a clock shows so many hours after START that is so many ahead of UTC."""
    return (START + timedelta(hours=hours + ahead)).replace(tzinfo=None)


def _stored(
    record: int, taken: datetime, shown: datetime, looked: Instant, received: Instant | None = None
) -> Reading:
    """Return a reading out of a memory, as its clock dates it, with a look at that clock."""
    told = DeviceTime(stamp=taken, raw="00", clock=ClockSample(shown=shown, at=looked))
    given = {"received": received or looked, "device_time": told, "live": False}
    return weight(record).model_copy(update=given)


def _may_be(reader: Reader, record: int, hours: float) -> bool:
    """Tell whether a reading can have been taken so many hours after START, as it is stated."""
    views = (v for v in reader.entries() if v.entry.reading.record == f"seq:{record}")
    timing = next(views).entry.timing
    assert timing.earliest is not None
    assert timing.latest is not None
    return timing.earliest <= START + timedelta(hours=hours) <= timing.latest


async def _boots(journal: Journal, clock: ManualClock, wrong_by: timedelta) -> None:
    """Have the hub start anew, with a time that is trusted and wrong."""
    clock.boot()
    clock.step(wrong_by)
    await journal.hub_time_known(clock.now())


async def _is_set(journal: Journal, clock: ManualClock, by: timedelta) -> None:
    """Have the hub's clock set right."""
    clock.step(by)
    await journal.hub_time_known(clock.now(), stepped=True)


async def test_what_was_seen_of_a_clock_by_a_wrong_time_of_the_hub_says_nothing_wrong_later(
    journal: Journal, clock: ManualClock, reader: Reader
) -> None:
    await _boots(journal, clock, -3 * HOUR)
    await journal.record(SCALE, [_stored(1, _shown(-4), _shown(0), clock.now())])

    await _is_set(journal, clock, 3 * HOUR)

    assert _may_be(reader, 1, -4)


async def test_a_look_in_a_boot_that_was_behind_counts_once_the_time_is_known(
    journal: Journal, clock: ManualClock, reader: Reader
) -> None:
    await journal.record(SCALE, [_stored(1, _shown(0), _shown(0), clock.now())])
    clock.advance(3600)
    await _boots(journal, clock, -3 * HOUR)
    # The device's clock was set 5 h back since, and by 9 h more after this look.
    await journal.record(SCALE, [_stored(2, _shown(0.8, -5), _shown(1, -5), clock.now())])
    await _is_set(journal, clock, 3 * HOUR)
    clock.advance(2 * 3600)
    await journal.record(SCALE, [_stored(3, _shown(1.5, -5), _shown(3, -14), clock.now())])

    assert _may_be(reader, 3, 1.5)


async def test_a_clock_set_by_as_much_as_the_hub_was_wrong_when_it_was_looked_at_is_seen(
    journal: Journal, clock: ManualClock, reader: Reader
) -> None:
    await journal.record(SCALE, [_stored(1, _shown(0), _shown(0), clock.now())])
    clock.advance(3600)
    await _boots(journal, clock, HOUR)
    # By this time of the hub the device's clock is as right as before; it was set by an hour.
    await journal.record(SCALE, [_stored(2, _shown(0.95, 1), _shown(1, 1), clock.now())])
    await _is_set(journal, clock, -HOUR)
    clock.advance(2 * 3600)
    await journal.record(SCALE, [_stored(3, _shown(0.9, 1), _shown(3, 1), clock.now())])

    assert _may_be(reader, 3, 0.9)


async def test_a_clock_that_we_set_while_the_hub_was_wrong_was_set_when_it_truly_was(
    journal: Journal, clock: ManualClock, reader: Reader
) -> None:
    await journal.record(SCALE, [_stored(1, _shown(0), _shown(0), clock.now())])
    clock.advance(3600)
    await _boots(journal, clock, -3 * HOUR)
    await journal.remark(SCALE, CLOCK_SET)  # it breaks off before giving what it holds
    await _is_set(journal, clock, 3 * HOUR)
    clock.advance(5 * 3600)
    await journal.record(SCALE, [_stored(2, _shown(0.5), _shown(6, -3), clock.now())])

    assert _may_be(reader, 2, 0.5)


async def test_a_clock_that_we_set_twice_before_anyone_looked_ended_when_it_was_first_set(
    journal: Journal, clock: ManualClock, reader: Reader
) -> None:
    """By a hub that is nine hours behind; one reading lies between the two."""
    await journal.record(SCALE, [_stored(1, _shown(0), _shown(0), clock.now())])
    clock.advance(8 * 3600)
    await _boots(journal, clock, -9 * HOUR)
    await journal.remark(SCALE, CLOCK_SET)
    clock.advance(3600)
    looked = clock.now()
    clock.advance(1)
    await journal.remark(SCALE, CLOCK_SET)
    await journal.record(SCALE, [_stored(2, _shown(8.5, -9), _shown(9, -9), looked)])

    await _is_set(journal, clock, 9 * HOUR)

    assert _may_be(reader, 2, 8.5)


async def test_a_look_just_before_we_set_the_clock_is_of_the_clock_before_in_any_boot(
    journal: Journal, clock: ManualClock
) -> None:
    await journal.record(SCALE, [_stored(1, _shown(0), _shown(0), clock.now())])
    clock.advance(3600)
    clock.boot()
    looked = clock.now()  # somebody had set it ahead by five hours
    clock.advance(1)
    await journal.remark(SCALE, CLOCK_SET)
    await journal.record(SCALE, [_stored(2, _shown(0.9, 5), _shown(1, 5), looked)])
    clock.advance(7 * 3600 - 1)

    (entry,) = await journal.record(SCALE, [_stored(3, _shown(7), _shown(8), clock.now())])

    assert (entry.timing.measured_at, entry.timing.sendable) == (START + 7 * HOUR, True)


async def test_a_clock_read_before_the_hub_was_told_the_time_is_as_well_known_after(
    journal: Journal, clock: ManualClock, reader: Reader
) -> None:
    """A hub without a clock of its own starts where it was stopped, and is told a minute later."""
    clock.step(-8 * HOUR)
    looked = replace(clock.now(), trusted=False)
    clock.advance(20)
    clock.step(8 * HOUR)

    await journal.record(SCALE, [_stored(1, _shown(-1), _shown(0), looked, clock.now())])
    await journal.hub_time_known(clock.now())

    assert reader.entries()[0].entry.timing.measured_at == START - HOUR


@pytest.mark.parametrize("kept", [6, 7, 8])
async def test_what_an_older_gateway_kept_of_clocks_is_still_known(
    path: Path, clock: ManualClock, kept: int
) -> None:
    """It knew neither the boot whose time tells when we set a clock, nor at first the other two."""
    async with open_journal(path, clock) as journal:
        await journal.record(SCALE, [_stored(1, _shown(0), _shown(0), clock.now())])
    with sqlite3.connect(path) as other:
        other.create_function("row_sum", -1, row_sum, deterministic=True)
        (spans,) = other.execute("SELECT spans FROM clocks").fetchone()
        older = json.dumps([each[:kept] for each in json.loads(spans)])
        other.execute("UPDATE clocks SET spans = ?", (older,))
    other.close()

    clock.advance(2 * 3600)
    clock.boot()
    async with open_journal(path, clock) as journal:
        lost = _stored(2, _shown(1), _shown(2, -11), clock.now())
        (entry,) = await journal.record(SCALE, [lost])

    told = (entry.timing.reason, entry.timing.measured_at)
    assert told == (Correction.EARLIER_OFFSET, START + HOUR)
