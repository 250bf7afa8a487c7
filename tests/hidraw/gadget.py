"""A USB device made of software, by Linux's own gadget framework: a real one to whoever reads it.

`dummy_hcd` is a USB cable inside the kernel. What is on its other end is described in configfs, and
`/dev/hidgN` is its firmware: each read is a report that the host sent, each write one for the host.
"""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from gateway.transport.hidraw import UsbId

_GADGETS = Path("/sys/kernel/config/usb_gadget")
_CONTROLLER = "dummy_udc.0"
_ENGLISH = "strings/0x409"
_WITHIN_S = 2.0

REPORTS_OF_64 = bytes.fromhex(
    "06 00ff 09 01 a1 01"  # a collection of a vendor's own kind
    "15 00 26 ff00 75 08 95 40"  # 64 values of 8 bits
    "09 01 81 02"  # which it sends
    "09 02 91 02"  # and which it takes
    "c0"
)


class Gadget:
    """One HID device with this USB id, plugged in from the start.

    Without `out_endpoint` the host sends reports by control transfers, as a description of Abbott's
    devices has it (glucometer-protocols, abbott/shared-hid-protocol).
    """

    def __init__(self, usb: UsbId, serial: str | None, *, out_endpoint: bool = True) -> None:
        vendor, product = usb
        self._folder = _GADGETS / "device"
        self._folder.mkdir()
        self._set("idVendor", f"{vendor:#06x}")
        self._set("idProduct", f"{product:#06x}")
        (self._folder / _ENGLISH).mkdir()
        self._set(f"{_ENGLISH}/manufacturer", "Abbott Diabetes Care")
        self._set(f"{_ENGLISH}/product", "ADC Reader")
        if serial is not None:
            self._set(f"{_ENGLISH}/serialnumber", serial)
        function = self._folder / "functions" / "hid.0"
        function.mkdir()
        self._set("functions/hid.0/report_length", "64")
        self._set("functions/hid.0/no_out_endpoint", str(int(not out_endpoint)))
        (function / "report_desc").write_bytes(REPORTS_OF_64)
        (self._folder / "configs" / "c.1").mkdir()
        (self._folder / "configs" / "c.1" / "hid.0").symlink_to(function)
        self.plug()

    def __enter__(self) -> Self:
        """Be there for as long as the block lasts."""
        return self

    def plug(self) -> None:
        """Put it into its socket; `/dev/hidraw` follows a little later."""
        self._set("UDC", _CONTROLLER)
        number = (self._folder / "functions/hid.0/dev").read_text().partition(":")[2].strip()
        self.firmware = os.open(f"/dev/hidg{number}", os.O_RDWR | os.O_NONBLOCK)

    def unplug(self) -> None:
        """Pull it out."""
        os.close(self.firmware)
        self._set("UDC", "")

    def send(self, reports: Iterable[bytes]) -> int:
        """Send reports as fast as the host takes them, or until it takes none; returns how many."""
        sent = 0
        for report in reports:
            if not self._is_ready(select.POLLOUT):
                break
            os.write(self.firmware, report)
            sent += 1
        return sent

    def receive(self) -> bytes:
        """Return the next report that the host sent."""
        assert self._is_ready(select.POLLIN), "the host sent nothing"
        return os.read(self.firmware, 4096)

    def __exit__(self, *_: object) -> None:
        """Unmake it."""
        with contextlib.suppress(OSError):
            self.unplug()
        (self._folder / "configs" / "c.1" / "hid.0").unlink()
        for part in ("configs/c.1", "functions/hid.0", _ENGLISH, "."):
            (self._folder / part).rmdir()

    def _is_ready(self, event: int) -> bool:
        waiting = select.poll()
        waiting.register(self.firmware, event)
        return bool(waiting.poll(1000 * _WITHIN_S))

    def _set(self, name: str, value: str) -> None:
        (self._folder / name).write_text(value + "\n")
