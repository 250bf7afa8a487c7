"""Watches the hub's own clock: once it is right, what came before gets its time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from gateway.clock import Clock, HubClock, SystemClock, is_synchronised
from gateway.config import Config
from gateway.journal.journal import Journal

LOOK_EVERY_S = 5.0

Timer = Callable[[asyncio.Event, float], Awaitable[None]]
"""Waits until the event is set, at most so many seconds."""

_log = logging.getLogger(__name__)


def hub_clock(config: Config, clock: Clock | None = None) -> HubClock:
    """Return the clock of the configuration; a given one is trusted."""
    if clock is not None:
        return HubClock(clock, lambda: True)
    trusting = config.hub.time == "system"
    return HubClock(SystemClock(), (lambda: True) if trusting else is_synchronised)


async def watch(clock: HubClock, journal: Journal, timer: Timer) -> None:
    """Tell the journal when the hub knows the time, and when its clock was set; runs for ever."""
    never = asyncio.Event()
    told_at_step: int | None = None
    if not clock.now().trusted:
        _log.warning("the hub does not know the time yet: readings wait until it does")
    while True:
        now, steps = clock.now(), clock.steps
        if now.trusted and told_at_step != steps:
            stepped = told_at_step is not None or steps > 0
            corrected = await journal.hub_time_known(now, stepped=stepped)
            if corrected:
                _log.info("the hub knows the time: %d readings have theirs now", corrected)
            told_at_step = steps
        await timer(never, LOOK_EVERY_S)
