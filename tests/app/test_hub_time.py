from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.app.hub_time import Elsewhere, hub_clock, watch
from gateway.clock import HubClock
from gateway.config import Config
from gateway.domain.device_time import Correction
from gateway.domain.reading import ClockSample, DeviceTime
from gateway.journal.reader import Reader
from gateway.testing.clock import START, ManualClock
from tests.journal.disk import Disk
from tests.journal.making import SCALE, open_journal, weight

HOUR = timedelta(hours=1)


class Enough(Exception):
    """The story is told."""


async def test_a_reading_before_the_first_synchronisation_gets_its_time_when_it_comes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal" / "journal.db"
    wall = ManualClock(START - timedelta(days=2000))  # what a hub without a battery starts with
    reached = False
    clock = HubClock(wall, lambda: reached)
    looks = 0

    async def pass_time(event: asyncio.Event, seconds: float) -> None:
        nonlocal looks, reached
        wall.advance(seconds)
        looks += 1
        if looks == 2:
            wall.step(timedelta(days=2000))
            reached = True
        if looks == 4:
            raise Enough

    async with open_journal(path, wall) as journal:
        came = weight(1).model_copy(update={"received": clock.now()})
        (waiting,) = await journal.record(SCALE, [came])
        with pytest.raises(Enough):
            await watch(clock, journal, pass_time)

    with Reader.open(path) as reader:
        (view,) = reader.entries()
    assert waiting.timing.reason is Correction.HUB_CLOCK_UNSET
    assert view.entry.timing.measured_at == START
    assert view.entry.timing.reason is Correction.RECEPTION


async def test_what_comes_between_the_setting_of_the_clock_and_its_being_told_has_its_time(
    tmp_path: Path,
) -> None:
    """The looks at the device's clock, too, are all told by one time."""
    path = tmp_path / "journal" / "journal.db"
    behind = 3 * HOUR
    wall = ManualClock(START - behind)
    clock = HubClock(wall, lambda: True)
    looks = 0

    async def meet(record: int, *, ago: timedelta) -> None:
        shown = (wall.now().utc + behind).replace(tzinfo=None)
        look = ClockSample(shown=shown, at=clock.now())
        told = DeviceTime(stamp=shown - ago, raw="00", clock=look)
        given = {"received": look.at, "device_time": told, "live": False}
        await journal.record(SCALE, [weight(record).model_copy(update=given)])

    async def pass_time(event: asyncio.Event, seconds: float) -> None:
        nonlocal looks, behind
        wall.advance(seconds)
        looks += 1
        if looks == 1:
            await meet(1, ago=timedelta())
            wall.step(behind)
            behind = timedelta()
            await meet(2, ago=timedelta(seconds=2))
        if looks == 3:
            raise Enough

    async with open_journal(path, wall) as journal:
        with pytest.raises(Enough):
            await watch(clock, journal, pass_time)
        wall.advance(6 * 3600)
        await meet(3, ago=5 * HOUR)

    with Reader.open(path) as reader:
        timings = {v.entry.reading.record: v.entry.timing for v in reader.entries()}
    assert {timing.reason for timing in timings.values()} == {Correction.MEASURED_OFFSET}
    assert timings["seq:3"].measured_at == wall.now().utc - 5 * HOUR


