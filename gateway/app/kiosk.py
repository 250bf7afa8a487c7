"""Ends a session at the kiosk when its time is over: whoever sat there may have gone.

While one is open, its devices are not left alone for long: somebody is measuring with them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from gateway.api.hub import Hub
from gateway.api.kiosk import close_session
from gateway.domain.device import DeviceId
from gateway.domain.kiosk import ClosedBy
from gateway.errors import JournalError
from gateway.uplink.api import Timer

LOOK_EVERY_S = 5.0
_DAY_S = 86400.0
Expect = Callable[[Iterable[DeviceId], float], None]
"""Does not let devices wait long, for so many seconds."""

_log = logging.getLogger(__name__)


async def watch_kiosk(hub: Hub, timer: Timer, expect: Expect) -> None:
    """Close every session at its limit, and expect readings until then; runs for ever.

    It sleeps while nobody sits there.
    """
    while True:
        hub.sat_down.clear()
        wait_s = LOOK_EVERY_S
        try:
            session = hub.reader.kiosk()
            if session is not None and hub.clock.now().utc >= session.until:
                await close_session(hub, ClosedBy.LIMIT)
            elif session is not None:
                measuring = hub.reader.assignments(session=session.number)
                expect({each.device for each in measuring}, 2 * LOOK_EVERY_S)
            else:
                wait_s = _DAY_S
        except JournalError as error:  # on a full disk, say: tried again at the next look
            _log.error("a turn at the kiosk could not be ended yet: %s", error)
        await timer(hub.sat_down, wait_s)
