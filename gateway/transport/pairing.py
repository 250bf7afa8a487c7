"""What a person is asked while a device pairs, whatever the Bluetooth stack."""

from __future__ import annotations

from typing import Protocol


class Owner(Protocol):
    """The person who stands at the device. Devices are named by their address.

    `within` is how long (s) the device waits; an answer that comes later is worth nothing. A
    question that is no longer wanted is cancelled.
    """

    async def type_code(self, address: str, within: float, /) -> int | None:
        """Return the six digits that the device shows; None if they refuse."""
        ...

    async def show_code(self, address: str, code: int, within: float, /) -> None:
        """Show six digits to be typed on the device, until cancelled."""
        ...

    async def confirm(self, address: str, within: float, /) -> bool:
        """Return whether the device may pair without any code."""
        ...
