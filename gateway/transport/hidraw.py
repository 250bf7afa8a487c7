"""Linux's hidraw: the HID devices that a driver knows by their USB id, and no others.

Keyboards are here too, and what is typed on them must never be near the gateway. So a device is
told by the name of its folder in sysfs, bus, vendor and product (`0003:1A61:3650.0001`), before
anything else of it is looked at, and once more by what was opened: numbers are given anew.

Documentation/hid/hidraw.rst and drivers/hid/hidraw.c of Linux have the rest.
"""

from __future__ import annotations

import fcntl
import os
import re
import struct
from collections.abc import Collection, Iterator
from pathlib import Path

from gateway.drivers.api import Reach
from gateway.errors import RadioTrouble, RadioUnavailable
from gateway.transport.usb_device import UsbDevice

UsbId = tuple[int, int]

_CLASS = Path("/sys/class/hidraw")
_USB_DEVICE = re.compile(r"0003:([0-9A-F]{4}):([0-9A-F]{4})\.[0-9A-F]+")  # bus 3 is USB
_INTERFACE = re.compile(r"([0-9]+-[0-9.]+):[0-9.]+")
_INFO = struct.Struct("=IHH")  # bus, vendor, product
_HIDIOCGRAWINFO = 0x80084803  # _IOR('H', 3, struct hidraw_devinfo)
_BUS_USB = 3


def hid_devices(known: Collection[UsbId], listing: Path = _CLASS) -> list[UsbDevice]:
    """List the HID devices with these USB ids that are there now; of others nothing is read."""
    return list(_listed(known, listing))


def _listed(known: Collection[UsbId], listing: Path) -> Iterator[UsbDevice]:
    try:
        names = sorted(each.name for each in listing.iterdir())
    except FileNotFoundError:  # a machine without any HID device
        return
    for name in names:
        usb = usb_id(name, listing)
        if usb is None or usb not in known:
            continue
        device = (listing / name / "device").resolve()
        said = _uevent(device)
        socket = _INTERFACE.fullmatch(device.parent.name)
        yield UsbDevice(
            f"/dev/{name}",
            usb,
            said.get("HID_UNIQ") or None,
            socket[1] if socket else name,
            said.get("HID_NAME") or None,
            Reach.HID,
            device.name,  # it ends in a number that no other device gets until Linux restarts
        )


def usb_id(name: str, listing: Path = _CLASS) -> UsbId | None:
    """Return the USB id of the HID device with this node, such as `hidraw0`; None if there is none.

    Looks at the name of its folder and at nothing else.
    """
    try:
        folder = (listing / name / "device").readlink()
    except OSError:
        return None
    found = _USB_DEVICE.fullmatch(folder.name)
    return (int(found[1], 16), int(found[2], 16)) if found else None


def node(path: str) -> str:
    """Name the node that a path leads to, such as `hidraw0`; udev gives them further names."""
    return Path(path).resolve().name


def open_hidraw(path: str, known: Collection[UsbId]) -> int:
    """Open the device for this process alone, as far as others ask for that. Raises OSError.

    RadioUnavailable if it is not a device with one of these USB ids: not a byte of it was read.
    """
    if usb_id(node(path)) not in known:
        raise not_ours(path)
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        bus, *usb = _INFO.unpack(fcntl.ioctl(descriptor, _HIDIOCGRAWINFO, bytes(_INFO.size)))
        if bus != _BUS_USB or tuple(usb) not in known:
            raise not_ours(path)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (OSError, RadioUnavailable):
        os.close(descriptor)
        raise
    return descriptor


def not_ours(path: str) -> RadioUnavailable:
    """Make the error that says that this is another HID device than was meant."""
    return RadioUnavailable(
        f"HID device {path} is not one that its driver knows by its USB id, and is left alone: name"
        " another one, or turn on [usb], which finds it by itself.",
        RadioTrouble.DENIED,
    )


def _uevent(device: Path) -> dict[str, str]:
    """Read what sysfs says of a device; nothing of one that is being pulled out."""
    try:
        lines = (device / "uevent").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    said: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition("=")
        said.setdefault(key, value.strip())
    return said
