"""Devices that speak in reports, from their bytes to the journal: each record once, as it was.

Simulators and drivers were written apart, from the same sources: where they agree, two readers of
the protocol understood the same.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from firmware_sims.cgm import libre_reader as libre
from firmware_sims.cgm.libre2_reader import Libre2Reader
from firmware_sims.cgm.libre_reader import LibreReader
from firmware_sims.faults import Fault
from firmware_sims.glucose_meter import freestyle_neo as neo
from firmware_sims.glucose_meter.freestyle_neo import FreeStyleNeo
from firmware_sims.placement import Placement

from gateway.domain.entry import Entry
from gateway.domain.reading import Quality
from tests.end_to_end.counter import Counter, a_counter, missing_and_extra, said, shown
from tests.end_to_end.passing import Passing

MONTHS_BEHIND = timedelta(days=-213)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TIME_WITHIN = timedelta(seconds=70)
"""The clocks are read to the minute."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A device, its driver, and how it came to have a memory of two days."""

    driver: str
    make: Callable[[Placement], LibreReader | FreeStyleNeo]


def _libre(**options: object) -> Case:
    habits = libre.Habits(strip_every=3, ketone_every=4, note_every=2)

    def make(placement: Placement) -> LibreReader:
        put_on_at = placement.now() - 3 * DAY
        return LibreReader(placement, put_on_at=put_on_at, habits=habits, **options)  # type: ignore[arg-type]

    return Case(driver="cgm/freestyle_libre", make=make)


def _neo(**options: object) -> Case:
    habits = neo.Habits(control_every=5, ketone_every=4, insulin_every=3)
    return Case(
        driver="glucose_meter/freestyle_neo",
        make=lambda placement: FreeStyleNeo(placement, habits=habits, **options),  # type: ignore[arg-type]
    )


CASES = {
    "FreeStyle Libre": _libre(mmol=True),
    "FreeStyle Libre, oldest first": _libre(newest_first=False),
    "FreeStyle Libre, its count at the end": _libre(first_record=65500),
    "FreeStyle Neo": _neo(mmol=True),
    "FreeStyle Neo, oldest first": _neo(newest_first=False),
}
BOTH = {name: CASES[name] for name in ("FreeStyle Libre", "FreeStyle Neo")}

OF_THE_DEVICE = (Fault.WRONG_CHECKSUM, Fault.GARBAGE_FRAME)

