"""Connects to one device at a time: a controller has one pending connection, and may end it late.

A connection that nobody wants any more is ended. One that comes when its attempt was given up, and
another device is wanted by then, must not be taken for that one: the readings of two people would
be mixed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bumble import core, hci

from gateway.errors import LinkError, LinkLost, LinkTimeout
from gateway.transport.arrivals import Arrivals
from gateway.transport.gatt_link import CLOSE_S, Deadlines, within
from gateway.transport.hci.peer import FAILURES, BumblePeer, translated

End = Callable[[Any], Coroutine[object, object, None]]
PeerOf = Callable[[Any, Arrivals, End], BumblePeer]
"""Makes the peer of a connection of bumble's, which ends it by the last; what arrives on it is kept
from then on."""
OVERDUE_S = 35.0
"""A connection ends within its supervision timeout: 32 s at most (Core 5.4, Vol 4, Part E,
7.8.12)."""
IN_VAIN = 3
"""After so many connections on which a controller took nothing along it is begun anew; guess."""


@dataclass(slots=True)
class _Attempt:
    """A connection that is wanted, and what came of it."""

    address: Any
    arrivals: Arrivals
    peer: BumblePeer | None = None

    def is_for(self, connection: Any) -> bool:
        """Tell whether this connection is the one, by the address it has or resolves to."""
        return self.address in (connection.peer_address, connection.peer_resolvable_address)


class Connecting:
    """What makes connections. `mute` is called when the controller does not answer any more."""

    def __init__(
        self, device: Any, deadlines: Deadlines, peer_of: PeerOf, mute: Callable[[], None]
    ) -> None:
        self.turn = asyncio.Lock()
        """Held while a connection is being made."""
        self._device = device
        self._deadlines = deadlines
        self._peer_of = peer_of
        self._mute = mute
        self._attempt: _Attempt | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._in_vain = 0
        device.on("connection", self._on_connection)
        self._took = device.host.on_hci_number_of_completed_packets_event
        device.host.on_hci_number_of_completed_packets_event = self._on_packets_taken

    async def connect(self, address: Any, arrivals: Arrivals) -> BumblePeer:
        """Connect; all that the device sends is in `arrivals` from its beginning.

        Raises LinkTimeout, LinkLost.
        """
        async with self.turn:
            self._attempt = attempt = _Attempt(address, arrivals)
            try:
                connection = await self._reach(address)
                if attempt.peer is None or attempt.peer.connection is not connection:
                    await self._give_up()
                    raise LinkLost("another device was connected in its place")
                return attempt.peer
            except BaseException:
                if attempt.peer is not None:  # it came as the attempt was being given up
                    self._leave(attempt.peer.connection)
                raise
            finally:
                self._attempt = None

    async def _reach(self, address: Any) -> Any:
        try:
            with translated("connecting to the device", keep=hci.HCI_Error):
                return await self._ask(address)
        except hci.HCI_Error as error:
            if error.error_code != hci.HCI_COMMAND_DISALLOWED_ERROR or not self._device.scanning:
                raise LinkLost(f"connecting to the device failed ({error.error_name})") from error
        # To scan and to connect at once is optional for a controller (Core 5.4, Vol 4, Part E,
        # 7.8.27).
        with translated("connecting without scanning"):
            await self._device.stop_scanning()
            try:
                return await self._ask(address)
            finally:
                with suppress(hci.HCI_Error):  # nor beside a connection; then later
                    await self._device.start_scanning(active=True)

    async def _ask(self, address: Any) -> Any:
        le = core.PhysicalTransport.LE
        connecting = self._device.connect(address, transport=le, timeout=None)
        try:
            return await within(connecting, self._deadlines.connect, "connecting to the device")
        except core.CommandTimeoutError as error:
            self._mute()
            raise LinkTimeout(
                "connecting to the device: the Bluetooth controller did not answer"
            ) from error
        except (LinkTimeout, asyncio.CancelledError):
            await self._give_up()
            raise

    async def _give_up(self) -> None:
        """Have the controller connect to nobody any more. It answers that at once, or is stuck."""
        # bumble has forgotten it, and stumbles over a connection that comes after all.
        self._device.connect_own_address_type = hci.OwnAddressType.RANDOM
        cancel = hci.HCI_LE_Create_Connection_Cancel_Command()
        try:
            with suppress(*FAILURES):  # it was connecting to nobody
                await within(self._device.send_sync_command(cancel), CLOSE_S, "giving up")
        except LinkTimeout:
            self._mute()
        except LinkError:  # the controller is gone
            pass

    def _on_connection(self, connection: Any) -> None:
        attempt = self._attempt
        if attempt is None or not attempt.is_for(connection):
            self._leave(connection)  # an attempt that was given up came through after all
            return
        attempt.peer = self._peer_of(connection, attempt.arrivals, self.end)

    def _on_packets_taken(self, event: Any) -> None:
        self._in_vain = 0
        self._took(event)

    async def end(self, connection: Any) -> None:
        """End a connection on which we said something; each begins with a question of ours.

        A controller whose queue is stuck takes none of them along, however good its connections.
        """
        self._in_vain += 1
        if self._in_vain >= IN_VAIN:
            self._mute()
        await self._hang_up(connection)

    async def _hang_up(self, connection: Any) -> None:
        overdue = asyncio.get_running_loop().call_later(OVERDUE_S, self._mute)
        connection.once("disconnection", lambda _: overdue.cancel())
        await connection.disconnect()

    def _leave(self, connection: Any) -> None:
        leaving = asyncio.ensure_future(quietly(self._hang_up(connection)))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)


async def quietly(ending: Coroutine[object, object, None]) -> None:
    """End a connection, whatever comes of it."""
    with suppress(LinkError, *FAILURES):
        await within(ending, CLOSE_S, "ending the connection")
