"""Contour meters on their cable, from their bytes to the journal: each result once, as it was.

The simulator was written from Bayer's specification and from captures, by somebody who had seen
neither the driver nor its tests.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from firmware_sims.faults import Fault
from firmware_sims.glucose_meter.contour_usb import ContourUsb, Habits
from firmware_sims.packing.contour_usb import CONTOUR_NEXT_USB, MODELS, Model
from firmware_sims.placement import Placement

from gateway.domain.reading import Quality
from tests.end_to_end.counter import Counter, a_counter
from tests.end_to_end.passing import Passing
from tests.end_to_end.test_hid_devices import assert_each_once, has_arrived, people

HOUR = timedelta(hours=1)
MONTHS_BEHIND = timedelta(days=-213)
HABITS = Habits(control_every=5, extremes_every=4)
MEALS = {"B": "preprandial", "A": "postprandial", "F": "fasting"}
OF_THE_DEVICE = (Fault.WRONG_CHECKSUM, Fault.GARBAGE_FRAME)

each_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name is short enough for a socket."""
    return tmp_path_factory.mktemp("hid")


@each_model
@pytest.mark.parametrize("molar", [False, True], ids=["mg/dL", "mmol/L"])
async def test_a_memory_is_read_and_what_comes_after_too(
    model: Model, molar: bool, folder: Path, time: Passing
) -> None:
    async with placed(folder, time, model=model, molar=molar) as counter:
        await has_arrived(counter)
        assert_each_once(counter)

        await counter.measure()
        await has_arrived(counter)
        assert_each_once(counter)


@pytest.mark.parametrize("announces", [False, True], ids=["", "ENQ before"])
@pytest.mark.parametrize("enq_apart", [False, True], ids=["", "ENQ apart"])
@pytest.mark.parametrize("quiet_end", [False, True], ids=["", "no EOT after it"])
async def test_however_a_meter_offers_its_memory_it_is_taken_at_once(
    announces: bool, enq_apart: bool, quiet_end: bool, folder: Path, time: Passing
) -> None:
    async with placed(
        folder, time, announces=announces, enq_apart=enq_apart, quiet_end=quiet_end
    ) as counter:
        await has_arrived(counter)

        assert_each_once(counter)
        assert counter.hub.status().problems == {}


async def test_marks_and_control_solution_are_told_apart(folder: Path, time: Passing) -> None:
    async with placed(folder, time, strips=12) as counter:
        await has_arrived(counter)

        marked = [
            MEALS[mark]
            for kept in meter(counter).memory
            for mark in kept.marks
            if mark in MEALS and kept.what == "Glucose"
        ]
        told = [flag for entry in people(counter) for flag in entry.reading.flags]
        assert sorted(told) == sorted(marked)
        assert len(marked) == 4
        of_control = [
            entry for entry in counter.entries() if entry.reading.quality is Quality.CONTROL
        ]
        assert len(of_control) == 2


async def test_what_was_noted_is_passed_over_and_counted(folder: Path, time: Passing) -> None:
    async with placed(folder, time, habits=Habits(entry_every=2)) as counter:
        await has_arrived(counter)

        assert_each_once(counter)
        assert any("notes_passed_over" in remark for remark in counter.remarks())


async def test_an_empty_memory_is_none_to_worry_about(folder: Path, time: Passing) -> None:
    async with placed(folder, time, strips=0) as counter:
        await counter.until(lambda: counter.wire.written.count(b"ABC\x01\x06") >= 3, step_s=1)

        await counter.measure()
        await has_arrived(counter)
        assert_each_once(counter)


async def test_a_full_memory_loses_its_oldest_and_keeps_all_others_as_they_were(
    folder: Path, time: Passing
) -> None:
    small = replace(CONTOUR_NEXT_USB, capacity=30)
    async with placed(folder, time, model=small, strips=30, habits=Habits()) as counter:
        await has_arrived(counter)
        for _ in range(5):
            await counter.measure()
            time.skip(3600)
        counter.port.unplug()
        await counter.until(lambda: not counter.sessions(), step_s=2)
        counter.port.plug()

        await has_arrived(counter)
        assert meter(counter).held == 30
        assert_each_once(counter)


