"""Ends a session at the kiosk when its time is over: whoever sat there may have gone."""

from __future__ import annotations

import asyncio

from gateway.api.hub import Hub
from gateway.api.kiosk import close_session
from gateway.app.hub_time import Timer
from gateway.domain.kiosk import ClosedBy

LOOK_EVERY_S = 5.0


async def watch_kiosk(hub: Hub, timer: Timer) -> None:
    """Close every session at its limit; runs for ever."""
    never = asyncio.Event()
    while True:
        session = hub.reader.kiosk()
        if session is not None and hub.clock.now().utc >= session.until:
            await close_session(hub, ClosedBy.LIMIT)
        await timer(never, LOOK_EVERY_S)
