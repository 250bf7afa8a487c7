"""A driver of devices on a cable, put together from its parts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.drivers.api import Fit, Frame, Manifest, Session, Sighting


@dataclass(frozen=True, slots=True)
class CableDriver:
    """A `Driver` of devices that their USB id tells, or else the owner's configuration.

    Most ids tell the chip in a cable and not what hangs on it: a manifest names those that do.
    `message` says what the bytes of a frame mean, or raises DecodeError; `conversation` is the
    driver's `converse`.
    """

    manifest: Manifest
    message: Callable[[bytes], object]
    conversation: Callable[[Session], Awaitable[None]]

    def match(self, sighting: Sighting, /) -> Fit:
        """Fit what is configured for this driver or has an id of its manifest, and nothing else."""
        configured = sighting.driver == self.manifest.name
        told = sighting.reach is self.manifest.reach and sighting.usb in self.manifest.usb
        return Fit.MODEL if configured or told else Fit.NONE

    def decode(self, frame: Frame, /) -> object:
        """Say what the bytes mean; raises DecodeError."""
        return self.message(frame.data)

    async def converse(self, session: Session, /) -> None:
        """Talk with the device from connect to the end."""
        await self.conversation(session)


@dataclass(frozen=True, slots=True)
class NumberedCableDriver(CableDriver):
    """The same for devices that say their serial number when asked: `ask_number` does."""

    ask_number: Callable[[Session], Awaitable[str]]

    async def number(self, session: Session, /) -> str:
        """Ask for the number; see `Numbered`."""
        return await self.ask_number(session)
