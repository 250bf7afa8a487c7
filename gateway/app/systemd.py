"""What systemd is told: that the daemon is ready, that it ends, and every so often that it lives.

It lives if its event loop turns and the journal's writer answers; a relay, which has no journal, if
its event loop turns. Where that does not happen for
as long as the unit says (`WatchdogSec=`), systemd ends the daemon and starts it again: what was
acknowledged is on disk, and what was not is read again.

The words are those of sd_notify(3); without a NOTIFY_SOCKET nobody is told anything.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping

from gateway.errors import JournalError
from gateway.uplink.api import Timer

READY = "READY=1"
STOPPING = "STOPPING=1"
ALIVE = "WATCHDOG=1"

_OFTENER = 3  # than systemd wants to hear it: one word may come late, or be lost

_log = logging.getLogger(__name__)


class ServiceManager:
    """Whoever started the daemon and wants to know how it is; perhaps nobody."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """Read from the environment where it listens, and how often it wants to hear something."""
        self._socket = environment.get("NOTIFY_SOCKET", "")
        self._wants_us = 0
        if environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid()):
            self._wants_us = int(environment.get("WATCHDOG_USEC", "0"))

    def tell(self, word: str) -> None:
        """Tell it, if it listens; that it does not any more is no error of ours."""
        if not self._socket:
            return
        address = "\0" + self._socket[1:] if self._socket.startswith("@") else self._socket
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto(word.encode(), address)
        except OSError as error:
            _log.warning("systemd could not be told %s: %s", word, error.strerror)

    def status(self, sentence: str) -> None:
        """Tell it how the service is, for `systemctl status`."""
        self.tell(f"STATUS={sentence}")

    async def stay_alive(self, answers: Callable[[], Awaitable[None]], timer: Timer) -> None:
        """Tell it that the service lives for as long as it answers; runs for ever, or not at all.

        `answers` returns once it has, or raises JournalError.
        """
        if not self._wants_us:
            return
        never = asyncio.Event()
        while True:
            try:
                await answers()
            except JournalError as error:  # it answers; what is wrong is said where it matters
                _log.debug("the journal answers with an error: %s", error)
            self.tell(ALIVE)
            await timer(never, self._wants_us / 1e6 / _OFTENER)
