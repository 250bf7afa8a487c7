"""Ends a session at the kiosk when its time is over: whoever sat there may have gone."""

from __future__ import annotations

import asyncio
import logging

from gateway.api.hub import Hub
from gateway.api.kiosk import close_session
from gateway.domain.kiosk import ClosedBy
from gateway.errors import JournalError
from gateway.uplink.api import Timer

LOOK_EVERY_S = 5.0

_log = logging.getLogger(__name__)


async def watch_kiosk(hub: Hub, timer: Timer) -> None:
    """Close every session at its limit; runs for ever."""
    never = asyncio.Event()
    while True:
        try:
            session = hub.reader.kiosk()
            if session is not None and hub.clock.now().utc >= session.until:
                await close_session(hub, ClosedBy.LIMIT)
        except JournalError as error:  # on a full disk, say: tried again at the next look
            _log.error("a turn at the kiosk could not be ended yet: %s", error)
        await timer(never, LOOK_EVERY_S)
