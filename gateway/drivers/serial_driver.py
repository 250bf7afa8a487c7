"""A driver of devices on a serial line, put together from its parts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.drivers.api import Fit, Frame, Manifest, Session, Sighting


@dataclass(frozen=True, slots=True)
class SerialDriver:
    """A `Driver` that the owner's configuration names: a port does not say what is plugged in.

    `message` says what the bytes of a frame mean, or raises DecodeError; `conversation` is the
    driver's `converse`.
    """

    manifest: Manifest
    message: Callable[[bytes], object]
    conversation: Callable[[Session], Awaitable[None]]

    def match(self, sighting: Sighting, /) -> Fit:
        """Fit a port that is configured for this driver, and no other."""
        return Fit.MODEL if sighting.driver == self.manifest.name else Fit.NONE

    def decode(self, frame: Frame, /) -> object:
        """Say what the bytes mean; raises DecodeError."""
        return self.message(frame.data)

    async def converse(self, session: Session, /) -> None:
        """Talk with the device from connect to the end."""
        await self.conversation(session)
