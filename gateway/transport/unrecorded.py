"""A session in which a driver asks and nothing is kept: what a device is, before it is anyone's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gateway.clock import Clock, Instant
from gateway.domain.device import Device
from gateway.domain.reading import Reading
from gateway.drivers.api import Frame, Link, Sighting
from gateway.errors import DecodeError


class UnrecordedSession:
    """A `Session` over one link; there is no journal, so to record raises RuntimeError."""

    def __init__(
        self,
        link: Link,
        device: Device,
        sighting: Sighting,
        clock: Clock,
        pause: Callable[[float], Awaitable[None]],
    ) -> None:
        self.link = link
        self.device = device
        self.sighting = sighting
        self._clock = clock
        self._pause = pause

    def now(self) -> Instant:
        """Return the present moment."""
        return self._clock.now()

    async def pause(self, seconds: float, /) -> None:
        """Let time pass."""
        await self._pause(seconds)

    def setting(self, name: str, /) -> str | int | bool | None:
        """Know of no setting."""
        return None

    async def describe(self, device: Device, /) -> None:
        """Forget it."""

    async def bookmark(self) -> str | None:
        """Have none."""
        return None

    async def record(self, *readings: Reading, bookmark: str | None = None) -> int:
        """Refuse."""
        raise RuntimeError("a driver recorded while it was asked what a device is")

    async def set_bookmark(self, bookmark: str, /) -> None:
        """Refuse."""
        raise RuntimeError("a driver set a bookmark while it was asked what a device is")

    async def set_aside(self, frame: Frame, error: DecodeError, /) -> None:
        """Forget it."""

    async def remark(self, event: str, frame: Frame | None = None, /) -> None:
        """Forget it."""
