"""What makes this gateway visible to brokers: birth and death, health, withdrawals."""

from __future__ import annotations

import logging
from collections.abc import Coroutine, Iterator, Sequence

from gateway.app.hub import DaemonHub
from gateway.config import Config
from gateway.uplink.api import Present, Timer
from gateway.uplink.worker import Destination

_log = logging.getLogger(__name__)


def presence(
    config: Config, destinations: Sequence[Destination], hub: DaemonHub, timer: Timer
) -> Iterator[Coroutine[None, None, None]]:
    """Yield what is to run beside the worker, where the configuration wants it."""
    for destination in destinations:
        if isinstance(destination.uplink, Present):
            yield destination.uplink.stay_connected(timer)
    if config.fleet is not None:
        from gateway.uplink.fleet import Fleet  # paho only where it is wanted

        yield Fleet(config.fleet, hub.clock, hub.health).run(timer)
