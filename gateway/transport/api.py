"""What the collector asks of a transport."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from gateway.domain.device import DeviceId
from gateway.drivers.api import Link, Manifest, Sighting
from gateway.errors import RadioUnavailable


class OpenLink(Link, Protocol):
    """A link that its owner must close."""

    async def close(self) -> None:
        """End the connection; never raises, and may be called twice."""
        ...


@runtime_checkable
class Cabled(Protocol):
    """A link that learns by itself that its cable was pulled."""

    @property
    def pulled(self) -> asyncio.Event:
        """Set once it is, or the port fails, or the link is closed."""
        ...


class Transport(Protocol):
    """One radio, one serial port, one capture file."""

    @property
    def name(self) -> str:
        """What the operator calls it, such as `hci:tcp-client:127.0.0.1:9000`."""
        ...

    async def watch(self, seen: Callable[[Sighting], None], /) -> None:
        """Look for devices and call `seen` for each, over and over, until cancelled.

        Raises RadioUnavailable when there is nothing to look with (the caller tries again later).
        """
        ...

    def device_id(self, sighting: Sighting, /) -> DeviceId:
        """Name the device for good."""
        ...

    async def open(self, sighting: Sighting, manifest: Manifest, /) -> OpenLink:
        """Connect. Raises LinkTimeout, LinkLost, PairingNeeded or RadioUnavailable."""
        ...


@runtime_checkable
class Several(Protocol):
    """A transport of several devices: one may be in trouble while it watches the others."""

    @property
    def unseen(self) -> RadioUnavailable | None:
        """Why a device that is there is not seen, if there is one."""
        ...


@runtime_checkable
class Bonding(Protocol):
    """A transport that keeps bonds with devices it paired."""

    def is_bonded(self, device: DeviceId, /) -> bool:
        """Say whether there is a bond with a device, as far as is known without asking anybody."""
        ...

    async def forget(self, device: DeviceId, /) -> bool:
        """Drop the bond with a device, so that it can be paired anew; returns if there was one.

        Raises RadioUnavailable.
        """
        ...
