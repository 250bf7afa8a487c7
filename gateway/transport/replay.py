"""A capture played as if the device were there; `gateway.transport.capture` says what is in it.

What was sent by itself comes again in its order, at once, received when it was received then; reads
are answered with what was read then, the last value again and again; writes are accepted. A frame
that followed a write waits for that write, so that a driver which first drains stale input does not
drain the answer; to a driver that asks again without writing, it is given all the same.

The device keeps its id: replaying a file, once or twice, gives the identities of then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime

from gateway.clock import Instant
from gateway.domain.device import DeviceId
from gateway.drivers.api import CABLES, Channel, Frame, Inbox, Manifest, Reach, Sighting
from gateway.errors import LinkLost, LinkRefused, LinkTimeout
from gateway.transport.api import OpenLink
from gateway.transport.capture import Direction, Header, Passed, load
from gateway.transport.settings import ReplaySettings

_OFFER_S = 2.0  # how often the capture is offered until its link was opened

_NO_VALUE = 0x0A  # the ATT code "attribute not found", as a device without it would answer


class ReplayTransport:
    """One capture file, played once. Raises ConfigError if it cannot be read."""

    def __init__(
        self, settings: ReplaySettings, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._file = settings.file
        self._header, self._passed = load(settings.file)
        self._pause = pause
        self._played = asyncio.Event()

    @property
    def name(self) -> str:
        """What the operator calls it."""
        return f"replay:{self._file.name}"

    async def watch(self, seen: Callable[[Sighting], None], /) -> None:
        """Offer the device until it was opened, then stay silent."""
        while not self._played.is_set():
            seen(self._sighting())
            await self._pause(_OFFER_S)
        await asyncio.Event().wait()

    def device_id(self, sighting: Sighting, /) -> DeviceId:
        """Return the id the device had when it was captured."""
        return self._header.device.id

    async def open(self, sighting: Sighting, manifest: Manifest, /) -> OpenLink:
        """Play the capture from its beginning."""
        self._played.set()
        return ReplayLink(self._header, self._passed)

    def _sighting(self) -> Sighting:
        device = self._header.device
        return Sighting(
            address=device.address or device.id,
            reach=_reach(self._passed),
            name=device.name,
            driver=self._header.driver,
        )


class ReplayLink:
    """The link of then."""

    def __init__(self, header: Header, passed: list[Passed]) -> None:
        self._id = header.device.id
        self._start = passed[0].at if passed else None
        self._channels = frozenset(line.channel for line in passed)
        self._values: dict[Channel, list[Passed]] = {}
        self._coming: dict[Channel, list[tuple[int, Passed]]] = {}
        self._subscribed: set[Channel] = set()
        self._writes = 0
        self._insisted = False
        self._open = True
        self._sort(passed)

    @property
    def channels(self) -> Collection[Channel]:
        """The channels anything passed on."""
        return self._channels

    async def read(self, channel: Channel, /) -> Frame:
        """Answer with the next value that was read then; the last one stays."""
        self._check()
        values = self._values.get(channel)
        if not values:
            raise LinkRefused(f"the capture holds no value of {channel}", _NO_VALUE)
        return self._frame(values.pop(0) if len(values) > 1 else values[0])

    async def write(self, channel: Channel, data: bytes, /, *, acknowledged: bool = True) -> None:
        """Accept what is written, also where something else was written then."""
        self._check()
        self._writes += 1
        self._insisted = False

    async def subscribe(self, channel: Channel, /) -> Inbox:
        """Play the channel."""
        self._check()
        self._subscribed.add(channel)
        return _ReplayInbox(self, channel)

    async def close(self) -> None:
        """End the play."""
        self._open = False

    async def _next(self, channel: Channel, within: float) -> Frame:
        await asyncio.sleep(0)  # a play is never so busy that nothing else runs
        self._check()
        coming = self._coming.get(channel, [])
        if not coming and not any(self._coming.get(other) for other in self._subscribed):
            raise LinkLost("the capture is at its end")
        if not coming or (coming[0][0] > self._writes and not self._insisted):
            self._insisted = bool(coming)
            raise LinkTimeout(f"the capture has nothing on {channel} now")
        return self._frame(coming.pop(0)[1])

    def _sort(self, passed: list[Passed]) -> None:
        writes = 0
        for line in passed:
            match line.dir:
                case Direction.OUT:
                    writes += 1
                case Direction.READ:
                    self._values.setdefault(line.channel, []).append(line)
                case Direction.IN:
                    self._coming.setdefault(line.channel, []).append((writes, line))

    def _frame(self, line: Passed) -> Frame:
        start: datetime = self._start or line.at
        elapsed = (line.at - start).total_seconds()
        return Frame(line.channel, line.data, Instant(line.at, elapsed, f"capture of {self._id}"))

    def _check(self) -> None:
        if not self._open:
            raise LinkLost("the replay was closed")


class _ReplayInbox:
    def __init__(self, link: ReplayLink, channel: Channel) -> None:
        self._link = link
        self._channel = channel

    async def get(self, *, within: float) -> Frame:
        return await self._link._next(self._channel, within)


def _reach(passed: list[Passed]) -> Reach:
    channels = {line.channel for line in passed}
    for reach, channel in CABLES.items():
        if channel in channels:
            return reach
    if channels and all(channel.startswith("advertisement/") for channel in channels):
        return Reach.ADVERTISEMENT
    return Reach.BLE
