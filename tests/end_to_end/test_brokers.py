"""The whole daemon with a broker: readings in one plane, the health of the gateway in another.

The canaries stand for everything that tells something of a person: what the household calls them,
their devices and ports, serial numbers, and the values themselves.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from firmware_sims.health_space import HealthSpace

from gateway import config as configuration
from gateway.app.daemon import daemon
from gateway.client import Client
from gateway.domain.device import Device, DeviceId
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Measure, Reading
from tests.end_to_end.home import LONG_AGO, Home
from tests.end_to_end.passing import Passing
from tests.uplink.brokers import Broker, a_broker, listening, needs_mosquitto

pytestmark = [needs_mosquitto, pytest.mark.other_processes]

CANARIES = {
    "label": "Canarina",
    "device": "serial:canary-port",
    "serial": "SN-CANARY-4711",
    "model": "CanaryScale",
    "manufacturer": "Canary Works",
    "value": "68.437",
    "record": "canary-record",
}


def configured(folder: Path, broker: Broker) -> Path:
    at = f'host = "127.0.0.1"\nport = {broker.port}\ntls = false\ngateway = "hub1"\n'
    path = folder / "gateway.toml"
    path.write_text(
        f'[hub]\nstate = "{folder}/state"\ntime = "system"\n'
        f'[[destinations]]\ntype = "mqtt"\nname = "canary-destination"\n{at}[fleet]\n{at}'
    )
    return path


@asynccontextmanager
async def canary_at_home(
    folder: Path, broker: Broker, space: HealthSpace, time: Passing
) -> AsyncIterator[Home]:
    path = configured(folder, broker)
    config = configuration.load(path)
    async with daemon(config, clock=time, timer=time.timer) as hub:
        home = Home(path, space, time)
        home.hub = hub
        await home.until(lambda: asyncio.to_thread(Client(config).daemon_answers))
        subject = (await home.post("people", label=CANARIES["label"]))["id"]
        home.people["Canarina"] = subject
        await home.post(
            *("consents", "grant"),
            subject=subject,
            destination="canary-destination",
            covers_from=LONG_AGO,
            given_by=CANARIES["label"],
            language="fr",
        )
        scale = Device(
            id=DeviceId(CANARIES["device"]),
            driver="scale/tanita",
            manufacturer=CANARIES["manufacturer"],
            model=CANARIES["model"],
            serial=CANARIES["serial"],
        )
        await hub.journal.describe(scale)
        await home.post("devices", "adopt", device=scale.id, driver=scale.driver)
        await home.post("assignments", device=scale.id, subject=subject, since=LONG_AGO)
        weight = Quantity(value=Decimal(CANARIES["value"]), unit=Unit.KILOGRAM)
        reading = Reading(
            device=scale.id,
            kind=Kind.WEIGHT,
            values={Measure.WEIGHT: weight},
            received=time.now(),
            record=CANARIES["record"],
        )
        await hub.journal.record(scale, [reading])
        yield home


async def test_the_fleet_plane_never_says_anything_of_a_person(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    with a_broker(tmp_path) as broker:
        async with listening(broker) as listener:
            async with canary_at_home(tmp_path, broker, space, time) as home:
                await listener.until(1, "/readings")
                await home.hurry_until(settled_in(home))
                reports = len([t for t in listener.topics if t.endswith("/health")])
                time.skip(120)
                await listener.until(reports + 1, "/health")
            await listener.until(4, "/status")

    fleet = [m for m in listener.heard if m.topic.startswith("healthspace-fleet/")]
    said = b"\n".join(m.topic.encode() + b" " + m.payload for m in fleet).decode()
    assert listener.on("/health")[-1]["deliveries"] == {"settled": 1}
    assert [what for what, canary in CANARIES.items() if canary.lower() in said.lower()] == []
    assert home.people["Canarina"] not in said


async def test_readings_leave_by_the_other_plane_and_stop_with_the_consent(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    with a_broker(tmp_path) as broker:
        async with (
            listening(broker, "healthspace/#") as listener,
            canary_at_home(tmp_path, broker, space, time) as home,
        ):
            await listener.until(1, "/readings")
            await home.post(
                *("consents", "withdraw"),
                subject=home.people["Canarina"],
                destination="canary-destination",
                withdrawn_by="Canarina",
            )
            await listener.until(2, "/revocations")

            (message,) = listener.on("/readings")
            before, after = listener.on("/revocations")
            topics = "\n".join(listener.topics).lower()
            assert (before["grants"], after["grants"]) == ([], [message["consent"]["grant"]])
            assert [what for what, canary in CANARIES.items() if canary.lower() in topics] == []


async def test_a_broker_that_is_away_is_told_before_there_is_anything_to_send(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    with a_broker(tmp_path) as broker:
        path = configured(tmp_path, broker)
        broker.kill()
        async with daemon(configuration.load(path), clock=time, timer=time.timer) as hub:
            home = Home(path, space, time)
            home.hub = hub

            async def is_away() -> bool:
                told = hub.status()
                states = [part.state for part in (*told.destinations, told.fleet) if part]
                return states == ["paused", "paused"] and hub.health().destinations_paused == 1

            async def is_there() -> bool:
                told = hub.status()
                return [part.problem for part in (*told.destinations, told.fleet) if part] == [
                    None,
                    None,
                ]

            await home.until(is_away)
            broker.start()
            await home.hurry_until(is_there)


def settled_in(home: Home) -> Callable[[], Awaitable[bool]]:
    async def settled() -> bool:
        return await home.states() == ["settled"]

    return settled
