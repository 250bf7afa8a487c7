"""One connection of bumble, as `GattLink` uses it, and bumble's errors as the gateway's.

bumble hands an indication to its subscribers and confirms it in the same breath, long before a
reading could be on disk. Its two handlers of what a server sends are therefore replaced by ones
that put the frame into `Arrivals` together with its confirmation.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from bumble import att, core, hci
from bumble.gatt import GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR as CCCD

from gateway.drivers.api import gatt
from gateway.errors import LinkLost, LinkRefused, LinkTimeout, PairingNeeded
from gateway.transport.arrivals import Arrivals
from gateway.transport.gatt_link import ATTRIBUTE_NOT_FOUND, Characteristic, Deadlines, within
from gateway.transport.hci.bonds import Bonds
from gateway.transport.hci.pairing import address_of
from gateway.transport.pairing import BOND_LOST, Interview, pairing_failed
from gateway.transport.rotating_names import RotatingNames

MTU = 247
"""Fills one link-layer packet of 251 bytes, the largest there is, and no more."""
BOND_WITHIN_S = 2.0
"""Keys are exchanged and written within milliseconds; guess, on a card that is slow."""
FAILURES = (
    core.BaseBumbleError,
    hci.HCI_Error,
    struct.error,
    ValueError,
    OSError,
    AssertionError,
)
"""What bumble raises when the other side is gone, refuses, or sends what cannot be read or was not
expected: of a controller that answers late it takes one answer for another's."""
_NOTIFY, _INDICATE = 0x10, 0x20
_NOT_BONDED = frozenset(
    {
        hci.HCI_AUTHENTICATION_FAILURE_ERROR,
        hci.HCI_PIN_OR_KEY_MISSING_ERROR,
        hci.HCI_CONNECTION_TERMINATED_DUE_TO_MIC_FAILURE_ERROR,
    }
)
"""How encrypting fails where the device has no key of ours any more, or another one. With others it
went out of reach or is busy, and its bond is as good as before."""


