"""The fleet plane: visible health, and nothing about anyone."""

import asyncio
from pathlib import Path

import pytest

from gateway.errors import JournalError
from gateway.testing.clock import ManualClock
from gateway.uplink.fleet import Fleet
from gateway.uplink.fleet_health import Health
from gateway.uplink.fleet_settings import FleetSettings
from tests.uplink.brokers import a_broker, listening, needs_mosquitto

pytestmark = needs_mosquitto

HEALTH = Health(
    software="1.0",
    uptime_s=60,
    clock_trusted=True,
    transports=2,
    transports_in_trouble=1,
    destinations=1,
    destinations_paused=0,
    sessions=1,
    deliveries={"due": 3},
    counters={"readings_recorded_total": 12},
)


async def test_health_is_told_between_birth_and_death(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def timer(event: asyncio.Event, seconds: float) -> None:
        asked.set()
        await event.wait()

    with a_broker(tmp_path) as broker:
        settings = FleetSettings(**broker.settings(gateway="hub1"))
        async with listening(broker) as listener:
            running = asyncio.create_task(Fleet(settings, ManualClock()).run(timer, lambda: HEALTH))
            await asyncio.wait_for(asked.wait(), 5)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await listener.until(2, "/status")

    (told,) = [message for message in listener.heard if message.topic.endswith("/health")]
    assert told.expires_s is not None  # later it is not worth showing any more
    assert 9 * settings.every_s < told.expires_s <= 10 * settings.every_s
    assert [status["online"] for status in listener.on("/status")] == [True, False]
    assert listener.on("/health") == [HEALTH.model_dump()]


async def test_it_comes_back_after_the_broker_and_said_once_that_it_was_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with a_broker(tmp_path) as broker:
        settings = FleetSettings(**broker.settings(gateway="hub1"))
        broker.kill()
        waited: list[float] = []
        tried = asyncio.Event()

        async def timer(event: asyncio.Event, seconds: float) -> None:
            waited.append(seconds)
            if len(waited) > 1:
                tried.set()
            await asyncio.sleep(0.01)

        running = asyncio.create_task(Fleet(settings, ManualClock()).run(timer, lambda: HEALTH))
        await asyncio.wait_for(tried.wait(), 5)
        broker.start()
        async with listening(broker) as listener:
            await listener.until(1, "/health")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    assert listener.on("/health")[0] == HEALTH.model_dump()
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_a_journal_that_cannot_be_read_for_a_moment_ends_nothing(tmp_path: Path) -> None:
    troubles = [JournalError("the disk gave an error")]
    absences: list[str | None] = []

    def health() -> Health:
        if troubles:
            raise troubles.pop()
        return HEALTH

    async def timer(event: asyncio.Event, seconds: float) -> None:
        absences.append(fleet.absence)
        if fleet.absence is None:
            await event.wait()

    with a_broker(tmp_path) as broker:
        fleet = Fleet(FleetSettings(**broker.settings(gateway="hub1")), ManualClock())
        async with listening(broker) as listener:
            running = asyncio.create_task(fleet.run(timer, health))
            await listener.until(1, "/health")
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    assert listener.on("/health") == [HEALTH.model_dump()]
    assert "the disk gave an error" in (absences[0] or "")


async def test_a_password_that_cannot_be_read_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = {"tls": False, "username": "hub1", "password_file": tmp_path / "gone"}
    settings = FleetSettings(gateway="hub1", host="127.0.0.1", port=1, **given)

    async def timer(event: asyncio.Event, seconds: float) -> None:
        raise asyncio.CancelledError

    fleet = Fleet(settings, ManualClock())

    with pytest.raises(asyncio.CancelledError):
        await fleet.run(timer, lambda: HEALTH)

    assert "password_file cannot be read" in caplog.text
    assert "password_file cannot be read" in (fleet.absence or "")
