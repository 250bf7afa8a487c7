"""Devices that keep a memory and are asked for it over a cable, as long as they are there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gateway.drivers.api import Session
from gateway.errors import LinkTimeout

POLL_S = 60.0
"""How long a device whose memory was read is left alone; a person waits about as long."""

_WAKE_S = 2.0  # a device answers only once a person has switched it on, or to its memory


async def read_again_and_again(
    session: Session, is_there: Callable[[], Awaitable[bool]], read: Callable[[], Awaitable[None]]
) -> None:
    """Ask every two seconds whether the device is there, and read its memory whenever it is.

    A device that falls silent while it is read is waited for like one that is not there. Ends with
    LinkLost.
    """
    while True:
        if not await is_there():
            await session.pause(_WAKE_S)
            continue
        try:
            await read()
        except LinkTimeout:
            continue
        await session.pause(POLL_S)
