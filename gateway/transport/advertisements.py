"""Devices that are never connected: their link is made of their sightings.

Some scales say all they have in their advertisements. For a driver that reaches its devices so, the
link's inboxes fill with the service data of each advertisement heard while the link is open; there
is nothing to read, to write or to close, and no radio is kept busy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from gateway.clock import Clock
from gateway.domain.device import DeviceId
from gateway.drivers.api import Channel, Frame, Inbox, Manifest, Reach, Sighting
from gateway.errors import LinkRefused, RadioUnavailable
from gateway.transport.api import Bonding, OpenLink, Several, Transport
from gateway.transport.arrivals import Arrivals

_NOT_PERMITTED = 0x02  # ATT "read not permitted", the nearest there is


class Advertisements:
    """A `Transport` around another: opens a link of sightings where the driver wants one."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._open: dict[str, set[AdvertisementLink]] = {}

    @property
    def name(self) -> str:
        """The name of the transport around which it is."""
        return self._transport.name

    async def watch(self, seen: Callable[[Sighting], None], /) -> None:
        """Watch with the transport; open links hear what it sees, before `seen` does."""

        def heard(sighting: Sighting) -> None:
            for link in self._open.get(sighting.address, ()):
                link.hear(sighting)
            seen(sighting)

        try:
            await self._transport.watch(heard)
        finally:
            for links in self._open.values():
                for link in links:
                    link.lose("the radio that heard the device is gone")

    @property
    def unseen(self) -> RadioUnavailable | None:
        """Why a device that is there is not seen, if the transport knows of one."""
        return self._transport.unseen if isinstance(self._transport, Several) else None

    def is_bonded(self, device: DeviceId) -> bool:
        """Say whether the transport has a bond with the device."""
        return isinstance(self._transport, Bonding) and self._transport.is_bonded(device)

    def device_id(self, sighting: Sighting, /) -> DeviceId:
        """Name the device as the transport does."""
        return self._transport.device_id(sighting)

    async def open(self, sighting: Sighting, manifest: Manifest, /) -> OpenLink:
        """Connect, or only listen; the link then begins with this sighting."""
        if manifest.reach is not Reach.ADVERTISEMENT:
            return await self._transport.open(sighting, manifest)
        links = self._open.setdefault(sighting.address, set())
        link = AdvertisementLink(sighting, self._clock, links.discard)
        links.add(link)
        return link


class AdvertisementLink:
    """An `OpenLink` over what a device advertises; channels are `advertisement/<service>`."""

    def __init__(
        self, sighting: Sighting, clock: Clock, closed: Callable[[AdvertisementLink], None]
    ) -> None:
        self._first = sighting
        self._arrivals = Arrivals(clock)
        self._handles: dict[Channel, int] = {}
        self._closed = closed

    @property
    def channels(self) -> Collection[Channel]:
        """What the device advertised when it was noticed; any other may still come."""
        return {_channel(uuid) for uuid in self._first.service_data}

    async def read(self, channel: Channel, /) -> Frame:
        """Refuse: nothing can be asked."""
        raise LinkRefused(f"{channel} is advertised, not read", _NOT_PERMITTED)

    async def write(self, channel: Channel, data: bytes, /, *, acknowledged: bool = True) -> None:
        """Refuse: nothing can be told."""
        raise LinkRefused(f"{channel} is advertised, not written", _NOT_PERMITTED)

    async def subscribe(self, channel: Channel, /) -> Inbox:
        """Listen to the service data of one service."""
        handle = self._handles.setdefault(channel, len(self._handles))
        inbox = self._arrivals.inbox(handle, channel)
        for uuid, data in self._first.service_data.items():
            if _channel(uuid) == channel:
                self._arrivals.arrived(handle, data)
        return inbox

    def hear(self, sighting: Sighting) -> None:
        """Hand on what was advertised to whoever subscribed to it."""
        for uuid, data in sighting.service_data.items():
            handle = self._handles.get(_channel(uuid))
            if handle is not None:
                self._arrivals.arrived(handle, data)

    def lose(self, why: str) -> None:
        """End the link: nothing will be heard any more."""
        self._arrivals.lose(why)

    async def close(self) -> None:
        """Stop listening."""
        self._closed(self)
        self.lose("the gateway stopped listening")


def _channel(uuid: str) -> Channel:
    return Channel(f"advertisement/{uuid}")
