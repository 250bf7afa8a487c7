"""What the box has plugged in, once Linux knows it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateway.transport.hidraw import UsbId, hid_devices, usb_id
from gateway.transport.usb_device import UsbDevice

SOON = 20.0  # s; the box is slow
_KEYBOARD = (0x0627, 0x0001)  # QEMU's
_LOOKS_S = 0.05


async def found(usb: UsbId) -> UsbDevice:
    """Wait until Linux has a device with this id."""
    async with asyncio.timeout(SOON):
        while True:
            for device in hid_devices({usb}):
                if Path(device.path).exists():
                    return device
            await asyncio.sleep(_LOOKS_S)


async def keyboard() -> str:
    """Wait until Linux has the keyboard; returns its path."""
    async with asyncio.timeout(SOON):
        while True:
            for node in Path("/sys/class/hidraw").iterdir():
                if usb_id(node.name) == _KEYBOARD and Path("/dev", node.name).exists():
                    return f"/dev/{node.name}"
            await asyncio.sleep(_LOOKS_S)
