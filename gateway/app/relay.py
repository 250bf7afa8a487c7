"""The relay as a process of its own: no journal, no device, nothing kept."""

from __future__ import annotations

import asyncio
import logging
import signal

from gateway import log
from gateway.app.systemd import READY, STOPPING, ServiceManager
from gateway.clock import SystemClock
from gateway.config import Config
from gateway.errors import ConfigError
from gateway.uplink.fhir import FhirUplink
from gateway.uplink.relay import Relay
from gateway.uplink.relay_lists import lists
from gateway.uplink.relay_settings import RelaySettings
from gateway.uplink.worker import until_set

_log = logging.getLogger(__name__)


def run(config: Config, name: str | None) -> None:
    """Relay until SIGTERM or SIGINT. Raises ConfigError if there is nothing to relay."""
    log.configure(config.hub.log_level)
    asyncio.run(_until_signalled(config, name))


def gateways(settings: RelaySettings) -> dict[str, bool]:
    """Return the gateways that the broker knows, and whether it keeps what each revoked.

    Raises UplinkError if the broker cannot be asked.
    """
    return asyncio.run(lists(settings))


async def _until_signalled(config: Config, name: str | None) -> None:
    settings = config.relay
    if settings is None:
        raise ConfigError("There is no [relay] in the configuration: docs/relay.md shows one.")
    if name is not None:
        settings = settings.model_copy(update={"name": name})
    clock, manager = SystemClock(), ServiceManager()
    uplink = FhirUplink(settings.destination, clock)
    try:
        relay = Relay(settings, uplink, clock, tell=manager.status)
        relaying = asyncio.ensure_future(relay.run(until_set))
        alive = asyncio.ensure_future(manager.stay_alive(_turning, until_set))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, relaying.cancel)
        _log.info("relaying")
        manager.tell(READY)
        await asyncio.wait({relaying})
        manager.tell(STOPPING)
        alive.cancel()
        if not relaying.cancelled():
            relaying.result()
    finally:
        await uplink.close()


async def _turning() -> None:
    """Answer: whoever gets here sees the event loop turn."""
