"""A device that only advertises: adopted, heard, recorded, and never connected."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from gateway.collect.patience import Outcome
from gateway.collect.supervisor import Supervisor
from gateway.domain.device import DeviceId
from gateway.drivers.api import Reach, Sighting
from gateway.drivers.registry import Registry
from gateway.drivers.scale.xiaomi import DRIVER
from gateway.metrics import Metrics
from gateway.testing.clock import ManualClock
from tests.collect.fakes import (
    ADDRESS,
    CUFF,
    FakeDriver,
    FakeJournal,
    FakeTransport,
    Pauses,
    settle,
)


def advertised(octets: str) -> Sighting:
    data = {"181d": bytes.fromhex(octets)}
    return Sighting(ADDRESS, Reach.BLE, name="MI_SCALE", service_data=data)


MOVING = advertised("02 983a ea07030e0a1a30")
STANDING = advertised("22 983a ea07030e0a1a35")


async def heard(*sightings: Sighting, adopted: str | None) -> tuple[FakeTransport, FakeJournal]:
    clock, radio, journal = ManualClock(), FakeTransport(), FakeJournal()
    supervisor = Supervisor(
        [radio],
        Registry([DRIVER]),
        journal,
        clock,
        Metrics(),
        settings_of=lambda _device: {},
        adopted={DeviceId(f"ble:{ADDRESS}"): adopted}.get,
        number_of=lambda _device: 3,
        pause=Pauses(clock),
    )
    running = asyncio.ensure_future(supervisor.run())
    for sighting in sightings:
        await radio.show(sighting)
    async with asyncio.timeout(5):
        while adopted and not journal.readings:  # noqa: ASYNC110  # the driver looks at two inboxes
            await asyncio.sleep(0.01)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    return radio, journal


async def test_an_adopted_scale_is_heard_without_a_connection() -> None:
    radio, journal = await heard(MOVING, STANDING, STANDING, adopted="scale/xiaomi")

    assert [str(q.value) for r in journal.readings for q in r.values.values()] == ["75.000"]
    assert radio.opened == []


async def test_the_neighbours_scale_is_not_listened_to() -> None:
    _, journal = await heard(STANDING, adopted=None)
    await settle()

    assert journal.readings == []
    assert journal.described == []


async def test_a_scale_that_wakes_just_after_it_fell_silent_is_listened_to_at_once() -> None:
    clock, radio, metrics = ManualClock(), FakeTransport(), Metrics()
    driver = FakeDriver(reach=Reach.ADVERTISEMENT)
    supervisor = Supervisor(
        [radio],
        Registry([driver]),
        FakeJournal(),
        clock,
        metrics,
        settings_of=lambda _device: {},
        adopted={CUFF: driver.name}.get,
        number_of=lambda _device: 3,
        pause=Pauses(clock),
    )
    running = asyncio.ensure_future(supervisor.run())
    for _ in range(9):
        await radio.show()
        clock.advance(1)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running

    assert metrics.value("sessions_total", driver=driver.name, outcome=Outcome.COMPLETE) == 9
