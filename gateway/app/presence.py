"""What makes this gateway visible to brokers: birth and death, health, withdrawals."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING

from gateway.app.hub import DaemonHub
from gateway.clock import Clock
from gateway.config import Config
from gateway.uplink.api import Present, Timer
from gateway.uplink.worker import Destination

if TYPE_CHECKING:
    from gateway.uplink.fleet import Fleet


def fleet(config: Config, clock: Clock) -> Fleet | None:
    """Make what tells the fleet how this gateway is, if the configuration wants it."""
    if config.fleet is None:
        return None
    from gateway.uplink.fleet import Fleet  # paho only where it is wanted

    return Fleet(config.fleet, clock)


def presence(
    destinations: Sequence[Destination], told: Fleet | None, hub: DaemonHub, timer: Timer
) -> Iterator[Coroutine[None, None, None]]:
    """Yield what is to run beside the worker."""
    for destination in destinations:
        if isinstance(destination.uplink, Present):
            yield destination.uplink.stay_connected(timer)
    if told is not None:
        yield told.run(timer, hub.health)
