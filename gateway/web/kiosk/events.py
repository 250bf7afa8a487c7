"""Tells the kiosk's screen that its turn has changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from starlette.responses import Response, StreamingResponse

from gateway.web.turn import Turn, is_over, present
from gateway.web.visits import Visit

_LOOK_EVERY_S = 0.3
"""Whether anything was committed is one comparison; a reading is on the screen before the cuff is
off the arm."""
_CHANGED = "event: turn\ndata: changed\n\n"
_ALIVE_EVERY_S = 10.0
"""So often the screen hears that the gateway lives; it empties itself when it does not."""


async def events(visit: Visit) -> Response:
    """Tell the screen whenever the turn has changed; not how: it then asks for what to show."""
    return StreamingResponse(
        _changes(visit),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


async def _changes(visit: Visit) -> AsyncIterator[str]:
    hub, stopping = visit.hub, visit.site.stopping
    turn, shown, commits, told_s = Turn(None), None, -1, hub.clock.now().monotonic
    while not stopping.is_set():
        if not visit.lasts:
            yield _CHANGED  # it asks what to show, and is sent to the entrance
            return
        now_s = hub.clock.now().monotonic
        if hub.journal.commits != commits or is_over(hub, turn):
            commits = hub.journal.commits
            turn = present(hub)
        if turn.looks != shown:
            shown, told_s = turn.looks, now_s
            yield _CHANGED
        elif now_s - told_s >= _ALIVE_EVERY_S:
            told_s = now_s
            yield "event: alive\ndata: yes\n\n"
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_EVERY_S):
                await stopping.wait()