async def test_a_disk_that_is_full_when_the_time_comes_only_puts_it_off(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "journal" / "journal.db"
    wall = ManualClock()
    reached = False
    clock = HubClock(wall, lambda: reached)
    looks = 0

    with Disk() as disk:

        async def pass_time(event: asyncio.Event, seconds: float) -> None:
            nonlocal looks, reached
            wall.advance(seconds)
            looks += 1
            if looks == 1:
                reached = True
                disk.fail(after=0, times=10**9)
            if looks == 4:
                disk.heal()
            if looks == 6:
                raise Enough

        async with open_journal(path, wall) as journal:
            came = weight(1).model_copy(update={"received": clock.now()})
            (waiting,) = await journal.record(SCALE, [came])
            with pytest.raises(Enough):
                await watch(clock, journal, pass_time)

        with Reader.open(path) as reader:
            (view,) = reader.entries()
    assert waiting.timing.reason is Correction.HUB_CLOCK_UNSET
    assert view.entry.timing.reason is Correction.RECEPTION
    assert caplog.text.count("is not kept yet") == 3


class Service:
    """systemd-timedated, which may be missing."""

    def __init__(self, *, says: bool | None) -> None:
        self.says = says

    async def __call__(self) -> bool | None:
        return self.says


def others(service: Service, mark: Path, *, kernel: bool | None = None) -> Elsewhere:
    return Elsewhere(lambda: kernel, service, mark)


async def test_where_the_kernel_may_not_be_asked_timedated_is(tmp_path: Path) -> None:
    service = Service(says=False)
    elsewhere = others(service, tmp_path / "no such mark")

    before = await elsewhere.says_right()
    service.says = True

    assert (before, await elsewhere.says_right()) == (False, True)


async def test_a_kernel_that_may_be_asked_has_the_only_word(tmp_path: Path) -> None:
    assert not await others(Service(says=True), tmp_path, kernel=False).says_right()


async def test_the_mark_of_timesyncd_counts_once_each_time_it_is_set(tmp_path: Path) -> None:
    mark = tmp_path / "synchronized"
    elsewhere = others(Service(says=None), mark)
    answers = []

    for happens in (lambda: None, mark.touch, lambda: None, lambda: os.utime(mark, (1, 1))):
        happens()
        elsewhere.look()
        answers.append(await elsewhere.says_right())

    assert answers == [False, True, False, True]


async def test_the_mark_is_looked_at_again_and_again(tmp_path: Path) -> None:
    wall, mark = ManualClock(), tmp_path / "synchronized"
    clock, looks = HubClock(wall, lambda: None), list[bool]()

    async def pass_time(event: asyncio.Event, seconds: float) -> None:
        looks.append(clock.now().trusted)
        mark.touch()
        if len(looks) == 2:
            raise Enough

    async with open_journal(tmp_path / "journal" / "journal.db", wall) as journal:
        with pytest.raises(Enough):
            await watch(clock, journal, pass_time, others(Service(says=None), mark))

    assert looks == [False, True]


async def test_a_clock_that_is_set_while_others_are_asked_is_not_what_they_spoke_of(
    tmp_path: Path,
) -> None:
    wall, looks = ManualClock(), list[bool]()
    clock = HubClock(wall, lambda: None)

    class Slow(Service):
        async def __call__(self) -> bool | None:
            if not looks:
                wall.step(timedelta(days=-1))
            return True

    async def pass_time(event: asyncio.Event, seconds: float) -> None:
        looks.append(clock.now().trusted)
        if len(looks) == 2:
            raise Enough

    async with open_journal(tmp_path / "journal" / "journal.db", wall) as journal:
        with pytest.raises(Enough):
            await watch(clock, journal, pass_time, others(Slow(says=True), tmp_path / "no mark"))

    assert looks == [False, True]


@pytest.mark.parametrize(("said", "known"), [("system", True), ("synchronised", False)])
def test_a_hub_may_be_told_to_rely_on_its_system(
    said: str, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.app.hub_time.is_synchronised", lambda: False)

    clock = hub_clock(Config.model_validate({"hub": {"time": said}}))

    assert clock.now().trusted is known


async def test_a_hub_whose_kernel_may_not_be_asked_learns_the_time_too(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "journal.db"
    wall = ManualClock()
    clock = HubClock(wall, lambda: None)
    service = Service(says=False)
    trusted = []

    async def pass_time(event: asyncio.Event, seconds: float) -> None:
        trusted.append(clock.now().trusted)
        if len(trusted) == 1:
            service.says = True
        if len(trusted) == 2:
            service.says = False
            wall.step(timedelta(days=-1))  # somebody sets the clock; nobody says that it is right
        if len(trusted) == 3:
            raise Enough

    async with open_journal(path, wall) as journal:
        with pytest.raises(Enough):
            await watch(clock, journal, pass_time, others(service, tmp_path / "no such mark"))

    assert trusted == [False, True, False]
