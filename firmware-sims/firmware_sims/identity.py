"""Who a virtual device is: what it advertises, what it says about itself, how it pairs."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bumble.pairing import PairingConfig, PairingDelegate

_ADVERTISING_ROOM = 31  # octets of a legacy advertisement (Core, Vol 6 B 2.3.1.1)


class Pairing(StrEnum):
    """What a device asks before it gives health data away."""

    NONE = "none"
    JUST_WORKS = "just_works"
    PASSKEY = "passkey"
    """It shows `Identity.passkey`, to be typed at the collector."""
    KEYPAD = "keypad"
    """The collector shows a code, to be typed on the device's `Panel`."""
    NUMBERS = "numbers"
    """Both show a number; the device's is on its `Panel`."""


class Panel:
    """What a person at a device types on it and reads from it while it pairs."""

    def __init__(self) -> None:
        self.keyed: asyncio.Queue[int] = asyncio.Queue()
        """Codes that the person types."""
        self.shown: asyncio.Queue[int] = asyncio.Queue()
        """Numbers that the device shows; whoever looks, agrees to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a device says about itself.

    The address is a static random one, C0:.. to FF:..; of a device on a USB cable, the path of the
    socket where it is.
    `pairable` says whether it lets itself be paired at this moment. A `private` device calls under
    a resolvable address of the moment, and tells the address that is its own when it is paired.
    """

    name: str
    address: str
    manufacturer: str
    model: str
    serial: str
    firmware: str = "1.0.0"
    pairing: Pairing = Pairing.NONE
    passkey: int = 0
    panel: Panel = field(default_factory=Panel, compare=False)
    pairable: Callable[[], bool] = lambda: True
    private: bool = False


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
    match identity.pairing:
        case Pairing.PASSKEY:
            delegate: _Device = _PasskeyDisplay(identity)
        case Pairing.KEYPAD:
            delegate = _Keypad(identity)
        case Pairing.NUMBERS:
            delegate = _NumberDisplay(identity)
        case _:
            delegate = _Device(identity, PairingDelegate.NO_OUTPUT_NO_INPUT)
    return PairingConfig(
        mitm=identity.pairing not in (Pairing.NONE, Pairing.JUST_WORKS),
        delegate=delegate,
        identity_address_type=PairingConfig.AddressType.RANDOM,
    )


class _Device(PairingDelegate):  # type: ignore[misc]  # bumble carries no types
    """Agrees to be paired while the device is pairable."""

    def __init__(self, identity: Identity, io_capability: Any) -> None:
        super().__init__(io_capability=io_capability)
        self._identity = identity

    async def accept(self) -> bool:
        return self._identity.pairable()


class _PasskeyDisplay(_Device):
    """A display that always shows the passkey of the scenario."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity, PairingDelegate.DISPLAY_OUTPUT_ONLY)

    async def generate_passkey(self) -> int:
        return self._identity.passkey


class _Keypad(_Device):
    """Keys and no display."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity, PairingDelegate.KEYBOARD_INPUT_ONLY)

    async def get_number(self) -> int:
        return await self._identity.panel.keyed.get()


class _NumberDisplay(_Device):
    """A display, and a key to say that both show the same."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity, PairingDelegate.DISPLAY_OUTPUT_AND_YES_NO_INPUT)

    async def compare_numbers(self, number: int, digits: int) -> bool:
        self._identity.panel.shown.put_nowait(number)
        return True
