"""What the owner's configuration says of cables, bare controllers and captures; loads none of them.

Of Bluetooth through the operating system: `ble.settings`.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.domain.device import DeviceId
from gateway.drivers.api import Line
from gateway.transport.cable_trouble import HID_DEVICE, gone

SCHEMES = ("tcp-client", "unix-client", "ws-client", "usb", "serial", "hci-socket")
PACKETS = "unix:"
"""Before a path of a packet socket, where each packet is a report."""


class WithoutCode(StrEnum):
    """What becomes of an adopted device that pairs without a code, which protects nobody well."""

    ACCEPT = "accept"
    ASK = "ask"
    REFUSE = "refuse"


class PortSettings(BaseModel):
    """One serial port of the configuration, and the driver of the device behind it.

    The driver is always named: most USB ids only say which adapter chip is in the cable.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", examples=["counter-cuff"])
    """What the owner calls it; names the device for good, so do not reuse it for another."""
    path: str = Field(pattern=r"^(/|socket://|rfc2217://).+", examples=["/dev/ttyUSB0"])
    """Such as `/dev/serial/by-id/...`, `/dev/ttyUSB0`, `socket://host:port`."""
    driver: str = Field(examples=["scale/tanita"])
    """Such as `scale/tanita`; docs/devices.md lists them."""
    baud: int | None = Field(default=None, ge=50, le=4_000_000, examples=[9600])
    """This and the next three: only where the device is not set as the driver expects."""
    data_bits: Literal[5, 6, 7, 8] | None = None
    """5 to 8."""
    parity: Literal["N", "E", "O", "M", "S"] | None = None
    """`N`one, `E`ven, `O`dd, `M`ark or `S`pace."""
    stop_bits: Literal[1, 2] | None = None
    """1 or 2."""
    serial: str | None = None
    """The device's serial number, from its label, for a device that does not say it: destinations
    tell devices apart by it."""
    settings: dict[str, str | int | bool] = Field(default_factory=dict)
    """The driver's own settings."""

    @property
    def device(self) -> DeviceId:
        """The id of the device behind it."""
        return DeviceId(f"serial:{self.name}")

    def absence(self) -> str | None:
        """Say, for people, that the port is not there now; None if it is. A URL is assumed to be.

        One that the service is not let at is there all the same, though access(2) denies that.
        """
        if "://" in self.path or os.path.exists(self.path):  # noqa: PTH110  no error is its answer
            return None
        return str(gone(self.path))

    def line(self, usual: Line) -> Line:
        """Return how to set the line: the driver's usual way, but for what the owner set."""
        return Line(
            baud=self.baud or usual.baud,
            data_bits=self.data_bits or usual.data_bits,
            parity=self.parity or usual.parity,
            stop_bits=self.stop_bits or usual.stop_bits,
        )


class HidSettings(BaseModel):
    """One HID device of the configuration, and its driver.

    A device on USB needs no such table: `[usb]` finds it. This is for a simulated one, and for a
    socket at a counter: whatever is plugged in there has the counter's name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", examples=["reader"])
    """What the owner calls it; at home it names one device for good: do not reuse it."""
    path: str = Field(pattern=r"^(unix:)?/.+", examples=["/dev/hidraw0"])
    """Such as `/dev/hidraw0`, or `unix:/path` of a packet socket where each packet is a report. A
    device whose USB id the driver does not know is left alone."""
    driver: str = Field(examples=["glucose_meter/my-meter"])
    """A driver of HID devices; docs/devices.md lists them."""
    serial: str | None = None
    """The device's serial number, from its label, for a device that does not say it: destinations
    tell devices apart by it."""
    settings: dict[str, str | int | bool] = Field(default_factory=dict)
    """The driver's own settings."""

    @property
    def device(self) -> DeviceId:
        """The id of the device."""
        return DeviceId(f"hid:{self.name}")

    def absence(self) -> str | None:
        """Say, for people, that the device is not there now; None if something is."""
        if os.path.exists(self.path.removeprefix(PACKETS)):  # noqa: PTH110  no error is its answer
            return None
        return str(gone(self.path, HID_DEVICE))


class UsbSettings(BaseModel):
    """Talk with what is plugged in, if its USB id tells for sure what it is (a Dexcom receiver).

    An empty table turns it on. Any other serial port on USB is listed by `scan` and never opened;
    any other HID device, such as a keyboard, is not even listed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


class HciSettings(BaseModel):
    """Where the controller is, and where the bonds are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(pattern=rf"^({'|'.join(SCHEMES)}):.+$", examples=["usb:0"])
    """`tcp-client:host:port`, `usb:0`, `serial:/dev/ttyUSB0,1000000`, `unix-client:/path`."""
    bonds: Path | None = None
    """The file of bonds; unless set, one beside the journal. It goes into backups."""
    address: str | None = Field(
        default=None,
        pattern=r"^[C-F][0-9A-F](:[0-9A-F]{2}){5}$",
        examples=["C4:5A:6B:7C:8D:9E"],
    )
    """A static random address instead of our own, which is made once and kept with the bonds."""

    pairing_without_code: WithoutCode = WithoutCode.ACCEPT
    """Whether a device that was adopted may pair without a code: `accept`; `ask` its owner; or
    `refuse`."""


class ReplaySettings(BaseModel):
    """A capture file to play once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Path = Field(examples=["/var/lib/healthspace-gateway/cuff.jsonl"])
    """Where it is; docs/capture-format.md says what stands in it."""
