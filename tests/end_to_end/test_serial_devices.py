"""Every serial device from its bytes on a real pty to the journal: each record once, as it was.

Simulators and drivers were written apart, from the same sources: where they agree, two readers of
the protocol understood the same.
"""

from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path

import pytest
from firmware_sims.cgm.dexcom_receiver import DexcomReceiver
from firmware_sims.faults import Fault

from tests.end_to_end.counter import Counter, a_counter, missing_and_extra, said, shown
from tests.end_to_end.passing import Passing
from tests.end_to_end.serial_devices import (
    ASKED,
    FAILING,
    PRESSED_TWICE,
    PUSHING,
    REMEMBERING,
    Case,
)

STORED, EVERY = 12, timedelta(hours=7)


@pytest.mark.parametrize("case", REMEMBERING.values(), ids=REMEMBERING.keys())
async def test_a_memory_is_read_and_what_comes_after_too(
    case: Case, tmp_path: Path, time: Passing
) -> None:
    async with placed(case, tmp_path, time, stored=STORED) as counter:
        await counter.has_arrived()
        assert_each_once(counter, case)

        await counter.measure()
        await counter.has_arrived(step_s=5)
        assert_each_once(counter, case)


@pytest.mark.parametrize("frame", [0, 3, 9])
@pytest.mark.parametrize("case", REMEMBERING.values(), ids=REMEMBERING.keys())
async def test_a_memory_is_read_to_its_end_although_the_cable_was_pulled(
    case: Case, frame: int, tmp_path: Path, time: Passing
) -> None:
    async with placed(case, tmp_path, time, stored=STORED, pulled_in_frame=frame) as counter:
        await counter.plug_again()

        await counter.has_arrived()
        assert_each_once(counter, case)


@pytest.mark.parametrize("case", PUSHING.values(), ids=PUSHING.keys())
async def test_what_a_device_sends_by_itself_arrives_and_nothing_is_written_to_it(
    case: Case, tmp_path: Path, time: Passing
) -> None:
    async with placed(case, tmp_path, time) as counter:
        await counter.is_heard()
        for _ in range(2):
            await counter.measure()
            await counter.has_arrived(step_s=0)

        assert_each_once(counter, case)
        assert counter.wire.written == b""


@pytest.mark.parametrize("case", ASKED.values(), ids=ASKED.keys())
async def test_a_scale_that_is_asked_gives_each_weighing_once(
    case: Case, tmp_path: Path, time: Passing
) -> None:
    async with placed(case, tmp_path, time) as counter:
        await counter.is_heard()
        for _ in range(3):
            await counter.measure()
            await counter.has_arrived()
            time.skip(10)  # and step off

        assert_each_once(counter, case)


@pytest.mark.parametrize("case", PUSHING.values(), ids=PUSHING.keys())
async def test_a_cable_pulled_in_a_frame_costs_that_frame_only(
    case: Case, tmp_path: Path, time: Passing
) -> None:
    async with placed(case, tmp_path, time) as counter:
        await counter.is_heard()
        counter.wire.pull_in_frame(0)
        await counter.measure()
        lost = len(counter.ledger.produced)
        await counter.plug_again()

        await counter.measure()
        await counter.has_arrived(len(counter.ledger.produced) - lost, step_s=0)
        assert_each_once(counter, case, since=lost)


async def test_a_cable_pulled_in_a_stream_costs_nothing_once_two_packets_agreed(
    tmp_path: Path, time: Passing
) -> None:
    case = PUSHING["Health o meter 500KL"]
    async with placed(case, tmp_path, time) as counter:
        await counter.is_heard()
        counter.wire.pull_in_frame(2)
        await counter.measure_slowly()
        await counter.plug_again()

        await counter.has_arrived(step_s=0)
        assert_each_once(counter, case)


