"""The link to a Bluetooth device, whatever the stack: deadlines, loss, pairing, waiting frames.

A stack (`hci`, `ble`) supplies a `Peer`, which only asks and answers; what must be the same
over every stack is here. Every request has a deadline, because a stack may never answer: BlueZ does
not for an encrypted read without a pairing agent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from gateway.clock import Clock
from gateway.drivers.api import Channel, Frame, Manifest, Sighting, gatt, service_of
from gateway.drivers.never_sent import refuse_forbidden
from gateway.errors import (
    GatewayError,
    LinkError,
    LinkLost,
    LinkRefused,
    LinkTimeout,
    PairingNeeded,
)
from gateway.transport.arrivals import Arrivals, ArrivalsInbox

CLOSE_S = 5.0
"""BlueZ takes 2 s to disconnect. Guess: more than twice that means that nobody is there."""

WHY_WITHIN_S = 4.0
"""So long around the end of a link bluetoothd may tell what failed with it, such as a pairing. If
it closes only its channel on a link, the kernel ends the link 2.05 s later (Linux 6.12)."""

ATTRIBUTE_NOT_FOUND = 0x0A
REQUEST_NOT_SUPPORTED = 0x06
NEEDS_PAIRING = frozenset({0x05, 0x0C, 0x0F})
"""ATT errors that say "pair first": insufficient authentication, key size, encryption."""
SERVICE_CHANGED = gatt("1801", "2a05")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long (s) a device may take to answer."""

    connect: float = 20.0
    """A device that has just measured advertises about once a second for half a minute, and a weak
    one is heard now and then only; shorter deadlines give up on it."""
    read: float = 5.0
    """A read is answered within some connection intervals, at most 4 s each; BlueZ: see above."""
    request: float = 30.0
    """The transaction time-out of the Attribute Protocol: Core 5.4, Vol 3, Part F, 3.3.3."""
    pair: float = 30.0
    """The time-out of the Security Manager: Core 5.4, Vol 3, Part H, 3.4."""


@dataclass(frozen=True, slots=True)
class Characteristic:
    """A characteristic as the device describes it."""

    channel: Channel
    handle: int
    notifies: bool
    indicates: bool


class Peer(Protocol):
    """What a Bluetooth stack does for one connection; it raises the gateway's errors only."""

    async def read(self, handle: int, /) -> bytes:
        """Read a value; raises LinkRefused with the ATT error code."""
        ...

    async def write(self, handle: int, data: bytes, /, *, acknowledged: bool) -> None:
        """Write a value; raises LinkRefused with the ATT error code."""
        ...

    async def enable(self, handle: int, /, *, indications: bool) -> None:
        """Have the device send a value by itself; its frames were already being collected."""
        ...

    async def discover(self) -> Sequence[Characteristic]:
        """List what the device offers, by what is known now."""
        ...

    async def pair(self) -> None:
        """Pair without a code ("Just Works") and keep the bond; raises PairingNeeded."""
        ...

    def pairing_problem(self) -> str | None:
        """Say, after a failure, what a person has to do about pairing; None if that is not it."""
        ...

    async def disconnect(self) -> None:
        """End the connection. Leaves subscriptions as they are.

        Some cuffs (Omron) drop their bond when they are disabled at the end of a session.
        """
        ...


