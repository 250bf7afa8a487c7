"""Answers what bumble asks while it pairs, with the owner at hand or without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bumble import smp
from bumble.pairing import PairingConfig, PairingDelegate

from gateway.transport.hci.bonds import Bonds
from gateway.transport.pairing import Interview


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


def sessions_of(bonds: Bonds, interview: Interview) -> type[Any]:
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
            elif bonds.of(command.bd_addr.to_string(False)) is not None:
                # Were it that one, its keys would have told so as it was connected.
                who = address_of(self.connection)
                interview.fails(who, "it says that it is another device, which is paired already")
                self.send_pairing_failed(smp.ErrorCode.UNSPECIFIED_REASON)
                return
            super().on_smp_identity_address_information_command(command)

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
