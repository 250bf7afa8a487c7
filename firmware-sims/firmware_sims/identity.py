"""Who a virtual device is: what it advertises, what it says about itself, how it pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bumble.pairing import PairingConfig, PairingDelegate

_ADVERTISING_ROOM = 31  # octets of a legacy advertisement (Core, Vol 6 B 2.3.1.1)


class Pairing(StrEnum):
    """What a device asks before it gives health data away."""

    NONE = "none"
    JUST_WORKS = "just_works"
    PASSKEY = "passkey"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a device says about itself. The address is a static random one: C0:.. to FF:.."""

    name: str
    address: str
    manufacturer: str
    model: str
    serial: str
    firmware: str = "1.0.0"
    pairing: Pairing = Pairing.NONE
    passkey: int = 0


def advertisement(identity: Identity, services: Sequence[int]) -> bytes:
    """Return flags (general discoverable, no BR/EDR), 16-bit services and name.

    Raises ValueError for a name too long to advertise.
    """
    uuids = b"".join(uuid.to_bytes(2, "little") for uuid in services)
    structures = (b"\x01\x06", b"\x03" + uuids, b"\x09" + identity.name.encode())
    data = b"".join(bytes([len(structure)]) + structure for structure in structures)
    if len(data) > _ADVERTISING_ROOM:
        raise ValueError(f"the name {identity.name!r} does not fit its advertisement")
    return data


def pairing_config(identity: Identity) -> Any:
    """Return the rules of bumble's pairing for a device."""
    passkey = identity.pairing is Pairing.PASSKEY
    return PairingConfig(
        mitm=passkey,
        delegate=_PasskeyDisplay(identity.passkey) if passkey else PairingDelegate(),
        identity_address_type=PairingConfig.AddressType.RANDOM,
    )


class _PasskeyDisplay(PairingDelegate):  # type: ignore[misc]  # bumble carries no types
    """A display that always shows the passkey of the scenario."""

    def __init__(self, passkey: int) -> None:
        super().__init__(io_capability=PairingDelegate.DISPLAY_OUTPUT_ONLY)
        self._passkey = passkey

    async def generate_passkey(self) -> int:
        return self._passkey