class GattLink:
    """An `OpenLink` over a `Peer`. One per connection; not to be used after `close`."""

    def __init__(
        self,
        peer: Peer,
        arrivals: Arrivals,
        characteristics: Iterable[Characteristic],
        clock: Clock,
        deadlines: Deadlines,
        *,
        bonded: bool = False,
    ) -> None:
        self.bonded = bonded
        """Whether the device was bonded when it was connected."""
        self._deadlines = deadlines
        self._peer = peer
        self._clock = clock
        self._arrivals = arrivals
        self._offered: dict[Channel, Characteristic] = {}
        self._inboxes: dict[Channel, ArrivalsInbox] = {}
        self._pairing = asyncio.Lock()
        self._paired = False
        self._closed = False
        self._offer(characteristics)
        if (changed := self._offered.get(SERVICE_CHANGED)) is not None:
            arrivals.forget(changed.handle)

    @property
    def channels(self) -> Collection[Channel]:
        """The characteristics; of two with the same name in the same service, the first."""
        return self._offered.keys()

    async def read(self, channel: Channel, /) -> Frame:
        """Ask for the present value, at most `Deadlines.read`."""
        handle = self._find(channel).handle
        data = await self._request(channel, lambda: self._peer.read(handle), self._deadlines.read)
        return Frame(channel, data, self._clock.now())

    async def write(self, channel: Channel, data: bytes, /, *, acknowledged: bool = True) -> None:
        """Send bytes, at most `Deadlines.request`; first confirms the frame that was taken last.

        Raises ValueError for what no driver may write (`drivers.never_sent`).
        """
        refuse_forbidden(channel, data)
        handle = self._find(channel).handle
        self._arrivals.go_on()
        await self._request(
            channel,
            lambda: self._peer.write(handle, data, acknowledged=acknowledged),
            self._deadlines.request,
        )

    async def subscribe(self, channel: Channel, /) -> ArrivalsInbox:
        """Have the device send the channel; a second subscription gets the same inbox."""
        found = self._find(channel)
        if not (found.notifies or found.indicates):
            raise LinkRefused(f"{channel} does not send by itself", REQUEST_NOT_SUPPORTED)
        if channel not in self._inboxes:
            inbox = self._arrivals.inbox(found.handle, channel)
            await self._request(
                channel,
                lambda: self._peer.enable(found.handle, indications=not found.notifies),
                self._deadlines.request,
            )
            self._inboxes[channel] = inbox
        return self._inboxes[channel]

    async def discover(self) -> None:
        """Look again at what the device offers. Raises LinkError."""
        asking = self._peer.discover()
        self._offer(
            await self._ask(asking, self._deadlines.request, "asking what the device offers")
        )

    def _offer(self, characteristics: Iterable[Characteristic]) -> None:
        for characteristic in characteristics:
            self._offered.setdefault(characteristic.channel, characteristic)

    async def pair(self) -> None:
        """Pair now, unless that was done on this link. Raises PairingNeeded, LinkError."""
        async with self._pairing:
            if not self._paired:
                lost = asyncio.ensure_future(self._lost_and_told_why())
                try:
                    await self._ask(self._peer.pair(), self._deadlines.pair, "pairing", lost)
                finally:
                    lost.cancel()
                self._paired = True

    async def _lost_and_told_why(self) -> str:
        why = await asyncio.shield(self._arrivals.lost)
        await asyncio.sleep(WHY_WITHIN_S)
        return why

    async def close(self) -> None:
        """End the connection."""
        if self._closed:
            return
        self._closed = True
        try:
            with suppress(GatewayError):  # it is gone, or will be when the device has enough
                await within(self._peer.disconnect(), CLOSE_S, "ending the connection")
        finally:
            self._arrivals.lose("the gateway ended the connection")

    def _find(self, channel: Channel) -> Characteristic:
        self._arrivals.check()
        try:
            return self._offered[channel]
        except KeyError:
            raise LinkRefused(f"the device has no {channel}", ATTRIBUTE_NOT_FOUND) from None

    async def _request(
        self, channel: Channel, ask: Callable[[], Coroutine[object, object, T]], deadline: float
    ) -> T:
        try:
            return await self._once(channel, ask(), deadline)
        except LinkRefused as refusal:
            if refusal.code not in NEEDS_PAIRING:
                raise
        await self.pair()
        try:
            return await self._once(channel, ask(), deadline)
        except LinkRefused as refusal:
            if refusal.code not in NEEDS_PAIRING:
                raise
            raise PairingNeeded(
                f"{channel} stays closed after pairing without a code (ATT error"
                f" {refusal.code:#04x}): pair the device with its code."
            ) from refusal

    async def _once(
        self, channel: Channel, asking: Coroutine[object, object, T], deadline: float
    ) -> T:
        try:
            return await self._ask(asking, deadline, f"asking for {channel}")
        except (LinkTimeout, asyncio.CancelledError):
            # No other request may follow an unanswered one on this connection (Core 5.4, Vol 3,
            # Part F, 3.3.3): a late answer would be taken for the answer to the next request.
            self._arrivals.lose(f"the device left a request to {channel} unanswered")
            raise

    async def _ask(
        self,
        asking: Coroutine[object, object, T],
        deadline: float,
        what: str,
        lost: asyncio.Future[str] | None = None,
    ) -> T:
        try:
            return await within(asking, deadline, what, lost or self._arrivals.lost)
        except LinkError as error:
            # Devices hang up when a pairing fails, so that it looks like a lost link.
            if (problem := self._peer.pairing_problem()) is not None:
                raise PairingNeeded(problem) from error
            raise


async def bonded_first(
    link: GattLink,
    sighting: Sighting,
    manifest: Manifest,
    connect: Callable[[], Awaitable[GattLink]],
) -> GattLink:
    """Return the link, paired first if the device is one of the manifest's `bonds_first`.

    What a device shows to a bonded partner only is looked for at once, and by connecting once more.
    Raises PairingNeeded, LinkError; the link is then closed.
    """
    first = manifest.bonds_first & (_services(link) | sighting.services)
    if link.bonded or not first:
        return link
    try:
        await link.pair()
        if not first <= _services(link):
            await link.discover()
    except BaseException:
        await link.close()
        raise
    if first <= _services(link):
        return link
    await link.close()
    return await connect()


def _services(link: GattLink) -> set[str]:
    return {service_of(channel) for channel in link.channels}


async def within(
    asking: Coroutine[object, object, T],
    seconds: float,
    what: str,
    lost: asyncio.Future[str] | None = None,
) -> T:
    """Await one question to a stack; raises LinkTimeout, or LinkLost as soon as the link is gone.

    It runs in a task of its own: a stack cancels what waits for an answer when a connection ends,
    and that must not look as if the gateway itself had been cancelled.
    """
    task = asyncio.ensure_future(asking)
    try:
        waiting: set[asyncio.Future[Any]] = {task} if lost is None else {task, lost}
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        ended_by_stack = task.cancelled()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=CLOSE_S)
        if task.done() and not task.cancelled():
            task.exception()  # asking for it keeps asyncio from complaining when nobody else does
    if task.done() and not task.cancelled():
        return task.result()
    if lost is not None and lost.done():
        raise LinkLost(lost.result())
    if ended_by_stack:
        raise LinkLost(f"the connection ended while {what}")
    raise LinkTimeout(f"{what} took longer than {seconds:g} s")
