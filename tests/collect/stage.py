"""A supervisor on which everything is of the test's making."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest

from gateway.collect.patience import Outcome
from gateway.collect.supervisor import Supervisor
from gateway.domain.device import Device, DeviceId
from gateway.drivers.api import Session
from gateway.drivers.registry import Registry
from gateway.metrics import Metrics
from gateway.testing.clock import ManualClock
from gateway.transport.api import OpenLink
from tests.collect.fakes import (
    CUFF,
    FakeDriver,
    FakeJournal,
    FakeTransport,
    Pauses,
    Talk,
    a_reading,
)

NAME = "bp_monitor/fake"


class Stage:
    """A supervisor with one radio, one driver and a journal, all of the test's making."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.pauses = Pauses(self.clock)
        self.transport = FakeTransport()
        self.transports = [self.transport]
        self.drivers = [FakeDriver()]
        self.journal = FakeJournal()
        self.metrics = Metrics()
        self.adopted: dict[DeviceId, str] = {CUFF: NAME}
        self.longest_s = 300.0
        self.wrap: Callable[[OpenLink, Device], OpenLink] | None = None
        self.running: asyncio.Task[None] | None = None
        self.number_of: Callable[[DeviceId], int | None] = lambda _device: 3

    @property
    def driver(self) -> FakeDriver:
        return self.drivers[0]

    def start(self) -> Supervisor:
        supervisor = Supervisor(
            self.transports,
            Registry(self.drivers),
            self.journal,
            self.clock,
            self.metrics,
            settings_of=lambda _device: {},
            adopted=self.adopted.get,
            number_of=self.number_of,
            wrap=self.wrap,
            pause=self.pauses,
            longest_s=self.longest_s,
        )
        self.running = asyncio.ensure_future(supervisor.run())
        return supervisor

    def ends(self, outcome: Outcome) -> int:
        return self.metrics.value("sessions_total", driver=NAME, outcome=outcome)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    yield made
    if made.running is not None:
        made.running.cancel()
        with suppress(asyncio.CancelledError):
            await made.running


async def hangs(_session: Session) -> None:
    await asyncio.Event().wait()


async def brings_one(session: Session) -> None:
    await session.record(a_reading())


def fails(error: BaseException) -> Talk:
    async def talk(_session: Session) -> None:
        raise error

    return talk
