import asyncio
import math

from firmware_sims.routine import Routine


async def test_a_routine_measures_as_often_as_its_limit() -> None:
    measured: list[int] = []
    routine = Routine(interval_s=0, limit=3)

    await routine.run(lambda: measured.append(1))

    assert len(measured) == 3


async def test_a_quiet_routine_measures_no_more() -> None:
    measured: list[int] = []
    routine = Routine(interval_s=math.inf)
    running = asyncio.create_task(routine.run(lambda: measured.append(1)))
    await asyncio.sleep(0)

    routine.be_quiet()
    await running

    assert measured == []


async def test_a_wait_lengthens_the_interval() -> None:
    waits = iter([0.0, math.inf])
    measured: list[int] = []
    routine = Routine(interval_s=0)
    running = asyncio.create_task(routine.run(lambda: measured.append(1), lambda: next(waits)))
    while not measured:  # noqa: ASYNC110 - the routine tells nobody but `measure`
        await asyncio.sleep(0)

    routine.be_quiet()
    await running

    assert len(measured) == 1
