"""Where time comes from. Everything that needs the time is handed a `Clock`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Protocol

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
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
        return Instant(datetime.now(UTC), time.monotonic(), boot_id())


@cache
def boot_id() -> str:
    """Return what names this boot of the machine: a monotonic time means nothing without it."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return "unknown-boot"
