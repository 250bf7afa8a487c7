"""The fleet plane: how this gateway is, for whoever runs many. Not one personal datum.

    <prefix>/<gateway>/status    retained: online or, by will, not
    <prefix>/<gateway>/health    retained: numbers, every minute

It goes over a connection of its own, so that a broker can keep it apart from readings.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

import orjson

from gateway.clock import Clock
from gateway.errors import UplinkError
from gateway.uplink.api import Timer
from gateway.uplink.backoff import Backoff
from gateway.uplink.fleet_health import Health
from gateway.uplink.fleet_settings import FleetSettings
from gateway.uplink.mqtt_client import MqttConnection, Outgoing, Session

_EXPIRES_AFTER = 10
"""So many missed reports later, the last one is not worth showing any more."""


class Fleet:
    """Tells how this gateway is. `run` it in a task."""

    def __init__(self, settings: FleetSettings, clock: Clock, health: Callable[[], Health]) -> None:
        self._settings = settings
        self._clock = clock
        self._health = health
        self._root = f"{settings.prefix}/{settings.gateway}"

    async def run(self, timer: Timer) -> None:
        """Tell until cancelled; where the broker cannot be reached, try again later."""
        backoff = Backoff(lambda: secrets.randbelow(1000) / 1000)
        while True:
            try:
                await self._tell(timer, backoff)
            except UplinkError:  # the operator sees it by our being offline
                await timer(asyncio.Event(), backoff.failed(self._clock.now().monotonic))

    async def _tell(self, timer: Timer, backoff: Backoff) -> None:
        session = Session(f"hsg-{self._settings.gateway}-fleet", will=self._status(online=False))
        connection = await MqttConnection.open(self._settings, session)
        try:
            await connection.publish(self._status(online=True))
            backoff.answered()
            while not connection.gone.is_set():
                await connection.publish(self._report())
                await timer(connection.gone, self._settings.every_s)
        except asyncio.CancelledError:
            await self._leave(connection)
            raise
        finally:
            connection.abort()

    async def _leave(self, connection: MqttConnection) -> None:
        try:
            if not connection.gone.is_set():
                await connection.publish(self._status(online=False))
        except UplinkError:  # the will says it instead
            pass
        await connection.close()

    def _report(self) -> Outgoing:
        return Outgoing(
            f"{self._root}/health",
            orjson.dumps(self._health().model_dump()),
            retain=True,
            expires_s=self._settings.every_s * _EXPIRES_AFTER,
        )

    def _status(self, *, online: bool) -> Outgoing:
        payload = orjson.dumps({"version": 1, "online": online})
        return Outgoing(f"{self._root}/status", payload, retain=True)