class BumblePeer:
    """One connection, as `GattLink` uses it."""

    def __init__(
        self,
        connection: Any,
        arrivals: Arrivals,
        end: Callable[[Any], Coroutine[object, object, None]],
        bonds: Bonds,
        deadlines: Deadlines,
        interview: Interview,
        names: RotatingNames,
    ) -> None:
        self.connection = connection
        self._end = end
        self._interview = interview
        self._address = address_of(connection)
        self._deadlines = deadlines
        self._client = connection.gatt_client
        self._arrivals = arrivals
        self._bonds = bonds
        self._names = names
        self._attributes: dict[int, Any] = {}
        self._pairing: asyncio.Task[None] | None = None
        self._ended_with: int | None = None
        self._listen()

    def _listen(self) -> None:
        confirm = partial(self._client.send_confirmation, att.ATT_Handle_Value_Confirmation())
        self._client.on_att_handle_value_notification = lambda sent: self._arrivals.arrived(
            sent.attribute_handle, sent.attribute_value
        )
        self._client.on_att_handle_value_indication = lambda sent: self._arrivals.arrived(
            sent.attribute_handle, sent.attribute_value, confirm
        )
        self.connection.on("disconnection", self._on_disconnection)
        self.connection.on("security_request", self._on_security_request)

    def _on_disconnection(self, reason: int) -> None:
        self._ended_with = reason
        # bumble gives no reason where the controller went, or was reset, with all its connections.
        why = hci.HCI_Constant.error_name(reason) if reason else "so did its controller"
        self._arrivals.lose(f"the connection ended ({why})")

    def _on_security_request(self, _: object) -> None:
        """Pair with a device that asks for it: perhaps it says nothing until then."""
        if not self.bonded and not self.connection.is_encrypted:
            self._begin_pairing()

    @property
    def bonded(self) -> bool:
        """Whether there is a bond with the device."""
        return self._bonds.of(address_of(self.connection)) is not None

    async def encrypt_if_bonded(self) -> None:
        """Use the bond at once: some devices show their services only to a bonded partner."""
        if not self.bonded:
            return
        try:
            with translated("encrypting the connection", keep=hci.HCI_Error):
                encrypting = self.connection.encrypt()
                await within(
                    encrypting,
                    self._deadlines.pair,
                    "encrypting the connection",
                    self._arrivals.lost,
                )
        except (hci.HCI_Error, LinkLost) as error:
            code = error.error_code if isinstance(error, hci.HCI_Error) else self._ended_with
            if code in _NOT_BONDED:
                # Not paired anew by itself: whoever pretends to be the device would be let in.
                raise PairingNeeded(BOND_LOST) from error
            if isinstance(error, LinkLost):
                raise
            raise LinkLost(f"encrypting the connection failed ({_name_of(error)})") from error

    async def discover(self) -> list[Characteristic]:
        """Agree on packet sizes and list the characteristics."""
        return await within(
            self._discover(),
            self._deadlines.request,
            "asking what the device offers",
            self._arrivals.lost,
        )

    async def _discover(self) -> list[Characteristic]:
        with suppress(att.ATT_Error), translated("agreeing on sizes", keep=att.ATT_Error):
            await self._client.request_mtu(MTU)
        found = []
        with translated("asking what the device offers"):
            for service in await self._client.discover_services():
                for it in await service.discover_characteristics():
                    self._attributes[it.handle] = it
                    channel = gatt(service.uuid.to_hex_str("-"), it.uuid.to_hex_str("-"))
                    sends = (bool(it.properties & bit) for bit in (_NOTIFY, _INDICATE))
                    found.append(Characteristic(channel, it.handle, *sends))
        return found

    async def read(self, handle: int, /) -> bytes:
        """Read a value, however long."""
        with translated("reading a value"):
            return bytes(await self._client.read_value(handle))

    async def write(self, handle: int, data: bytes, /, *, acknowledged: bool) -> None:
        """Write a value."""
        with translated("writing a value"):
            await self._client.write_value(handle, data, with_response=acknowledged)

    async def enable(self, handle: int, /, *, indications: bool) -> None:
        """Write the descriptor that switches notifications or indications on."""
        attribute = self._attributes[handle]
        with translated("subscribing to a value"):
            if attribute.get_descriptor(CCCD) is None:
                await attribute.discover_descriptors()
            if (switch := attribute.get_descriptor(CCCD)) is None:
                raise LinkRefused("the device offers no way to subscribe", ATTRIBUTE_NOT_FOUND)
            value = b"\x02\x00" if indications else b"\x01\x00"
            await self._client.write_value(switch, value, with_response=True)

    async def pair(self) -> None:
        """Pair, with what the owner says if they are asked; the bond is on disk when it returns.

        Raises ConfigError if it cannot be kept there.
        """
        await asyncio.shield(self._begin_pairing())

    def _begin_pairing(self) -> asyncio.Task[None]:
        """Return the pairing that is under way or done; begin one after one that failed."""
        if self._pairing is None or _failed_already(self._pairing):
            self._pairing = asyncio.ensure_future(self._pair())
            self._pairing.add_done_callback(_failed_already)  # nobody may be there to hear of it
        return self._pairing

    async def _pair(self) -> None:
        try:
            if not await self._interview.agrees(self._address):
                raise PairingNeeded(self.pairing_problem() or pairing_failed("refused"))
            await self.connection.pair()
        except FAILURES as error:
            if isinstance(error, core.ProtocolError):  # of the Security Manager, ours or theirs
                self._interview.denied(self._address)
            raise PairingNeeded(
                self.pairing_problem() or pairing_failed(_name_of(error))
            ) from error
        self._interview.worked(self._address)
        self._bonds.check()
        identity = address_of(self.connection)
        if identity != self._address:
            await asyncio.to_thread(self._names.call, identity, self._address)

    def pairing_problem(self) -> str | None:
        """Say what became of what the owner was asked, unless all is well."""
        why = self._interview.failure(self._address)
        return None if why is None else pairing_failed(why)

    async def disconnect(self) -> None:
        """End the connection; nothing more is asked about the device."""
        if self._pairing is not None and self.connection.is_encrypted:
            # The device has our keys; ours for it may still be on their way to the disk.
            await asyncio.wait({self._pairing}, timeout=BOND_WITHIN_S)
        self._interview.leave(self._address)
        if _is_up(self.connection):
            with translated("ending the connection"):
                await self._end(self.connection)


@contextmanager
def translated(doing: str, keep: type[Exception] | tuple[()] = ()) -> Iterator[None]:
    """Raise the gateway's errors for bumble's; those of `keep` pass as they are."""
    try:
        yield
    except keep:
        raise
    except att.ATT_Error as error:
        code = int(error.error_code)
        raise LinkRefused(f"{doing} was refused (ATT error {code:#04x})", code) from error
    except core.TimeoutError as error:
        raise LinkTimeout(f"{doing}: no answer") from error
    except FAILURES as error:
        raise LinkLost(f"the link failed while {doing} ({_name_of(error)})") from error


def _name_of(error: Exception) -> str:
    """Name an error without its details: an address may be among them."""
    return getattr(error, "error_name", "") or type(error).__name__


def _failed_already(pairing: asyncio.Task[None]) -> bool:
    return pairing.done() and (pairing.cancelled() or pairing.exception() is not None)


def _is_up(connection: Any) -> bool:
    """Whether the controller knows it still; asked to end any other, it may never answer."""
    return connection.device.lookup_connection(connection.handle) is connection
