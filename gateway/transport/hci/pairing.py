"""Answers what bumble asks while it pairs, with the owner at hand or without."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from bumble import smp
from bumble.pairing import PairingConfig, PairingDelegate

from gateway.errors import ConfigError
from gateway.transport.hci.bonds import Bonds
from gateway.transport.pairing import TAKEN, Interview
from gateway.transport.rotating_names import RotatingNames


def pairing_rules(interview: Interview) -> Callable[[Any], Any]:
    """Return how bumble pairs a connection: without any code if nobody is there to type one."""

    def rules(connection: Any) -> Any:
        delegate = PairingDelegate(io_capability=PairingDelegate.NO_OUTPUT_NO_INPUT)
        if interview.attended:
            delegate = _Attended(interview, address_of(connection))
        return PairingConfig(
            mitm=interview.attended,  # as far as the device can: one without a code has none
            delegate=delegate,
            identity_address_type=PairingConfig.AddressType.RANDOM,
        )

    return rules


def sessions_of(bonds: Bonds, names: RotatingNames, interview: Interview) -> type[Any]:
    """Return how bumble holds a pairing: a device may not claim to be another one.

    It tells at the end of its pairing which address is its own, and would be taken for that device
    from then on.
    """

    class Session(smp.Session):  # type: ignore[misc]  # bumble carries no types
        def on_smp_identity_address_information_command(self, command: Any) -> None:
            address = self.connection.peer_address
            if address.is_public or address.is_static:
                # It was connected under its own address, and has no other; as Linux has it (smp.c).
                command.bd_addr = address
            elif (why := _doubt(command.bd_addr.to_string(False))) is not None:
                interview.fails(address_of(self.connection), why)
                self.send_pairing_failed(smp.ErrorCode.UNSPECIFIED_REASON)
                return
            super().on_smp_identity_address_information_command(command)

        async def on_pairing(self) -> None:
            """Keep what the device is called before its bond is kept: the bond hides its name."""
            address, identity = address_of(self.connection), self.peer_bd_addr
            if identity is not None and (own := identity.to_string(False)) != address:
                with suppress(ConfigError):  # whoever asked for the pairing is told
                    await asyncio.to_thread(names.call, own, address)
            await super().on_pairing()

    def _doubt(claimed: str) -> str | None:
        if bonds.of(claimed) is not None:
            # Were it that one, its keys would have told so as it was connected.
            return "it says that it is another device, which is paired already"
        return TAKEN if names.is_taken(claimed) else None

    return Session


def address_of(connection: Any) -> str:
    """Name the device as sightings do."""
    return str(connection.peer_address.to_string(False)).upper()


class _Attended(PairingDelegate):  # type: ignore[misc]  # bumble carries no types
    """A keyboard and a display, by way of the owner."""

    def __init__(self, interview: Interview, address: str) -> None:
        super().__init__(io_capability=PairingDelegate.DISPLAY_OUTPUT_AND_KEYBOARD_INPUT)
        self._interview = interview
        self._address = address

    async def get_number(self) -> int | None:
        return await self._interview.typed(self._address)

    async def display_number(self, number: int, digits: int) -> None:
        self._interview.show(self._address, number)

    async def compare_numbers(self, number: int, digits: int) -> bool:
        """Compare what the owner reads from the device; who only agrees may not have looked."""
        return await self._interview.typed(self._address) == number