async def test_nothing_is_written_but_single_octets(folder: Path, time: Passing) -> None:
    async with placed(folder, time) as counter:
        await has_arrived(counter)

        written = counter.wire.written
        reports = {written[at : at + 64].rstrip(b"\0") for at in range(0, len(written), 64)}
        assert reports <= {b"ABC\x01\x04", b"ABC\x01\x06", b"ABC\x01\x15"}
        assert counter.forbidden.received == []


@pytest.mark.parametrize("report", [0, 1, 3, 5, 7, 20])
@each_model
async def test_a_memory_is_read_to_its_end_although_the_cable_was_pulled(
    model: Model, report: int, folder: Path, time: Passing
) -> None:
    async with placed(folder, time, model=model, pulled_in_report=report) as counter:
        await counter.plug_again()

        await has_arrived(counter)
        assert_each_once(counter)


@pytest.mark.parametrize(
    "fault", [Fault.WRONG_CHECKSUM, Fault.GARBAGE_FRAME, Fault.FLIPPED_BIT, Fault.SILENCE]
)
@pytest.mark.parametrize("after", [0, 1, 4, 9])
async def test_what_is_damaged_on_the_way_is_asked_for_again(
    fault: Fault, after: int, folder: Path, time: Passing
) -> None:
    async with placed(folder, time, faults_after=after, fault=fault) as counter:
        await has_arrived(counter)

        assert_each_once(counter)


async def test_a_frame_that_never_comes_right_ends_the_reading_and_it_is_begun_anew(
    folder: Path, time: Passing
) -> None:
    def strike(counter: Counter) -> None:
        counter.faults.arm(Fault.WRONG_CHECKSUM, 4)

    async with placed(folder, time, prepare=strike) as counter:
        await has_arrived(counter)

        assert_each_once(counter)


async def test_a_failed_strip_is_no_reading(folder: Path, time: Passing) -> None:
    async with placed(folder, time) as counter:
        await has_arrived(counter)
        counter.faults.arm(Fault.ERROR_CODE)
        counter.device.measure()

        await counter.measure()
        await has_arrived(counter)
        assert_each_once(counter)


def meter(counter: Counter) -> ContourUsb:
    assert isinstance(counter.device, ContourUsb)
    return counter.device


def placed(
    folder: Path,
    time: Passing,
    *,
    model: Model = CONTOUR_NEXT_USB,
    molar: bool = False,
    announces: bool = True,
    enq_apart: bool = False,
    quiet_end: bool = False,
    habits: Habits = HABITS,
    strips: int = 12,
    pulled_in_report: int | None = None,
    fault: Fault | None = None,
    faults_after: int = 0,
    prepare: Callable[[Counter], None] | None = None,
) -> AbstractAsyncContextManager[Counter]:
    """Put a meter on a counter, its clock months behind, with so many strips, four hours apart."""

    def make(placement: Placement) -> ContourUsb:
        return ContourUsb(
            placement,
            model=model,
            molar=molar,
            announces=announces,
            enq_apart=enq_apart,
            quiet_end=quiet_end,
            habits=habits,
        )

    def before(counter: Counter) -> None:
        meter(counter).remember(strips, 4 * HOUR)
        if pulled_in_report is not None:
            counter.wire.pull_in_frame(pulled_in_report)
        if fault is not None:
            faults = counter.faults if fault in OF_THE_DEVICE else counter.wire.faults
            faults.arm(fault, 2)
        if prepare is not None:
            prepare(counter)

    return a_counter(
        folder,
        time,
        "glucose_meter/contour_usb",
        make,
        before=before,
        clock_error=MONTHS_BEHIND,
        hid=True,
    )
