"""Where time comes from. Everything that needs the time is handed a `Clock`.

Small hubs have no battery-backed clock: they start at a time of their own, until a time server is
reached. `HubClock` says of every moment whether its UTC can be relied on.
"""

from __future__ import annotations

import ctypes
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Protocol

from gateway.frozen import frozen

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_STEP_S = 1.0  # a clock is set by more than this; steering it moves it by far less between looks


@frozen
class Instant:
    """One moment as this machine saw it: UTC may step, `monotonic` (s) within one boot does not."""

    utc: datetime
    monotonic: float
    boot_id: str
    trusted: bool = True
    """Whether `utc` can be relied on: False before the system's clock has been set by a server."""


class Clock(Protocol):
    """Tells the time. Tests hand in `gateway.testing.clock.ManualClock`."""

    def now(self) -> Instant:
        """Return the present moment; `utc` is aware and in UTC."""
        ...


class SystemClock:
    """The clock of the operating system."""

    def now(self) -> Instant:
        """Return the present moment."""
        return Instant(datetime.now(UTC), time.clock_gettime(_SINCE_BOOT), boot_id())


class HubClock:
    """A clock that says of each moment whether its UTC can be relied on.

    Trust begins once `is_right` says so, and ends when the wall clock is set meanwhile: the kernel
    forgets that it was synchronised whenever somebody sets the time. It then begins again with
    `trust`: what was told by the time of before must be told by this one first.
    """

    def __init__(self, clock: Clock, is_right: Callable[[], bool | None]) -> None:
        self._clock = clock
        self._is_right = is_right
        self._trusted = False
        self._was_set = False
        self._ahead_s: float | None = None
        self.steps = 0
        """How often the wall clock has been set since this clock was made."""

    def now(self) -> Instant:
        """Return the present moment."""
        now = self._clock.now()
        ahead_s = now.utc.timestamp() - now.monotonic
        if self._ahead_s is not None and abs(ahead_s - self._ahead_s) > _STEP_S:
            self.steps += 1
            self._was_set = self._was_set or self._trusted
            self._trusted = False
        self._ahead_s = ahead_s
        self._trusted = self._trusted or (not self._was_set and self.is_right())
        return replace(now, trusted=self._trusted)

    def is_right(self) -> bool:
        """Tell whether the clock is said to be right, whether or not it is relied on already."""
        return bool(self._is_right())

    def trust(self) -> None:
        """Rely on the clock from now on, until it is set: it is said to be right, and all know."""
        self._trusted, self._was_set = True, False


def is_synchronised() -> bool | None:
    """Tell whether the system's clock has been set by a time server since it was set by anyone.

    None: the kernel may not be asked, as under systemd's ProtectClock=, which refuses adjtimex
    altogether, or in a container.
    """
    error_us = _greatest_error_us()
    return None if error_us is None else error_us < _NO_IDEA_US


# Whoever sets the clock by hand sends the kernel's bound to its limit, NTP_PHASE_LIMIT of
# include/linux/timex.h; so do hours without a server. The flag STA_UNSYNC is no measure: time
# servers also set it to keep the kernel from writing to a battery-backed clock.
_NO_IDEA_US = 16_000_000
# Linux has a clock that goes on while the machine sleeps; elsewhere a hub must not sleep.
_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class _Timex(ctypes.Structure):
    """The beginning of the kernel's `struct timex`; `rest` is room for all of it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("rest", ctypes.c_char * 256),
    )


def _greatest_error_us() -> int | None:
    """Return the kernel's bound of the clock's error; None if it may not be asked.

    Changes nothing. Spec: adjtimex(2), `maxerror`, with `modes` 0.
    """
    asked = _Timex()
    try:
        answer = ctypes.CDLL(None).adjtimex(ctypes.byref(asked))
    except (OSError, AttributeError):  # no such call here
        return None
    return None if answer < 0 else int(asked.maxerror)


@cache
def boot_id() -> str:
    """Return what names this boot of the machine: a monotonic time means nothing without it.

    Where it cannot be told, every process counts as a boot of its own.
    """
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return f"unknown-{secrets.token_hex(8)}"
