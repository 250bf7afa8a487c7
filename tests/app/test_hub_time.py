from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.app.hub_time import watch
from gateway.clock import HubClock
from gateway.domain.device_time import Correction
from gateway.journal.reader import Reader
from gateway.testing.clock import START, ManualClock
from tests.journal.making import SCALE, open_journal, weight


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
