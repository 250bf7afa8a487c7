"""Who a virtual device is: what it advertises, what it says about itself, how it pairs."""

from collections.abc import Callable, Sequence
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
    """What a device says about itself. The address is a static random one: C0:.. to FF:..

    `pairable` says whether it lets itself be paired at this moment.
    """

    name: str
    address: str
    manufacturer: str
    model: str
    serial: str
    firmware: str = "1.0.0"
    pairing: Pairing = Pairing.NONE
    passkey: int = 0
    pairable: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class Advertisement:
    """What a device calls out, and what it answers to a scan request, 31 octets at most each."""

    data: bytes
    response: bytes = b""


def advertisement(
    identity: Identity,
    services: Sequence[int] = (),
    *,
    vendor_service: str | None = None,
    service_data: tuple[int, bytes] | None = None,
    maker_data: tuple[int, bytes] | None = None,
) -> Advertisement:
    """Return flags (general discoverable, no BR/EDR), services, data by 16-bit UUID, and the name.

    What does not fit the advertisement goes into the scan response (Core, Vol 6 B 2.3.1.1; Core
    Specification Supplement part A). Raises ValueError for a name too long for either.
    """
    structures = [b"\x01\x06"]
    if services:
        structures.append(b"\x03" + b"".join(uuid.to_bytes(2, "little") for uuid in services))
    if vendor_service is not None:
        structures.append(b"\x07" + bytes.fromhex(vendor_service.replace("-", ""))[::-1])
    for kind, pair in ((0x16, service_data), (0xFF, maker_data)):
        if pair is not None:
            structures.append(bytes([kind]) + pair[0].to_bytes(2, "little") + pair[1])
    structures.append(b"\x09" + identity.name.encode())
    data, response = b"", b""
    for structure in structures:
        octets = bytes([len(structure)]) + structure
        if not response and len(data + octets) <= _ADVERTISING_ROOM:
            data += octets
        else:
            response += octets
    if len(response) > _ADVERTISING_ROOM:
        raise ValueError(f"the name {identity.name!r} does not fit its advertisement")
    return Advertisement(data, response)


def pairing_config(identity: Identity) -> Any:
    """Return the rules of bumble's pairing for a device."""
    passkey = identity.pairing is Pairing.PASSKEY
    return PairingConfig(
        mitm=passkey,
        delegate=_PasskeyDisplay(identity) if passkey else _Agreeing(identity),
        identity_address_type=PairingConfig.AddressType.RANDOM,
    )


class _Agreeing(PairingDelegate):  # type: ignore[misc]  # bumble carries no types
    """Agrees to be paired while the device is pairable."""

    def __init__(self, identity: Identity, **capabilities: Any) -> None:
        super().__init__(**capabilities)
        self._identity = identity

    async def accept(self) -> bool:
        return self._identity.pairable()


class _PasskeyDisplay(_Agreeing):
    """A display that always shows the passkey of the scenario."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity, io_capability=PairingDelegate.DISPLAY_OUTPUT_ONLY)

    async def generate_passkey(self) -> int:
        return self._identity.passkey
