"""What the owner's configuration says of Bluetooth; loads nothing of it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from gateway.transport.settings import WithoutCode


class BleSettings(BaseModel):
    """Which adapter to use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    adapter: str | None = Field(
        default=None,
        pattern=r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$",
        examples=["00:1A:7D:DA:71:13"],
    )
    """The adapter's address; unset, it is the first that is switched on.

    Not its name: hci0 and hci1 may change places at the next boot.
    """
    pairing_without_code: WithoutCode = WithoutCode.ACCEPT
    """Whether a device that was adopted may pair without a code: `accept`; `ask` its owner; or
    `refuse`, and use only devices with a code."""
