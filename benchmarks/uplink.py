"""Readings per second to Mosquitto through the uplink, beside a bare aiomqtt loop.

    .venv/bin/python benchmarks/uplink.py

Both send the same bytes, wait for every acknowledgement and have as many messages in flight; the
contenders take turns, medians are told. The uplink makes each message from its reading, the bare
loop has it made.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import aiomqtt

from gateway.testing.clock import ManualClock
from gateway.uplink.mqtt import MqttUplink
from gateway.uplink.mqtt_message import reading_message, to_json
from gateway.uplink.mqtt_settings import MqttSettings
from tests.uplink.brokers import Broker, a_broker, listening
from tests.uplink.samples import MEASURED, entry, released

MESSAGES, ROUNDS = 1000, 5
AT_LEAST = 0.6


async def rate(window: int, one: Callable[[int], Awaitable[Any]]) -> float:
    """Call `one` for every message, so many at a time; return calls per second."""
    numbers = iter(range(MESSAGES))

    async def worker() -> None:
        for number in numbers:
            await one(number)

    start = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(window)))
    return MESSAGES / (time.perf_counter() - start)


async def compare(broker: Broker, window: int) -> bool:
    readings = [released(entry(record=f"seq:{n}"), destination="home") for n in range(MESSAGES)]
    payload = to_json(reading_message(readings[0], "session", MEASURED, None))
    settings = MqttSettings(**broker.settings(name="home", gateway="hub1", max_in_flight=window))
    uplink = MqttUplink(settings, ManualClock(MEASURED))
    bare = aiomqtt.Client("127.0.0.1", broker.port, protocol=aiomqtt.ProtocolVersion.V5)
    ours, theirs = [], []
    async with listening(broker, "healthspace/#"), bare:
        bare.pending_calls_threshold = MESSAGES
        for _ in range(ROUNDS):
            ours.append(await rate(window, lambda n: uplink.send(readings[n])))
            theirs.append(
                await rate(window, lambda _: bare.publish("healthspace/bare", payload, qos=1))
            )
        await uplink.close()
    mine, other = statistics.median(ours), statistics.median(theirs)
    print(
        f"window {window:3}: uplink {mine:6.0f}/s  aiomqtt {other:6.0f}/s  ratio {mine / other:.2f}"
    )
    return mine >= AT_LEAST * other


async def main() -> int:
    with tempfile.TemporaryDirectory() as folder, a_broker(Path(folder)) as broker:
        enough = [await compare(broker, window) for window in (1, 20)]
    return 0 if all(enough) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
