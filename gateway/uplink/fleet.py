"""The fleet plane: how this gateway is, for whoever runs many. Not one personal datum.

    <prefix>/<gateway>/status    retained: online or, by will, not
    <prefix>/<gateway>/health    retained: numbers, every minute

It goes over a connection of its own, so that a broker can keep it apart from readings. aiomqtt is
enough here: a report that is lost is followed by the next, and consent has no say in it. Readings
need to know what the broker said of each (docs/decisions/0003).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable

import aiomqtt
import orjson
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.clock import Clock
from gateway.errors import ConfigError, JournalError
from gateway.uplink.api import Timer
from gateway.uplink.backoff import Backoff
from gateway.uplink.broker_trust import trust
from gateway.uplink.fleet_health import Health
from gateway.uplink.fleet_settings import FleetSettings

_log = logging.getLogger(__name__)

_EXPIRES_AFTER = 10
"""So many missed reports later, the last one is not worth showing any more."""


class Fleet:
    """Tells how this gateway is. `run` it in a task."""

    def __init__(self, settings: FleetSettings, clock: Clock) -> None:
        self.absence: str | None = None
        """Why nobody can be told now, in a sentence; None while they are, or nothing was tried."""
        self._settings = settings
        self._clock = clock
        self._root = f"{settings.prefix}/{settings.gateway}"

    async def run(self, timer: Timer, health: Callable[[], Health]) -> None:
        """Tell `health` until cancelled; where that cannot be, try again later.

        `health` may raise JournalError.
        """
        backoff = Backoff(lambda: secrets.randbelow(1000) / 1000)
        while True:
            try:
                await self._tell(timer, backoff, health)
            except (aiomqtt.MqttError, ConfigError, JournalError) as error:
                if not backoff.failing:  # once in an outage
                    _log.warning("the health of this gateway cannot be told: %s", error)
                self.absence = f"The broker of [fleet] cannot be told how this gateway is: {error}."
                await timer(asyncio.Event(), backoff.failed(self._clock.now().monotonic))

    async def _tell(self, timer: Timer, backoff: Backoff, health: Callable[[], Health]) -> None:
        async with self._client() as client:
            await self._status(client, online=True)
            backoff.answered()
            self.absence = None
            try:
                while True:
                    await self._report(client, health())
                    await timer(asyncio.Event(), self._settings.every_s)
            except asyncio.CancelledError:
                await self._status(client, online=False)
                raise

    def _client(self) -> aiomqtt.Client:
        settings = self._settings
        return aiomqtt.Client(
            settings.host,
            settings.port,
            identifier=f"hsg-{settings.gateway}-fleet",
            username=settings.username,
            password=settings.read_password(),
            protocol=aiomqtt.ProtocolVersion.V5,
            will=aiomqtt.Will(f"{self._root}/status", _online(online=False), qos=1, retain=True),
            tls_context=trust(settings) if settings.tls else None,
            keepalive=settings.keepalive_s,
            timeout=settings.answer_timeout_s,
        )

    async def _report(self, client: aiomqtt.Client, health: Health) -> None:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.MessageExpiryInterval = self._settings.every_s * _EXPIRES_AFTER
        payload = orjson.dumps(health.model_dump())
        topic = f"{self._root}/health"
        await client.publish(topic, payload, qos=1, retain=True, properties=properties)
        _heed_cancellation()

    async def _status(self, client: aiomqtt.Client, *, online: bool) -> None:
        await client.publish(f"{self._root}/status", _online(online=online), qos=1, retain=True)


def _heed_cancellation() -> None:
    """Raise CancelledError if this task was cancelled.

    aiomqtt waits with `asyncio.wait_for`, which before Python 3.12 forgets a cancellation that
    meets the broker's acknowledgement: the task would go on telling, and the daemon never stop.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _online(*, online: bool) -> bytes:
    return orjson.dumps({"version": 1, "online": online})