each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
either = pytest.mark.parametrize("case", BOTH.values(), ids=BOTH.keys())


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name is short enough for a socket."""
    return tmp_path_factory.mktemp("hid")


@each_case
async def test_a_memory_is_read_and_what_comes_after_too(
    case: Case, folder: Path, time: Passing
) -> None:
    async with placed(case, folder, time) as counter:
        await has_arrived(counter)
        assert_each_once(counter)

        await counter.measure()
        await has_arrived(counter)
        assert_each_once(counter)


@either
async def test_nothing_is_asked_that_changes_or_names_anyone(
    case: Case, folder: Path, time: Passing
) -> None:
    async with placed(case, folder, time) as counter:
        await has_arrived(counter)

        assert counter.forbidden.received == []
        assert b"$pt" not in counter.wire.written
        assert b"$" in counter.wire.written


@pytest.mark.parametrize("report", [0, 1, 7, 40])
@either
async def test_a_memory_is_read_to_its_end_although_the_cable_was_pulled(
    case: Case, report: int, folder: Path, time: Passing
) -> None:
    async with placed(case, folder, time, pulled_in_report=report) as counter:
        await counter.plug_again()

        await has_arrived(counter)
        assert_each_once(counter)


@pytest.mark.parametrize(
    "fault", [Fault.WRONG_CHECKSUM, Fault.GARBAGE_FRAME, Fault.FLIPPED_BIT, Fault.SILENCE]
)
@either
async def test_what_is_damaged_on_the_way_is_asked_for_again(
    case: Case, fault: Fault, folder: Path, time: Passing
) -> None:
    def strike(counter: Counter) -> None:
        faults = counter.faults if fault in OF_THE_DEVICE else counter.wire.faults
        faults.arm(fault, 2)

    async with placed(case, folder, time, prepare=strike) as counter:
        await has_arrived(counter)

        assert_each_once(counter)


@pytest.mark.parametrize("by", [-HOUR, HOUR, -6 * HOUR, 9 * HOUR])
@either
async def test_a_clock_that_was_set_meanwhile_moves_nothing_in_true_time(
    case: Case, by: timedelta, folder: Path, time: Passing
) -> None:
    def live(counter: Counter) -> None:
        now = counter.time.utc()
        remember(counter, since=now - 2 * DAY, until=now - DAY)
        counter.placement.clock.moved(now - 20 * HOUR, by)
        remember(counter, since=now - 18 * HOUR, until=now - HOUR)

    async with placed(case, folder, time, prepare=live, memory=False) as counter:
        await has_arrived(counter)

        assert_each_once(counter)


@pytest.mark.parametrize("by", [HOUR, -6 * HOUR, 9 * HOUR])
@either
async def test_a_journey_between_two_readings_costs_no_time(
    case: Case, by: timedelta, folder: Path, time: Passing
) -> None:
    async with placed(case, folder, time) as counter:
        await has_arrived(counter)
        time.skip(3 * 3600)
        await counter.measure()
        await has_arrived(counter)
        time.skip(2 * 3600)
        counter.placement.clock.moved(counter.time.utc(), by)
        time.skip(2 * 3600)

        await counter.measure()
        await has_arrived(counter)
        assert_each_once(counter)
        time.skip(3 * 3600)
        await counter.measure()
        await has_arrived(counter)
        # Nobody saw what the clock showed between the last scan and the look at it.
        assert_each_once(counter, doubted=1)


@pytest.mark.parametrize("by", [-6 * HOUR, 9 * HOUR])
@either
async def test_what_no_log_tells_is_no_worse_than_the_doubt_that_is_stated(
    case: Case, by: timedelta, folder: Path, time: Passing
) -> None:
    async with placed(case, folder, time) as counter:
        await has_arrived(counter)
        clock = counter.placement.clock
        for silent in (False, True, True, False):
            time.skip(2 * 3600)
            now = time.utc()
            if silent:
                clock.changed(now, clock.device_local(now) + by)
            else:
                clock.moved(now, by)
            time.skip(2 * 3600)
            await counter.measure()
            await has_arrived(counter)

        missing, _ = missing_and_extra(
            counter.ledger.produced, people(counter), timedelta(days=300)
        )
        assert missing == []
        for entry in people(counter):
            doubt = entry.timing.uncertainty
            assert doubt is None or any(
                abs(entry.timing.measured_at - one.measured_at) <= doubt
                for one in counter.ledger.produced
                if shown(one) == said(entry)
            )


@either
async def test_a_clock_that_was_lost_and_set_again_is_no_journey(
    case: Case, folder: Path, time: Passing
) -> None:
    def live(counter: Counter) -> None:
        now, clock = counter.time.utc(), counter.placement.clock
        remember(counter, since=now - 2 * DAY, until=now - 21 * HOUR)
        clock.lost(now - 20 * HOUR)
        clock.set_right(now - 19 * HOUR)
        remember(counter, since=now - 18 * HOUR, until=now - HOUR)

    right = timedelta()
    async with placed(case, folder, time, prepare=live, memory=False, clock_error=right) as counter:
        await has_arrived(counter)

        assert_each_once(counter)


@either
async def test_a_measurement_that_failed_is_no_reading(
    case: Case, folder: Path, time: Passing
) -> None:
    async with placed(case, folder, time) as counter:
        await has_arrived(counter)
        counter.faults.arm(Fault.ERROR_CODE)
        counter.device.measure()

        await counter.measure()
        await has_arrived(counter)
        assert_each_once(counter)


async def test_a_reader_that_was_erased_gives_what_comes_after(folder: Path, time: Passing) -> None:
    async with placed(BOTH["FreeStyle Libre"], folder, time) as counter:
        await has_arrived(counter)
        assert isinstance(counter.device, LibreReader)
        counter.device.erase(counter.time.utc())
        time.skip(3 * 3600)

        await counter.measure()
        await has_arrived(counter)
        assert_each_once(counter)


async def test_a_reader_of_the_next_generation_is_told_as_unreadable(
    folder: Path, time: Passing
) -> None:
    async with a_counter(folder, time, "cgm/freestyle_libre", Libre2Reader, hid=True) as counter:
        await counter.until(lambda: counter.hub.status().problems, step_s=1)

        assert "maker's programs only" in str(counter.hub.status())
        assert counter.entries() == []
        assert counter.forbidden.received == []


def placed(
    case: Case,
    folder: Path,
    time: Passing,
    *,
    prepare: Callable[[Counter], None] | None = None,
    memory: bool = True,
    pulled_in_report: int | None = None,
    clock_error: timedelta = MONTHS_BEHIND,
) -> AbstractAsyncContextManager[Counter]:
    """Put a device on a counter, with a memory of two days, and a cable that will be pulled."""

    def before(counter: Counter) -> None:
        if memory:
            now = counter.time.utc()
            remember(counter, since=now - 2 * DAY, until=now - HOUR)
        if prepare is not None:
            prepare(counter)
        if pulled_in_report is not None:
            counter.wire.pull_in_frame(pulled_in_report)

    return a_counter(
        folder, time, case.driver, case.make, before=before, clock_error=clock_error, hid=True
    )


def remember(counter: Counter, *, since: datetime, until: datetime) -> None:
    """Let the device have been used every four hours, in true time."""
    device = counter.device
    if isinstance(device, LibreReader):
        device.remember(since, until, scan_every=4 * HOUR)
        return
    assert isinstance(device, FreeStyleNeo)
    at = since
    while at <= until:
        device.measure(at)
        at += 4 * HOUR


def people(counter: Counter) -> list[Entry]:
    """Return what the journal holds of people."""
    return [each for each in counter.entries() if each.reading.quality is not Quality.CONTROL]


async def has_arrived(counter: Counter) -> None:
    await counter.until(lambda: len(people(counter)) >= len(counter.ledger.produced), step_s=5)


def assert_each_once(counter: Counter, *, doubted: int = 0) -> None:
    """Assert that the journal holds what was produced, and that nothing forbidden was asked.

    Control solution is in it too, and nobody produced it. At most so many may not be sent, as it is
    not known well enough when they were measured.
    """
    entries = people(counter)
    missing, extra = missing_and_extra(counter.ledger.produced, entries, TIME_WITHIN)
    assert [(one.measured_at, shown(one)) for one in missing] == []
    assert [(entry.timing.measured_at, said(entry)) for entry in extra] == []
    assert sum(not entry.timing.sendable for entry in entries) <= doubted
    assert counter.forbidden.received == []