@pytest.mark.parametrize("case", ASKED.values(), ids=ASKED.keys())
async def test_a_cable_pulled_in_an_answer_does_not_lose_who_stands_on_the_scale(
    case: Case, tmp_path: Path, time: Passing
) -> None:
    async with placed(case, tmp_path, time) as counter:
        await counter.is_heard()
        counter.wire.pull_in_frame(0)
        await counter.until(lambda: not counter.port.is_plugged, step_s=0.5)
        await counter.plug_again()

        await counter.measure()
        await counter.has_arrived()
        assert_each_once(counter, case)


@pytest.mark.parametrize("case", REMEMBERING.values(), ids=REMEMBERING.keys())
async def test_a_measurement_that_failed_is_not_in_a_memory(
    case: Case, tmp_path: Path, time: Passing
) -> None:
    async with placed(case, tmp_path, time, stored=2) as counter:
        sensor = isinstance(counter.device, DexcomReceiver)
        counter.faults.arm(Fault.NAN_MEASUREMENT if sensor else Fault.ERROR_CODE)
        counter.device.measure()
        produced = len(counter.ledger.produced)

        counter.device.measure()
        await counter.has_arrived(step_s=5)
        assert len(counter.ledger.produced) > produced
        assert_each_once(counter, case)


@pytest.mark.parametrize("case", FAILING.values(), ids=FAILING.keys())
async def test_the_error_code_of_a_device_is_an_event_and_no_reading(
    case: Case, tmp_path: Path, time: Passing
) -> None:
    async with placed(case, tmp_path, time) as counter:
        await counter.is_heard()
        counter.faults.arm(Fault.ERROR_CODE)
        await counter.measure()
        await counter.until(counter.remarks, step_s=0.2)
        time.skip(10)

        assert [each.split()[0] for each in counter.remarks()] == ["device_error"]
        assert counter.entries() == []
        assert counter.forbidden.received == []


@pytest.mark.parametrize("case", PRESSED_TWICE.values(), ids=PRESSED_TWICE.keys())
async def test_a_key_pressed_twice_is_one_measurement(
    case: Case, tmp_path: Path, time: Passing
) -> None:
    async with placed(case, tmp_path, time) as counter:
        await counter.is_heard()
        counter.faults.arm(Fault.DOUBLE_KEY_PRESS)
        await counter.measure_slowly()
        await counter.measure_slowly()

        await counter.has_arrived(step_s=0)
        assert_each_once(counter, case)


def placed(
    case: Case, folder: Path, time: Passing, *, stored: int = 0, pulled_in_frame: int | None = None
) -> AbstractAsyncContextManager[Counter]:
    """Put a device on a counter, with a memory, and a cable that will be pulled."""

    def prepare(counter: Counter) -> None:
        if stored:
            remember(counter, stored)
        if pulled_in_frame is not None:
            counter.wire.pull_in_frame(pulled_in_frame)

    return a_counter(
        folder,
        time,
        case.driver,
        case.make,
        settings=case.settings,
        before=prepare,
        clock_error=case.clock_error,
    )


def remember(counter: Counter, count: int) -> None:
    """Let the device have measured before anybody came; a sensor for half a day."""
    device = counter.device
    if isinstance(device, DexcomReceiver):
        now, sampling = counter.time.utc(), timedelta(minutes=5)
        device.remember(now - timedelta(hours=12), now - timedelta(hours=6))
        device.lose_signal(5)
        device.remember(now - timedelta(hours=6) + sampling, now - sampling)
    else:
        device.remember(count, EVERY)  # type: ignore[attr-defined]


def assert_each_once(counter: Counter, case: Case, *, since: int = 0) -> None:
    """Assert that the journal holds what was produced, and that nothing forbidden was asked.

    Without the first `since` lines of the ledger, which the cable lost.
    """
    missing, extra = missing_and_extra(
        counter.ledger.produced[since:], counter.entries(), case.time_within
    )
    assert [(one.measured_at, shown(one)) for one in missing] == []
    assert [(entry.timing.measured_at, said(entry)) for entry in extra] == []
    assert counter.forbidden.received == []
