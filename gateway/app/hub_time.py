"""Watches the hub's own clock: once it is right, what came before gets its time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from gateway.app import timedated
from gateway.clock import Clock, HubClock, SystemClock, is_synchronised
from gateway.config import Config
from gateway.errors import JournalError
from gateway.journal.journal import Journal
from gateway.uplink.api import Timer

LOOK_EVERY_S = 5.0

_TIMESYNCD_DONE = Path("/run/systemd/timesync/synchronized")

_log = logging.getLogger(__name__)


def hub_clock(config: Config, clock: Clock | None = None) -> HubClock:
    """Return the clock of the configuration; a given one is trusted."""
    if clock is not None:
        return HubClock(clock, lambda: True)
    trusting = config.hub.time == "system"
    return HubClock(SystemClock(), (lambda: True) if trusting else is_synchronised)


class Elsewhere:
    """Knows of the system's time from others, where the kernel may not be asked.

    systemd-timedated comes first; where it cannot be asked either, the mark that systemd-timesyncd
    leaves whenever a server has told it the time.
    """

    def __init__(
        self,
        kernel: Callable[[], bool | None] = is_synchronised,
        service: Callable[[], Awaitable[bool | None]] = timedated.is_synchronised,
        mark: Path = _TIMESYNCD_DONE,
    ) -> None:
        self._kernel = kernel
        self._service = service
        self._mark = mark
        self._marked_at: int | None = None
        self._renewed = False

    def look(self) -> None:
        """Look at the mark: one that was there at the last look tells of a time long gone."""
        try:
            marked_at = self._mark.stat().st_mtime_ns
        except OSError:
            marked_at = None
        self._renewed = marked_at is not None and marked_at != self._marked_at
        self._marked_at = marked_at

    async def says_right(self) -> bool:
        """Tell whether one of them says that the clock has been set by a server by now."""
        if self._kernel() is not None:
            return False  # who may ask the kernel has its word already
        told = await self._service()
        return self._renewed if told is None else told


async def watch(
    clock: HubClock, journal: Journal, timer: Timer, elsewhere: Elsewhere | None = None
) -> None:
    """Tell the journal when the hub knows the time, and when its clock was set; runs for ever."""
    never = asyncio.Event()
    told_at_step: int | None = None
    others = elsewhere or Elsewhere()
    if not clock.now().trusted:
        _log.warning("the hub does not know the time yet: readings wait until it does")
    while True:
        now, steps = clock.now(), clock.steps
        others.look()
        is_right = now.trusted or clock.is_right() or await others.says_right()
        now = clock.now()
        if is_right and clock.steps == steps and told_at_step != steps:
            try:
                corrected = await journal.hub_time_known(
                    replace(now, trusted=True), stepped=steps > 0
                )
            except JournalError as error:  # readings wait with it: told again at the next look
                _log.error("that the hub knows the time is not kept yet: %s", error)
            else:
                if corrected:
                    _log.info("the hub knows the time: %d readings have theirs now", corrected)
                told_at_step = steps
                clock.trust()
        await timer(never, LOOK_EVERY_S)
