"""Destinations do not wait for each other; the default timer really waits."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from gateway.consent.gate import Released
from gateway.domain.receipt import Receipt
from gateway.errors import UplinkUnavailable
from gateway.metrics import Metrics
from gateway.testing.clock import ManualClock
from gateway.uplink.route import Left
from gateway.uplink.worker import Destination, Worker, until_set
from tests.uplink.doubles import MemoryOutbox, ScriptedUplink, weight
from tests.uplink.samples import ALICE


class TwoOutboxes:
    """One `Outbox` for two destinations."""

    def __init__(self, mes: MemoryOutbox, elsewhere: MemoryOutbox) -> None:
        self.of = {"mes": mes, "elsewhere": elsewhere}

    async def claim(self, destination: str, limit: int, now: datetime) -> list[Released]:
        return await self.of[destination].claim(destination, limit, now)

    async def settle(self, released: Released, receipt: Receipt) -> None:
        await self.of[released.delivery.destination].settle(released, receipt)

    async def retry_at(self, released: Released, due_at: datetime, why: str) -> None:
        await self.of[released.delivery.destination].retry_at(released, due_at, why)

    async def unsettle(self, released: Released, due_at: datetime, why: str) -> None:
        await self.of[released.delivery.destination].unsettle(released, due_at, why)

    async def park(self, released: Released, reason: str) -> None:
        await self.of[released.delivery.destination].park(released, reason)

    async def refuse(self, released: Released) -> None:
        await self.of[released.delivery.destination].refuse(released)

    async def next_due(self, destination: str) -> datetime | None:
        return await self.of[destination].next_due(destination)

    def when_due(self, destination: str, wake: Callable[[], None]) -> None:
        self.of[destination].when_due(destination, wake)


async def test_a_destination_that_hangs_holds_up_no_other() -> None:
    here, elsewhere = ScriptedUplink(), ScriptedUplink("elsewhere")
    both = TwoOutboxes(MemoryOutbox(), MemoryOutbox(weight(1), destination="elsewhere"))
    elsewhere.gates[weight(1).id] = asyncio.Event()
    worker = Worker(both, [Destination(elsewhere), Destination(here)], ManualClock(), Metrics())
    running = asyncio.create_task(worker.run())
    await elsewhere.started.wait()

    both.of["mes"].add(weight(2))
    await here.started.wait()
    left = await worker.quiesce(ALICE, "elsewhere", timedelta(0))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert here.sent == [weight(2).id]
    assert left == Left(unknown=(weight(1).id,))


async def test_a_destination_nobody_knows_has_nothing_under_way() -> None:
    worker = Worker(MemoryOutbox(), [], ManualClock(), Metrics())

    assert await worker.quiesce(ALICE, "nowhere") == Left()


async def test_a_pause_is_spread_so_that_hubs_do_not_come_back_together() -> None:
    waited: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def noting(event: asyncio.Event, seconds: float) -> None:
        waited.set_result(seconds)
        await asyncio.Event().wait()

    uplink = ScriptedUplink()
    uplink.does(weight(), UplinkUnavailable("down"))
    worker = Worker(
        MemoryOutbox(weight()),
        [Destination(uplink)],
        ManualClock(),
        Metrics(),
        timer=noting,
        jitter=lambda: 0.8,
    )
    running = asyncio.create_task(worker.run())
    seconds = await waited
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert seconds == pytest.approx(1.2)


async def test_the_timer_ends_with_its_event_or_its_time() -> None:
    happened = asyncio.Event()
    happened.set()

    await asyncio.wait_for(until_set(happened, 60), 5)
    await asyncio.wait_for(until_set(asyncio.Event(), 0.01), 5)
