"""What is plugged in on USB, as the transports list it."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.drivers.api import Reach


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """A serial port or an HID device of this machine, as its cable or itself describes it."""

    path: str
    usb: tuple[int, int]
    """Vendor and product id; of most ports, they tell the chip in the cable and not what hangs on
    it."""
    serial: str | None
    socket: str
    """Where it is plugged in, such as `1-1.3`; another socket is another name."""
    product: str | None
    reach: Reach = Reach.SERIAL
    plugging: str | None = None
    """Which plugging in this is, if the system counts them; the next device there has another."""
